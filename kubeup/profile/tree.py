"""YAML with places: every value knows its line and column, and the text it was written as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kubeup.profile.problem import Problem


@dataclass(frozen=True)
class Place:
    """One-based."""

    line: int
    column: int


@dataclass(frozen=True)
class Tree:
    """A value. kind: mapping, list, text, or null (nothing written). text: as it was written (of a scalar).

    quoted: written in quotes. entries: key -> value, in order, of a mapping; items: of a list.
    """

    kind: str
    place: Place
    text: str = ""
    quoted: bool = False
    entries: tuple[tuple[Key, Tree], ...] = ()
    items: tuple[Tree, ...] = ()

    def get(self, name: str) -> Tree | None:
        return next((value for key, value in self.entries if key.text == name), None)

    def keys(self) -> Iterator[Key]:
        return (key for key, _ in self.entries)

    @property
    def words(self) -> str:
        """What it is, for messages."""
        return {"mapping": "a mapping", "list": "a list", "null": "empty"}.get(self.kind, f"`{self.text}`")


@dataclass(frozen=True)
class Key:
    text: str
    place: Place = field(default=Place(1, 1))


def read(text: str) -> tuple[Tree | None, list[Problem]]:
    """The tree of a document, or the problems that keep it from being read."""
    tab = _leading_tab(text)
    if tab is not None:
        return None, [
            Problem(tab, "\t", "a tab where spaces belong: YAML does not allow tabs for indentation", "type spaces")
        ]
    try:
        node = YAML().compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        said = " ".join(filter(None, (error.context, error.problem)))
        return None, [Problem(place, "", f"this is not YAML: {said}", "correct the line, or the one before it")]
    except (YAMLError, ValueError, RecursionError) as error:
        return None, [
            Problem(Place(1, 1), "", f"this is not YAML: {str(error).split(chr(10))[0]}", "save it as UTF-8 text")
        ]
    if node is None:
        return None, [Problem(Place(1, 1), "", "the profile is empty", "start from profiles/ai-i.yaml")]
    problems: list[Problem] = []
    return _convert(node, problems, 0), problems


def _leading_tab(text: str) -> Place | None:
    for number, line in enumerate(text.split("\n"), start=1):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent and line.strip() and not line.strip().startswith("#"):
            return Place(number, indent.index("\t") + 1)
    return None


def _convert(node: Node, problems: list[Problem], depth: int) -> Tree:
    place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
    if depth > 50:
        problems.append(Problem(place, "", "this is nested too deeply", "a profile is no deeper than a few levels"))
        return Tree("null", place)
    if isinstance(node, MappingNode):
        return Tree("mapping", place, entries=tuple(_entries(node, problems, depth)))
    if isinstance(node, SequenceNode):
        return Tree("list", place, items=tuple(_convert(item, problems, depth + 1) for item in node.value))
    assert isinstance(node, ScalarNode)
    plain = node.style is None
    if plain and node.value in ("", "~", "null", "Null", "NULL"):
        return Tree("null", place, text=node.value)
    return Tree("text", place, text=node.value, quoted=not plain)


def _entries(node: MappingNode, problems: list[Problem], depth: int) -> Iterator[tuple[Key, Tree]]:
    seen: dict[str, Place] = {}
    for key, value in node.value:
        place = Place(key.start_mark.line + 1, key.start_mark.column + 1)
        if not isinstance(key, ScalarNode):
            problems.append(Problem(place, "", "a key must be a word", "write NAME: VALUE"))
            continue
        if key.value in seen:
            problems.append(
                Problem(
                    place, key.value, f"`{key.value}` is said twice, first on line {seen[key.value].line}", "keep one"
                )
            )
            continue
        seen[key.value] = place
        yield Key(key.value, place), _convert(value, problems, depth + 1)
