"""The two consoles: stdout carries the result, stderr the progress and all that is said on the way."""

from __future__ import annotations

from rich.console import Console


def stderr() -> Console:
    return Console(stderr=True)


def stdout() -> Console:
    """Wide where nobody looks: a pipe should get whole lines."""
    console = Console()
    return console if console.is_terminal else Console(width=160)
