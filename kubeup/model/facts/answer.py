"""What a probe answered, before a family of facts reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """rows: kind of line (the word behind `fact` or `each` in a .sh file here) -> its lines, split at tabs.

    contents: path -> bytes of each file that came along. midpoint: seconds since the epoch by the operator's clock,
    half way between question and answer. root: a sandbox's folder, which paths in the answer begin with.
    """

    rows: Mapping[str, tuple[tuple[str, ...], ...]]
    contents: Mapping[str, bytes]
    midpoint: float = 0.0
    root: str = ""

    def all(self, kind: str) -> tuple[tuple[str, ...], ...]:
        return self.rows.get(kind, ())

    def texts(self, kind: str) -> tuple[str, ...]:
        """Each line whole."""
        return tuple("\t".join(row) for row in self.all(kind))

    def text(self, kind: str, default: str = "") -> str:
        """The first line whole."""
        return next(iter(self.texts(kind)), default)

    def number(self, kind: str) -> int:
        """0 where nothing was said, or no number."""
        text = self.text(kind)
        return int(text) if text.isdigit() else 0

    def match(self, kind: str, pattern: str) -> str:
        """The first group of the first line that has one; empty if none has."""
        found = (re.search(pattern, text) for text in self.texts(kind))
        return next((match.group(1) for match in found if match), "")

    def path(self, text: str) -> str:
        """A path as the node itself knows it."""
        return text.removeprefix(self.root)

    def objects(self, kind: str) -> tuple[Mapping[str, object], ...]:
        """The list that a tool of iproute2 printed as JSON; empty where there is no such list.

        That of 2018 (4.20) leaves out the key of a route's type: https://github.com/iproute2/iproute2/issues/37
        """
        text = re.sub(r'\{"(\w+)",', r'{"type":"\1",', "\n".join(self.texts(kind)))
        try:
            found = json.loads(text or "[]")
        except ValueError:
            return ()
        return tuple(one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def parse_lines(text: str, contents: Mapping[str, bytes], midpoint: float = 0.0, root: str = "") -> Answer:
    """An answer out of the lines that a probe printed."""
    rows: dict[str, list[tuple[str, ...]]] = {}
    for line in text.split("\n"):
        kind, *values = line.split("\t")
        rows.setdefault(kind, []).append(tuple(values))
    return Answer({kind: tuple(found) for kind, found in rows.items()}, contents, midpoint, root)
