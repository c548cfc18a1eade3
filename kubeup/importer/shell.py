"""A shell configuration read, and nothing of it carried out: assignments become settings, all else is noted.

Branches, loops, functions and commands are not followed: which of them would have run is not in the file. What they
would have set is named in the note.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from kubeup.importer.assignments import Assignments, assigned_name
from kubeup.importer.lexer import Lexer
from kubeup.importer.values import MOST, Evaluation, Setting
from kubeup.importer.words import Operator, Unreadable, Word
from kubeup.profile.problem import ProfileProblem

LARGEST = 64 * 1024
"""Letters of a file. kube-up's own is a tenth of that."""
CLOSERS = {"if": "fi", "for": "done", "while": "done", "until": "done", "select": "done", "case": "esac", "{": "}"}
GOES_ON = frozenset({"then", "do", "else", "elif", "!", "time", "if", "while", "until", "{"})
DECLARES = frozenset({"export", "declare", "typeset", "readonly", "local"})
KINDS = {"{": "block in braces", "(": "part in parentheses"}
QUIET = frozenset({"set", "shopt", ":", "true", "export", "readonly", "declare", "typeset"})


@dataclass(frozen=True)
class ShellNote:
    """What was left out. names: variables it would have set."""

    line: int
    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Script:
    """settings: by name, in the order of their first assignment. problems: what is wrong with the shell itself."""

    settings: dict[str, Setting]
    notes: tuple[ShellNote, ...]
    problems: tuple[ProfileProblem, ...]


def read(text: str) -> Script:
    """Everything the text sets. Never raises: what cannot be read is a problem with its place."""
    lexer = Lexer(text)
    reader = _Reader(lexer)
    try:
        for token in lexer.tokens():
            reader.take(token)
        reader.end()
    except Unreadable as error:
        lexer.problems.append(error.problem)
    return Script(reader.settings, tuple(reader.notes), tuple(lexer.problems))


@dataclass
class _Block:
    """A construct that is not followed."""

    kind: str
    closer: str
    start: int
    title: str
    names: dict[str, None] = field(default_factory=dict)


