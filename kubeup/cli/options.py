"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

PROFILE = click.argument("profile_path", metavar="[PROFILE]", required=False, type=click.Path(path_type=Path))
PARALLEL = click.option("--parallel", default=32, show_default=True, metavar="N", help="Nodes worked on at once.")
OUTPUT = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or scripts."
)
LIMIT = click.option("--limit", multiple=True, metavar="NODE", help="Change only this node; may be given again.")
DRAIN_TIMEOUT = click.option(
    "--drain-timeout",
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="So long the pods of a node have to go before it does.",
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
THROUGH_ME = click.option(
    "--proxy-through-me",
    "through_me",
    is_flag=True,
    help="Nodes pull images through this machine, over SSH, as long as the command runs; nothing of it is left.",
)
BUNDLE = click.option(
    "--bundle",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Take everything from this file, which `kubeup release bundle` made; ask no network.",
)


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[VERBOSE_KEY] = True


VERBOSE_KEY = "kubeup.verbose"
VERBOSE = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Show what nodes are told and what they say, too; the log of every run has it all.",
)


def profile_first(words: Sequence[str]) -> tuple[Path | None, tuple[str, ...]]:
    """[PROFILE] [WORD...]: the first one is a profile where it is called like one."""
    if words and words[0].endswith((".yaml", ".yml")):
        return Path(words[0]), tuple(words[1:])
    return None, tuple(words)
