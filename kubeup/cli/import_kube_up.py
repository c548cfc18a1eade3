"""``kubeup import``: kube-up's config-default.sh becomes a profile."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from kubeup import importer
from kubeup.cli import console
from kubeup.model.errors import UsageError
from kubeup.report import imported as report


@click.command("import")
@click.argument("config", metavar="CONFIG", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the profile there, not on stdout."
)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def import_command(config: Path, output: Path | None, force: bool) -> None:
    """Make a profile of kube-up's cluster/ubuntu/config-default.sh, without carrying out anything in it.

    The profile goes to stdout; a table of what each old setting became, and the mistakes found on the way, to stderr.
    Exit code 2 where no profile can be made of the file.

    \b
    kubeup import config-default.sh > profile.yaml
    kubeup import config-default.sh -o profile.yaml
    """
    if output is not None and output.exists() and not (force and output.is_file()):
        fix = (
            "name another file"
            if not output.is_file()
            else f"name another file, or: kubeup import {config} --force -o {output}"
        )
        raise UsageError(f"{output} is there already", fix=fix)
    dash = str(config) == "-"
    found = importer.load_bytes(sys.stdin.buffer.read(), "stdin") if dash else importer.load(config)
    stderr = console.stderr()
    if not stderr.is_terminal:
        stderr.width = 160
    report.show(stderr, found)
    stderr.print()
    found.check()
    report.warnings(stderr, found)
    if output is None:
        click.echo(found.profile, nl=False)
        return
    _write(output, found.profile, 0o600 if found.secret else 0o666)
    secret = ", readable by you alone: it holds a password" if found.secret else ""
    stderr.print(
        f"{output} is written{secret}. Next: kubeup plan {output}", highlight=False, markup=False, soft_wrap=True
    )


def _write(path: Path, text: str, mode: int) -> None:
    """Whole, or not at all."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error}", fix="name a file in a folder that you may write to"
        ) from error
