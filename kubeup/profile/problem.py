"""One thing that is wrong with a profile, told like a compiler does."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from kubeup.model.redaction import without_passwords
from kubeup.model.severity import Severity

MOST = 200
"""Problems that are shown; who has more begins with these."""
WIDEST = 200
"""Letters of a line; of a message a few more."""


@dataclass(frozen=True)
class Position:
    """A place in a text. Both count from one."""

    line: int
    column: int


@dataclass(frozen=True)
class ProfileProblem:
    """place: where the offending text begins. text: it, as written. fix: what to write instead."""

    place: Position
    text: str
    message: str
    fix: str
    severity: Severity = "error"

    def format(self, file: str, lines: list[str]) -> str:
        """FILE:LINE:COLUMN: message, the line, a mark under the text, the fix."""
        number = self.place.line
        kind = "" if self.severity == "error" else "warning: "
        told = [f"{file}:{number}:{self.place.column}: {kind}{_short(without_passwords(self.message))}"]
        if 0 < number <= len(lines) and lines[number - 1].strip():
            # Columns count characters; a tab is shown as one blank, so that the mark stands right.
            line = _shown(lines[number - 1])
            line, column = _window(line, self.place.column)
            width = max(1, min(len(self.text), len(line) - column + 1)) if self.text else 1
            told.append(f"    {line}")
            told.append("    " + " " * (column - 1) + "^" * width)
        told.append(f"  {_short(without_passwords(self.fix))}")
        return "\n".join(told)


@functools.lru_cache(maxsize=16)
def _shown(line: str) -> str:
    """A line without its passwords; many problems may be of one line."""
    return without_passwords(line.rstrip().replace("\t", " "))


def _short(text: str) -> str:
    """A text that may hold a value of any length."""
    return text if len(text) <= 2 * WIDEST else f"{text[:WIDEST]} ... {text[-WIDEST // 2 :]}"


def _window(line: str, column: int) -> tuple[str, int]:
    """A line that a screen can show, and where the column is in it."""
    if len(line) <= WIDEST:
        return line, column
    first = max(0, min(column - 1 - WIDEST // 3, len(line) - WIDEST))
    before = "... " if first else ""
    behind = " ..." if first + WIDEST < len(line) else ""
    return f"{before}{line[first : first + WIDEST]}{behind}", column - first + len(before)
