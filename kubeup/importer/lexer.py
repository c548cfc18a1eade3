"""Shell text -> words and operators, as bash cuts them. Nothing is carried out."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

from kubeup.importer.words import ASSIGNMENT, Operator, Part, Unreadable, Word
from kubeup.profile.problem import Position, ProfileProblem

DEPTH = 40
META = frozenset(" \t\n;&|<>()")
OPERATOR = re.compile(r";;&|;;|;&|&&|\|\||\|&|&>>|&>|<<<|<<-|<<|<>|<&|>>|>&|>\||[;&|<>()]")
NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
PARAMETER = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[([^\]\[}]*)\])?")
DEFAULTS = re.compile(":?[-=+?]")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
CURLY = "\u2018\u2019\u201c\u201d"


class Places:
    """Offsets of a text as lines and columns, both one-based."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def at(self, offset: int) -> Position:
        line = bisect.bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)


class Lexer:
    """Cuts a text. problems: what a person should mend and reading goes on after. Raises Unreadable."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.places = Places(text)
        self.problems: list[ProfileProblem] = []
        self._at = 0
        self._documents: list[tuple[str, bool, int]] = []

    def tokens(self) -> Iterator[Word | Operator]:
        """All words and operators, in order; newlines are operators, comments and here-documents are left out."""
        while self._blanks():
            text, at = self.text, self._at
            if text.startswith("((", at) or text.startswith(("<(", ">("), at):
                kind = "arithmetic" if text[at] == "(" else "command"
                yield Word((self._skipped(at + text[at : at + 2].index("(") + 1, ")", kind, at),), at, self._at)
                continue
            found = OPERATOR.match(text, at)
            if found is None and text[at] != "\n":
                word = self._word(0)
                # The 2 of 2>file belongs to the operator.
                if not (word.plain.isdigit() and text[self._at : self._at + 1] in ("<", ">")):
                    yield word
                continue
            self._at = found.end() if found else at + 1
            yield Operator(found.group() if found else "\n", at)
            if found is None:
                self._skip_documents()
            elif found.group() in ("<<", "<<-"):
                self._document(found.group() == "<<-")

    def _blanks(self) -> bool:
        """Goes over blanks, comments and continued line ends. False at the end of the text."""
        found = re.compile(r"(?:[ \t]|\\\n)*(?:#[^\n]*)?").match(self.text, self._at)
        assert found is not None
        self._at = found.end()
        return self._at < len(self.text)

    def _document(self, tabs: bool) -> None:
        """Notes the end mark of a here-document; its text begins on the next line."""
        if not self._blanks() or self.text[self._at] in META:
            return
        opened = self._at
        word = self._word(0)
        self._documents.append(("".join(part.text for part in word.parts), tabs, opened))

    def _skip_documents(self) -> None:
        for mark, tabs, opened in self._documents:
            while True:
                if self._at >= len(self.text):
                    raise self._unclosed(opened, f"the here-document up to {mark}")
                end = self.text.find("\n", self._at)
                end = len(self.text) if end < 0 else end
                line = self.text[self._at : end]
                self._at = min(end + 1, len(self.text))
                if (line.lstrip("\t") if tabs else line) == mark:
                    break
        self._documents.clear()

    def _word(self, depth: int) -> Word:
        start = self._at
        parts = self._parts("", False, depth)
        if not (parts and self._at < len(self.text) and self.text[self._at] == "("):
            return Word(parts, start, self._at)
        written = Word(parts, start, self._at).plain
        if not ASSIGNMENT.fullmatch(written):
            return Word(parts, start, self._at)
        self._at += 1
        items = tuple(self._items(start, depth))
        return Word(parts, start, self._at, items)

    def _items(self, opened: int, depth: int) -> Iterator[Word]:
        """The words of an array, over lines and comments."""
        self._deep(depth, opened)
        while True:
            while self._blanks() and self.text[self._at] == "\n":
                self._at += 1
            if self._at >= len(self.text):
                raise self._unclosed(opened, "the array")
            if self.text[self._at] == ")":
                self._at += 1
                return
            if self.text[self._at] in META:
                raise self._problem(
                    self._at, f"`{self.text[self._at]}` in an array", "put it in quotes, or take it out"
                )
            yield self._word(depth + 1)

    def _parts(self, stop: str, quoted: bool, depth: int) -> tuple[Part, ...]:
        """The parts up to stop: a double quote, a closing brace, or (empty) the end of the word."""
        opened = self._at - 1
        self._deep(depth, max(0, opened))
        parts: list[Part] = []
        plain: list[str] = []
        while True:
            if self._at >= len(self.text):
                if stop:
                    raise self._unclosed(opened, "this quote" if stop == '"' else "this brace")
                break
            char = self.text[self._at]
            if char == stop or (not stop and char in META):
                break
            part = self._part(char, stop, quoted, depth)
            if isinstance(part, str):
                plain.append(part)
                continue
            if plain:
                parts.append(Part("text", "".join(plain), quoted))
                plain.clear()
            parts.extend(part)
        if plain:
            parts.append(Part("text", "".join(plain), quoted))
        return tuple(parts)

    def _part(self, char: str, stop: str, quoted: bool, depth: int) -> str | tuple[Part, ...]:
        """What begins here: letters as they are, or parts."""
        at = self._at
        if char == "\\":
            return self._escaped(quoted)
        if char == "$":
            return self._dollar(quoted, depth)
        if char == "`":
            return (self._skipped(at + 1, "`", "command", at, quoted),)
        if char == '"' and stop != '"':
            self._at += 1
            inner = self._parts('"', True, depth + 1)
            self._at += 1
            return inner or (Part("text", "", True),)
        if char == "'" and not quoted:
            end = self.text.find("'", at + 1)
            if end < 0:
                raise self._unclosed(at, "this quote")
            self._at = end + 1
            return (Part("text", self.text[at + 1 : end], True),)
        if char in CURLY and not quoted:
            self._curly(char)
        self._at += 1
        return char

    def _curly(self, char: str) -> None:
        """A quote as word processors and web pages have it; one on a line is told."""
        place = self.places.at(self._at)
        if not self.problems or self.problems[-1].place.line != place.line:
            message, fix = f"`{char}` is no quote to a shell", "type \" or ' instead"
            self.problems.append(ProfileProblem(place, char, message, fix, "warning"))

    def _escaped(self, quoted: bool) -> str | tuple[Part, ...]:
        following = self.text[self._at + 1 : self._at + 2]
        self._at += 2 if following else 1
        if following == "\n":
            return ""
        if quoted and following not in ("$", "`", '"', "\\"):
            return "\\" + following
        return following if quoted else (Part("text", following or "\\", True),)

    def _dollar(self, quoted: bool, depth: int) -> str | tuple[Part, ...]:
        at = self._at
        following = self.text[at + 1 : at + 2]
        if following == "(":
            arithmetic = self.text.startswith("((", at + 1)
            return (self._skipped(at + 2, ")", "arithmetic" if arithmetic else "command", at, quoted),)
        if following == "{":
            return (self._brace(quoted, depth),)
        if following in ("'", '"') and not quoted:
            self._at += 1
            return self._ansi() if following == "'" else ""
        name = NAME.match(self.text, at + 1)
        if name:
            self._at = name.end()
            return (Part("parameter", name.group(), quoted),)
        if following and following in "0123456789@*#?$!-":
            self._at += 2
            return (Part("other", f"${following}", quoted),)
        self._at += 1
        return "$"

    def _ansi(self) -> tuple[Part, ...]:
        """``$'...'``: of the escapes, those that a setting may hold."""
        found = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL).match(self.text, self._at)
        if found is None:
            raise self._unclosed(self._at, "this quote")
        self._at = found.end()
        text = re.sub(r"\\(.)", lambda one: ESCAPES.get(one[1], one[1]), found.group(1), flags=re.DOTALL)
        return (Part("text", text, True),)

    def _brace(self, quoted: bool, depth: int) -> Part:
        at = self._at
        name = PARAMETER.match(self.text, at + 2)
        end = name.end() if name else at + 2
        if name and self.text.startswith("}", end):
            self._at = end + 1
            return Part("parameter", name.group(1), quoted, index=name.group(2) or "")
        operator = DEFAULTS.match(self.text, end) if name else None
        if name is None or operator is None:
            return self._skipped(at + 2, "}", "other", at, quoted)
        self._at = operator.end()
        word = self._parts("}", quoted, depth + 1)
        self._at += 1
        return Part("parameter", name.group(1), quoted, operator.group(), word, name.group(2) or "")

    def _skipped(self, after: int, close: str, kind: str, start: int, quoted: bool = False) -> Part:
        """Goes to the end of what is not worked out, over all that nests in it."""
        self._at = after
        waiting = [close]
        while waiting:
            if self._at >= len(self.text):
                raise self._unclosed(start, f"`{self.text[start:after]}`")
            self._step(waiting)
        return Part(kind, self.text[start : self._at], quoted)

    def _step(self, waiting: list[str]) -> None:
        char, close = self.text[self._at], waiting[-1]
        following = self.text[self._at : self._at + 2]
        if char == "\\":
            self._at += 2
            return
        if char == close:
            waiting.pop()
        elif close == "`":
            pass
        elif following in ("$(", "${"):
            waiting.append(")" if following == "$(" else "}")
            self._at += 1
        elif char == "`" or (char == '"' and close != '"'):
            waiting.append(char)
        elif char == "'" and close != '"':
            end = self.text.find("'", self._at + 1)
            if end < 0:
                raise self._unclosed(self._at, "this quote")
            self._at = end
        elif char == "(" and close == ")":
            waiting.append(")")
        self._at += 1

    def _deep(self, depth: int, at: int) -> None:
        if depth > DEPTH:
            raise self._problem(at, "this is nested too deeply", "write the value out")

    def _unclosed(self, at: int, what: str) -> Unreadable:
        return self._problem(at, f"{what} is never closed", "close it: a shell cannot read the file either")

    def _problem(self, at: int, message: str, fix: str) -> Unreadable:
        return Unreadable(ProfileProblem(self.places.at(min(at, len(self.text))), "", message, fix))
