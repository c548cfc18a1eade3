"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

BUNDLE = click.option(
    "--bundle",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Take everything from this file, which `kubeup release bundle` made; ask no network.",
)
