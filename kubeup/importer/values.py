"""What a shell word comes to, without running anything: variables of the file itself, their defaults, quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kubeup.importer.words import Part, Word

LONGEST = 16 * 1024
MOST = 1000
"""Letters of a value and items of an array; a file that goes beyond is no configuration."""
SPECIAL_ITEM = re.compile(r"^\[[^\]]*\]=|\{[^{}]*(,|\.\.)[^{}]*\}")
"""An item with its own index, or braces that a shell would make several items of."""


@dataclass(frozen=True)
class Setting:
    """A variable of the file, as its last assignment left it.

    value: its text; of an array the items joined by blanks. unknown: what keeps the value from being worked out, as
    written (``$(date)``); value is then as far as it got. made_of: variables of the file it was made of. environment:
    variables that the file takes from the environment where they are set there (``${x:-y}``). line, end_line: 1-based;
    column: of the name. start, end: offsets of the assignment. replaces: the line of an earlier assignment that this
    one makes void, or 0.
    """

    name: str
    value: str
    line: int
    column: int
    end_line: int
    start: int
    end: int
    items: tuple[str, ...] | None = None
    unknown: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    replaces: int = 0

    @property
    def words(self) -> tuple[str, ...]:
        """The items of an array, or the words of a text."""
        return self.items if self.items is not None else tuple(self.value.split())


@dataclass(frozen=True)
class Value:
    """What a word came to."""

    fields: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return " ".join(self.fields)


class Evaluation:
    """Works one assignment out. assigned: what ``${x:=y}`` in it sets."""

    def __init__(self, variables: Mapping[str, Setting]) -> None:
        self._variables = variables
        self.assigned: dict[str, str] = {}
        self._unknown: dict[str, None] = {}
        self._made_of: dict[str, None] = {}
        self._environment: dict[str, None] = {}

    def text(self, parts: tuple[Part, ...]) -> Value:
        """As in an assignment: blanks split nothing."""
        return self._value([self._join(parts)])

    def fields(self, words: Iterable[Word]) -> Value:
        """As in an array: what unquoted variables hold is split at blanks."""
        found: list[str] = []
        for word in words:
            found.extend(self._split(word))
            if len(found) > MOST:
                self._unknown[f"more than {MOST} items"] = None
                break
        return self._value(found[:MOST])

    def _value(self, fields: list[str]) -> Value:
        return Value(tuple(fields), tuple(self._unknown), tuple(self._made_of), tuple(self._environment))

    def _join(self, parts: Iterable[Part]) -> str:
        texts: list[str] = []
        length = 0
        for part in parts:
            text = self._part(part)
            length += len(text)
            if length > LONGEST:
                self._unknown[f"more than {LONGEST} letters"] = None
                break
            texts.append(text)
        return "".join(texts)

    def _split(self, word: Word) -> list[str]:
        """One array item's fields; a quoted "${x[@]}" is all of the other array's."""
        one = word.parts[0] if len(word.parts) == 1 else None
        if one is not None and one.kind == "parameter" and one.index == "@" and one.quoted and not one.operator:
            other = self._variables.get(one.text)
            if other is not None and other.items is not None:
                self._made_of[one.text] = None
                self._unknown.update(dict.fromkeys(other.unknown))
                return list(other.items)
        if any(part.kind == "text" and not part.quoted and SPECIAL_ITEM.search(part.text) for part in word.parts):
            self._unknown["".join(part.text for part in word.parts)] = None
        return list(self._cut(word.parts))

    def _cut(self, parts: Iterable[Part]) -> Iterator[str]:
        current: str | None = None
        for part in parts:
            text = self._part(part)
            if part.quoted or part.kind == "text":
                current = (current or "") + text
                continue
            pieces = re.split(r"[ \t\n]+", text)
            for index, piece in enumerate(pieces):
                if index and current:
                    yield current
                    current = None
                current = (current or "") + piece if piece else current
        if current is not None:
            yield current

    def _part(self, part: Part) -> str:
        if part.kind == "text":
            return part.text
        if part.kind != "parameter":
            self._unknown[part.text] = None
            return ""
        return self._parameter(part)

    def _parameter(self, part: Part) -> str:
        variable = self._variables.get(part.text)
        if part.text in self.assigned and variable is None:
            return self.assigned[part.text]
        if variable is None:
            return self._unset(part)
        text = self._element(variable, part.index)
        if part.operator in ("+", ":+"):
            return self._join(part.word) if text or part.operator == "+" else ""
        if variable.unknown:
            self._unknown.update(dict.fromkeys(variable.unknown))
        elif not text and part.operator.startswith(":"):
            return self._unset(part)
        self._made_of[part.text] = None
        return text

    def _element(self, variable: Setting, index: str) -> str:
        if variable.items is None:
            return variable.value if index in ("", "0", "@", "*") else ""
        if index in ("@", "*"):
            return " ".join(variable.items)
        number = int(index) if re.fullmatch("[0-9]{1,4}", index) else None
        if index and number is None:
            self._unknown[f"${{{variable.name}[{index}]}}"] = None
        return "".join(variable.items[number or 0 : (number or 0) + 1])

    def _unset(self, part: Part) -> str:
        """The environment would be asked; what the file says for its absence holds."""
        operator = part.operator.removeprefix(":")
        if operator in ("+", ""):
            if not operator:
                self._unknown[f"${part.text}"] = None
            return ""
        self._environment[part.text] = None
        if operator == "?":
            self._unknown[f"${{{part.text}{part.operator}...}}"] = None
            return ""
        text = self._join(part.word)
        if operator == "=":
            self.assigned[part.text] = text
        return text
