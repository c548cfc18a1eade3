"""A failure as a person reads it at night: what happened, where, what was seen, what to type."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from kubeup.model.errors import FleetError, KubeupError, PreflightError, ProfileError
from kubeup.model.redaction import without_secrets


def show(console: Console, error: KubeupError) -> None:
    """All of it, on stderr."""
    console.print(Text.assemble(("error: ", "bold red"), error.title()), soft_wrap=True)
    if isinstance(error, FleetError):
        # What is wrong here, and not with one node, each of them has met.
        for cause in {(one.title(), one.evidence, one.fix): one for one in error.causes}.values():
            _cause(console, cause)
    whole = isinstance(error, (ProfileError, PreflightError))
    for entry in error.evidence:
        console.print(Text(entry if whole else _indent(entry)), soft_wrap=True)
    _fix(console, error)


def _cause(console: Console, cause: KubeupError) -> None:
    console.print(Text.assemble(("  ", ""), (cause.title(), "red")), soft_wrap=True)
    for entry in cause.evidence:
        console.print(Text(_indent(entry, "    | ")), soft_wrap=True)
    if cause.fix:
        console.print(Text.assemble(("    fix: ", "bold green"), cause.fix), soft_wrap=True)


def _fix(console: Console, error: KubeupError) -> None:
    if error.fix:
        console.print(Text.assemble(("fix: ", "bold green"), error.fix), soft_wrap=True)


def _indent(text: str, margin: str = "  | ") -> str:
    """What was seen, as it was but for secrets."""
    return "\n".join(f"{margin}{line}" for line in without_secrets(text).split("\n"))
