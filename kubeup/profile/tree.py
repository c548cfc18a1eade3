"""YAML with places: every value knows its line and column, and the text it was written as."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kubeup.profile.problem import Position, ProfileProblem

LARGEST = 128 * 1024
DEEPEST = 50
COPIES = 10_000
"""Letters and levels of a profile, and values that aliases may repeat."""
TOO_DEEP = "this is nested too deeply"
TOO_DEEP_FIX = "a profile is no deeper than a few levels"


@dataclass(frozen=True)
class YamlValue:
    """A value. kind: mapping, list, text, or null (nothing written). text: as it was written (of a scalar).

    quoted: written in quotes. entries: key -> value, in order, of a mapping; items: of a list.
    """

    kind: str
    place: Position
    text: str = ""
    quoted: bool = False
    entries: tuple[tuple[Key, YamlValue], ...] = ()
    items: tuple[YamlValue, ...] = ()

    def get(self, name: str) -> YamlValue | None:
        return next((value for key, value in self.entries if key.text == name), None)

    def said(self, name: str) -> YamlValue | None:
        """The same, where anything but nothing (null) stands there."""
        value = self.get(name)
        return value if value is not None and value.kind != "null" else None

    def keys(self) -> Iterator[Key]:
        return (key for key, _ in self.entries)

    @property
    def words(self) -> str:
        """What it is, for messages."""
        return {"mapping": "a mapping", "list": "a list", "null": "empty"}.get(self.kind, f"`{self.text}`")


@dataclass(frozen=True)
class Key:
    text: str
    place: Position = field(default=Position(1, 1))


def read(text: str) -> tuple[YamlValue | None, list[ProfileProblem]]:
    """The tree of a document, or the problems that keep it from being read."""
    if len(text) > LARGEST:
        message = f"this has {len(text)} letters, and a profile no more than {LARGEST}"
        return None, [ProfileProblem(Position(1, 1), "", message, "name the profile, not an archive or a log")]
    deep = _brackets(text)
    if deep is not None:
        return None, [ProfileProblem(deep, "", TOO_DEEP, TOO_DEEP_FIX)]
    tab = _leading_tab(text)
    if tab is not None:
        return None, [
            ProfileProblem(
                tab, "\t", "a tab where spaces belong: YAML does not allow tabs for indentation", "type spaces"
            )
        ]
    try:
        node = _compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        said = " ".join(filter(None, (error.context, error.problem)))
        return None, [ProfileProblem(place, "", f"this is not YAML: {said}", "correct the line, or the one before it")]
    except (YAMLError, ValueError, RecursionError) as error:
        return None, [
            ProfileProblem(
                Position(1, 1), "", f"this is not YAML: {str(error).split(chr(10))[0]}", "save it as UTF-8 text"
            )
        ]
    if node is None:
        return None, [
            ProfileProblem(Position(1, 1), "", "the profile is empty", "begin with a ready one: kubeup profile example")
        ]
    conversion = _Conversion()
    return conversion.tree(node), conversion.problems


def _compose(text: str) -> Node | None:
    with warnings.catch_warnings():
        # YAML lets a later anchor have an earlier one's name.
        warnings.simplefilter("ignore", ReusedAnchorWarning)
        found: Node | None = YAML().compose(text)
        return found


def _brackets(text: str) -> Position | None:
    """Where more brackets are open than a profile can need; the time to read such grows with their square."""
    depth = 0
    for bracket in re.finditer(r"[\[{]|[\]}]", text):
        depth = depth + 1 if bracket.group() in "[{" else max(0, depth - 1)
        if depth > 4 * DEEPEST:
            at = bracket.start()
            return Position(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
    return None


def _leading_tab(text: str) -> Position | None:
    for number, line in enumerate(text.split("\n"), start=1):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent and line.strip() and not line.strip().startswith("#"):
            return Position(number, indent.index("\t") + 1)
    return None


class _Conversion:
    """Nodes of YAML into trees. An alias stands for a whole copy, so copies are counted: a few lines can mean more than
    any machine holds."""

    def __init__(self) -> None:
        self.problems: list[ProfileProblem] = []
        self._path: list[Node] = []
        self._seen: set[int] = set()
        self._copies = 0

    def tree(self, node: Node) -> YamlValue:
        place = Position(node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, ScalarNode):
            plain = node.style is None
            if plain and node.value in ("", "~", "null", "Null", "NULL"):
                return YamlValue("null", place, text=node.value)
            return YamlValue("text", place, text=node.value, quoted=not plain)
        if self._refused(node, place):
            return YamlValue("null", place)
        self._path.append(node)
        if isinstance(node, MappingNode):
            found = YamlValue("mapping", place, entries=tuple(self._entries(node)))
        else:
            assert isinstance(node, SequenceNode)
            found = YamlValue("list", place, items=tuple(self.tree(item) for item in node.value))
        self._path.pop()
        return found

    def _refused(self, node: Node, place: Position) -> bool:
        """Whether the node leads too far; said once each."""
        if any(node is one for one in self._path):
            self._emit(place, "this holds itself, by an alias", "write the value out")
            return True
        if len(self._path) > DEEPEST:
            self._emit(place, TOO_DEEP, TOO_DEEP_FIX)
            return True
        if id(node) not in self._seen:
            self._seen.add(id(node))
            return False
        if self._copies <= COPIES:
            self._copies += 1 + len(node.value)
            if self._copies > COPIES:
                self._emit(place, "with this, aliases stand for too much", "write the values out")
        return self._copies > COPIES

    def _emit(self, place: Position, message: str, fix: str) -> None:
        problem = ProfileProblem(place, "", message, fix)
        if problem not in self.problems:
            self.problems.append(problem)

    def _entries(self, node: MappingNode) -> Iterator[tuple[Key, YamlValue]]:
        seen: dict[str, Position] = {}
        for key, value in node.value:
            place = Position(key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, ScalarNode):
                self._emit(place, "a key must be a word", "write NAME: VALUE")
                continue
            if key.value in seen:
                message = f"`{key.value}` is said twice, first on line {seen[key.value].line}"
                self.problems.append(ProfileProblem(place, key.value, message, "keep one"))
                continue
            seen[key.value] = place
            yield Key(key.value, place), self.tree(value)
