"""What is asked of a node is a script beside this file; rows.py declares the lines it answers."""

from __future__ import annotations

import shlex
from pathlib import Path

HERE = Path(__file__).parent


def script(name: str, **variables: str) -> bytes:
    """The text of NAME, with shell variables set before it, quoted."""
    words = "".join(f"{key}={shlex.quote(value)}\n" for key, value in variables.items())
    return words.encode() + (HERE / name).read_bytes()