class _Reader:
    """Puts tokens together to commands. blocks: the constructs that are open."""

    def __init__(self, lexer: Lexer) -> None:
        self.notes: list[ShellNote] = []
        self._lexer = lexer
        self._settings = Assignments(lexer.places)
        self._words: list[Word] = []
        self._blocks: list[_Block] = []
        self._function: tuple[str, int] | None = None
        self._start_of_command = True
        self._redirected = False
        self._opened_parenthesis = False
        self._certain = True
        self._after_block = False

    @property
    def settings(self) -> dict[str, Setting]:
        return self._settings.by_name

    def take(self, token: Word | Operator) -> None:
        if isinstance(token, Word):
            self._opened_parenthesis = False
            if self._redirected:
                self._redirected = False
            else:
                self._word(token)
            return
        if token.text in ("(", ")"):
            self._parenthesis(token)
        elif token.text[0] in "<>" or token.text.startswith("&>"):
            self._redirected = True
        else:
            self._redirected = False
            self._finish(token.text)

    def end(self) -> None:
        """The end of the file ends the last command; a block that is open still is a mistake."""
        self._finish("\n")
        if self._blocks:
            block = self._blocks[0]
            place = self._lexer.places.at(block.start)
            message = f"`{block.kind}` is never closed by `{block.closer}`"
            self._lexer.problems.append(
                ProfileProblem(place, block.kind, message, "a shell cannot read the file either")
            )

    def _word(self, word: Word) -> None:
        if not self._start_of_command:
            self._words.append(word)
            return
        text = word.plain
        if self._blocks and text == self._blocks[-1].closer:
            self._close()
        elif text in CLOSERS:
            self._open(text, CLOSERS[text], word.start)
            self._start_of_command = text in GOES_ON
        elif text == "function":
            self._function = ("", word.start)
            self._start_of_command = False
        elif text not in GOES_ON:
            self._start_of_command = False
            self._words.append(word)

    def _parenthesis(self, token: Operator) -> None:
        inner = self._blocks[-1].kind if self._blocks else ""
        if token.text == "(":
            self._opened_parenthesis = True
            self._open("(", ")", token.start)
        elif inner == "(":
            function = self._opened_parenthesis and (len(self._words) == 1 or self._function is not None)
            if not function:
                self._finish(";")
            self._close(quietly=function)
            if function:
                name = self._words[0].plain if self._words else ""
                self._function = (name, self._words[0].start if self._words else token.start)
                self._words.clear()
            self._start_of_command = True
        elif inner == "case":
            self._words.clear()
            self._start_of_command = True

    def _open(self, kind: str, closer: str, start: int) -> None:
        title = KINDS.get(kind, f"`{kind}`")
        # The parentheses of NAME() stand right behind a word.
        if self._function is not None and (kind != "(" or self._start_of_command):
            name, start = self._function
            title = f"function {name}".strip()
            self._function = None
        self._blocks.append(_Block(kind, closer, start, title))
        if len(self._blocks) > MOST:
            raise Unreadable(
                ProfileProblem(self._lexer.places.at(start), kind, "this is nested too deeply", "take it out")
            )

    def _close(self, quietly: bool = False) -> None:
        block = self._blocks.pop()
        if self._blocks:
            self._blocks[-1].names.update(block.names)
        elif not quietly:
            line = self._lexer.places.at(block.start).line
            text = f"the {block.title} is not followed"
            self.notes.append(ShellNote(line, text, tuple(block.names)))
        self._start_of_command = False
        self._after_block = True

    def _finish(self, operator: str) -> None:
        """The end of a command."""
        words, self._words = self._words, []
        after_block, self._after_block = self._after_block, False
        self._start_of_command = True
        if operator == "\n" and not words and not after_block:
            # An empty line, or the rest of a command that goes on after && or |.
            return
        if self._function is not None and words and self._function[0]:
            self._function = None
        elif self._function is not None and words:
            # `function NAME`, its body follows.
            self._function = (words[0].plain or "?", self._function[1])
            if any(word.plain == "{" for word in words[1:]):
                self._open("{", "}", words[0].start)
                words = words[[word.plain for word in words].index("{") + 1 :]
            else:
                return
        certain = self._certain and operator not in ("|", "|&", "&")
        if words:
            self._command(words, certain)
        assigns = not after_block and all(assigned_name(word) for word in words)
        self._certain = operator not in ("||", "|", "|&") and (operator != "&&" or (certain and assigns))

    def _command(self, words: Sequence[Word], certain: bool) -> None:
        declares = words[0].plain in DECLARES
        assignments = [word for word in words[declares:] if assigned_name(word)]
        if self._blocks:
            self._blocks[-1].names.update(dict.fromkeys(filter(None, map(assigned_name, assignments))))
            return
        if not certain:
            self._left_out(words, "depends on what ran before it", assignments)
        elif declares or len(assignments) == len(words):
            for word in assignments:
                self._settings.assign(word)
        elif words[0].plain == "unset":
            for word in words[1:]:
                self._settings.by_name.pop(word.plain, None)
        else:
            self._other(words, assignments)

    def _other(self, words: Sequence[Word], assignments: Sequence[Word]) -> None:
        """A command: not carried out. Blanks around = make one of an assignment that was meant."""
        evaluation = Evaluation(self._settings.by_name)
        if words[0].plain in (":", "true"):
            evaluation.fields(words[1:])
            for name, text in evaluation.assigned.items():
                self._settings.put(self._settings.setting(words[0], words[-1], name, text))
        if words[0].plain in QUIET:
            return
        place = self._lexer.places.at(words[0].start)
        second = words[1].parts[0].text if len(words) > 1 and words[1].parts else ""
        if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", words[0].plain) and second.startswith("="):
            name = words[0].plain
            message = f"blanks around = make a command of `{name}`: this sets nothing"
            self._lexer.problems.append(
                ProfileProblem(place, name, message, f"write {name}=... without blanks", "warning")
            )
        elif (name := assigned_name(words[0])) and len(words) > 1 and words[0].end - words[0].start == len(name) + 1:
            message = f"the blank after = leaves `{name}` as it was"
            fix = "take the blank away, or put the value in quotes"
            self._lexer.problems.append(ProfileProblem(place, name, message, fix, "warning"))
        self._left_out(words, "is a command, and not carried out", assignments)

    def _left_out(self, words: Sequence[Word], why: str, assignments: Sequence[Word]) -> None:
        written = " ".join(self._lexer.text[words[0].start : words[-1].end].split())
        shown = written if len(written) <= 60 else f"{written[:57]}..."
        line = self._lexer.places.at(words[0].start).line
        names = tuple(dict.fromkeys(filter(None, map(assigned_name, assignments))))
        self.notes.append(ShellNote(line, f"`{shown}` {why}", names))
