"""``x=1``, ``x+=2``, ``x[3]=4``, ``x=(5 6)``: what assignments make of the settings before them."""

from __future__ import annotations

import dataclasses
import re

from kubeup.importer.lexer import Places
from kubeup.importer.values import LONGEST, MOST, Evaluation, Setting
from kubeup.importer.words import ASSIGNMENT, Word


class Assignments:
    """by_name: every setting so far, in the order of their first assignment. places: of the text they stand in."""

    def __init__(self, places: Places) -> None:
        self.by_name: dict[str, Setting] = {}
        self._places = places

    def assign(self, word: Word) -> None:
        first = word.parts[0].text
        found = ASSIGNMENT.match(first)
        assert found is not None
        name, index, more = found.group(1), found.group(2), bool(found.group(3))
        evaluation = Evaluation(self.by_name)
        if word.items is None:
            rest = dataclasses.replace(word.parts[0], text=first[found.end() :])
            value = evaluation.text((rest, *word.parts[1:]))
        else:
            value = evaluation.fields(word.items)
        setting = self.setting(word, word, name, value.text)
        setting = dataclasses.replace(
            setting,
            items=value.fields if word.items is not None else None,
            unknown=value.unknown,
            made_of=value.made_of,
            environment=value.environment,
        )
        earlier = self.by_name.get(name)
        if index is not None:
            setting = _with_element(earlier, setting, index)
        elif more and earlier is not None:
            setting = _longer(earlier, setting)
        self.put(setting)
        for other, text in evaluation.assigned.items():
            self.put(self.setting(word, word, other, text))

    def setting(self, first: Word, last: Word, name: str, text: str) -> Setting:
        place = self._places.at(first.start)
        end = self._places.at(max(first.start, last.end - 1))
        return Setting(name, text, place.line, place.column, end.line, first.start, last.end)

    def put(self, setting: Setting) -> None:
        earlier = self.by_name.get(setting.name)
        if earlier is not None and setting.name not in (*setting.made_of, *setting.environment):
            setting = dataclasses.replace(setting, replaces=earlier.line)
        self.by_name[setting.name] = setting


def assigned_name(word: Word) -> str:
    """The name that a word assigns to, or nothing."""
    first = word.parts[0] if word.parts else None
    found = ASSIGNMENT.match(first.text) if first is not None and first.kind == "text" and not first.quoted else None
    return found.group(1) if found else ""


def _longer(earlier: Setting, setting: Setting) -> Setting:
    """``x+=more``."""
    made_of = tuple(dict.fromkeys((*setting.made_of, setting.name)))
    unknown = tuple(dict.fromkeys((*earlier.unknown, *setting.unknown)))
    items = None
    value = earlier.value + setting.value
    if earlier.items is not None or setting.items is not None:
        items = (*earlier.words, *setting.words)[:MOST]
        value = " ".join(items)
    begun = dataclasses.replace(setting, line=earlier.line, column=earlier.column, start=earlier.start)
    return dataclasses.replace(begun, value=value[:LONGEST], items=items, made_of=made_of, unknown=unknown)


def _with_element(earlier: Setting | None, setting: Setting, index: str) -> Setting:
    """``x[1]=value``."""
    items = list(earlier.words) if earlier is not None else []
    number = int(index) if re.fullmatch("[0-9]{1,3}", index) else -1
    unknown = (*(earlier.unknown if earlier else ()), *setting.unknown)
    if 0 <= number <= len(items):
        items[number : number + 1] = [setting.value]
    else:
        unknown = (*unknown, f"{setting.name}[{index}]=")
    made_of = (*setting.made_of, setting.name)
    return dataclasses.replace(setting, items=tuple(items), value=" ".join(items), unknown=unknown, made_of=made_of)
