"""What docs/contributing.md says to write, so that a test follows the very words a contributor reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.checkout import ROOT, Checkout


@dataclass(frozen=True)
class Block:
    """A piece of code. path: the first path in backticks in the paragraph before it. behind: the second thing in
    backticks there, the line that it is to stand behind; empty where the piece is a whole file."""

    path: str
    behind: str
    text: str


def blocks(heading: str) -> tuple[Block, ...]:
    """The pieces of code of the section ``## heading``. Raises LookupError where there is no such section."""
    _, found, rest = (ROOT / "docs/contributing.md").read_text().partition(f"\n## {heading}\n")
    if not found:
        raise LookupError(f"docs/contributing.md has no section {heading!r}")
    section = rest.split("\n## ")[0]
    pieces = []
    for before, text in re.findall(r"((?:[^\n]+\n)+)\n```\w*\n(.*?)```", section, re.DOTALL):
        quoted = re.findall("`([^`]+)`", before.replace("\n", " "))
        pieces.append(Block(quoted[0], quoted[1] if "behind `" in before.replace("\n", " ") else "", text))
    return tuple(pieces)


def followed(heading: str, folder: Path) -> Checkout:
    """A copy of the checkout in which somebody did what the section says: whole files, and lines behind others."""
    copy = Checkout.copied_to(folder)
    for block in blocks(heading):
        if block.behind:
            assert block.text.count("\n") == 1
            copy.insert_after(block.path, block.behind, block.text)
        else:
            copy.write(block.path, block.text)
    return copy
