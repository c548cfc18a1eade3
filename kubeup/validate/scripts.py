"""What is asked of a node is a script beside this file; its answer is lines of fields, parted by tabs."""

from __future__ import annotations

import shlex
from pathlib import Path

HERE = Path(__file__).parent
Rows = list[list[str]]
"""The first field of a row is its kind; which kinds there are is said at the top of each script."""


def script(name: str, **variables: str) -> bytes:
    """The text of NAME, with shell variables set before it, quoted."""
    words = "".join(f"{key}={shlex.quote(value)}\n" for key, value in variables.items())
    return words.encode() + (HERE / name).read_bytes()


def rows(output: bytes) -> Rows:
    return [line.split("\t") for line in output.decode("utf-8", "replace").split("\n") if line]
