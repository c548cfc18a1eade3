"""Words and operators of a shell text, as values. lexer.py cuts a text into them, values.py says what they come to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubeup.profile.problem import ProfileProblem

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[([^\]\[]*)\])?(\+?)=")


class Unreadable(Exception):
    """The text is no shell; the problem says why. shell.read catches it."""

    def __init__(self, problem: ProfileProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True)
class Part:
    """A piece of a word.

    kind: ``text``; ``parameter`` (text is its name); ``command``, ``arithmetic`` or ``other`` (text is what was
    written; it is never worked out). operator: of ``${x:-word}``, e.g. ``:-``. index: of ``${x[index]}``.
    """

    kind: str
    text: str
    quoted: bool = False
    operator: str = ""
    word: tuple[Part, ...] = ()
    index: str = ""


@dataclass(frozen=True)
class Word:
    """items: of an array, ``NAME=(...)``; parts then hold ``NAME=`` alone. start, end: offsets in the text."""

    parts: tuple[Part, ...]
    start: int
    end: int
    items: tuple[Word, ...] | None = None

    @property
    def plain(self) -> str:
        """The word where it is plain and unquoted, as keywords and names of commands are; else nothing."""
        one = self.parts[0] if len(self.parts) == 1 and self.items is None else None
        return one.text if one is not None and one.kind == "text" and not one.quoted else ""


@dataclass(frozen=True)
class Operator:
    text: str
    start: int
