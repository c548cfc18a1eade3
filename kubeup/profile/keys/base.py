"""What a key of a profile is: a row. Reading, "did you mean", `kubeup profile keys`, docs/profile.md follow from it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from kubeup.profile import tree
from kubeup.profile.reading import ParseContext, expect
from kubeup.profile.tree import Key, YamlValue

Values: TypeAlias = "dict[str, Any]"
"""What was read, by the field of model.Cluster that it becomes (``network.node_mask``)."""


@dataclass(frozen=True)
class Form:
    """What the value of a key looks like.

    words: for people, such as "a list of names". kind: what YAML has to hold there (text, list, mapping), told before
    ``read`` is called; empty where ``read`` takes several. choices: the words that may stand there, where known.
    read: the value as the model wants it; None where something is wrong, which it notes.
    """

    words: str
    read: Callable[[YamlValue, ProfileKey, ParseContext], object]
    kind: str = "text"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProfileKey:
    """All that is known of one key.

    goes: the field of model.Cluster that its value becomes; ``node.`` is each node that does not say it itself. Of two
    keys with the same field the later wins. Empty: ``form`` reads into several, or not by itself.
    help: Markdown, without a stop. see: the page of docs/ with more. example: YAML that loads.
    default: YAML that is read where a profile is silent; unsaid: what then holds, where that is no value.
    keys: what may stand inside. also: other spellings. missing: what is told where the key has to be there and is not.
    """

    name: str
    form: Form
    help: str
    example: str
    goes: str = ""
    default: str = ""
    unsaid: str = ""
    see: str = ""
    keys: tuple[ProfileKey, ...] = ()
    also: tuple[str, ...] = ()
    missing: str = ""

    @property
    def line(self) -> str:
        """It with its example, as a profile has it."""
        return f"{self.name}: {self.example}"


@dataclass(frozen=True)
class Group:
    """Keys that are told of together. title: a heading. text: what holds for all of them, in Markdown."""

    title: str
    keys: tuple[ProfileKey, ...]
    text: str = ""


def read_keys(keys: Sequence[ProfileKey], mapping: YamlValue, reading: ParseContext, what: str) -> Values:
    """The values of a mapping by the rows of its keys. what: the kind of key, for one that is unknown."""
    said = _said(keys, mapping, reading, what)
    values: Values = {}
    for key in keys:
        entry, value = said.get(key.name, (Key("", mapping.place), None))
        found = None
        if value is not None and value.kind != "null":
            found = _read(key, value, reading)
        elif key.missing:
            reading.error(entry, key.missing, f"add them: {key.line}")
        if found is None and key.default:
            found = _read(key, _default(key.default), reading)
        if isinstance(found, dict) and not key.goes:
            values.update(found)
        elif found is not None:
            values[key.goes] = found
    return values


def part(values: Values, of: str) -> Values:
    """The values of one part of the Cluster (``network``), by its own fields."""
    return {field.removeprefix(f"{of}."): value for field, value in values.items() if field.startswith(f"{of}.")}


def _said(
    keys: Sequence[ProfileKey], mapping: YamlValue, reading: ParseContext, what: str
) -> dict[str, tuple[Key, YamlValue]]:
    """The entries of a mapping by the names of their rows."""
    spelled = {spelling: key for key in keys for spelling in (key.name, *key.also)}
    said: dict[str, tuple[Key, YamlValue]] = {}
    for entry, value in mapping.entries:
        key = spelled.get(entry.text)
        if key is None:
            reading.unknown(entry, [one.name for one in keys], what)
        elif key.name in said:
            message = f"`{entry.text}` is {key.also[0]}, of which settings stand above already"
            reading.error(entry, message, "put all in one place")
        else:
            said[key.name] = (entry, value)
    return said


def _read(key: ProfileKey, value: YamlValue, reading: ParseContext) -> object:
    if key.form.kind and not expect(value, key.form.kind, reading, key.line):
        return None
    return key.form.read(value, key, reading)


@functools.cache
def _default(text: str) -> YamlValue:
    value, problems = tree.read(text)
    assert value is not None, problems
    return value
