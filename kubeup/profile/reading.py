"""What is noted while a profile is read, and the few ways in which its values are read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kubeup.profile.problem import MOST, Problem
from kubeup.profile.tree import Key, YamlValue

DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
T = TypeVar("T")


@dataclass
class ParseContext:
    """What is noted while a profile is read. places: where each key's value stands, for rules that look at two."""

    problems: list[Problem]
    places: dict[str, YamlValue] = field(default_factory=dict)

    def error(self, at: YamlValue | Key, message: str, fix: str) -> None:
        self.problems.append(Problem(at.place, at.text, message, fix))

    def warning(self, at: YamlValue | Key, message: str, fix: str) -> None:
        self.problems.append(Problem(at.place, at.text, message, fix, "warning"))

    def unknown(self, key: Key, known: Iterable[str], what: str) -> None:
        """An unknown word, with the one that was meant."""
        names = sorted(known) if len(self.problems) < MOST else []
        near = difflib.get_close_matches(key.text.lower().replace("-", "_"), names, 1, 0.6)
        near = near or difflib.get_close_matches(key.text.lower(), names, 1, 0.6)
        fix = f"did you mean `{near[0]}`?" if near else f"known are: {', '.join(names)}"
        self.error(key, f"unknown {what} `{key.text}`", fix)


def expect(value: YamlValue | None, kind: str, reading: ParseContext, example: str) -> bool:
    """Whether a value is there and of this kind; another kind is noted."""
    if value is None or value.kind == "null":
        return False
    if value.kind != kind:
        wanted = {"mapping": "a mapping", "list": "a list", "text": "one word"}[kind]
        reading.error(value, f"{wanted} belongs here, not {value.words}", f"write it like this: {example}")
        return False
    return True


def text_of(value: YamlValue | None, reading: ParseContext, form: re.Pattern[str] | None = None, what: str = "") -> str:
    if value is None or not expect(value, "text", reading, "name: demo"):
        return ""
    if form and not form.fullmatch(value.text):
        reading.error(value, f"`{value.text}` is not {what}", "e.g. demo")
        return ""
    return value.text


def choice_of(value: YamlValue | None, reading: ParseContext, kinds: type[T]) -> T | None:
    if value is None or not expect(value, "text", reading, "runtime: docker"):
        return None
    known = {member.value: member for member in kinds}  # type: ignore[attr-defined]
    if value.text in known:
        chosen: T = known[value.text]
        return chosen
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", kinds.__name__).lower().removesuffix("s")
    reading.unknown(Key(value.text, value.place), known, words)
    return None


def words(value: YamlValue | None, reading: ParseContext) -> list[str]:
    if value is None or not expect(value, "list", reading, "[one, two]"):
        return []
    return [item.text for item in value.items if expect(item, "text", reading, "[one, two]")]


def strings(value: YamlValue | None, reading: ParseContext, example: str) -> dict[str, YamlValue]:
    if value is None or not expect(value, "mapping", reading, example):
        return {}
    return {key.text: item for key, item in value.entries if expect(item, "text", reading, example)}


def path_of(value: YamlValue, reading: ParseContext, folder: Path) -> Path | None:
    """The path of a file that a profile names, relative to its folder."""
    try:
        path = Path(value.text).expanduser()
    except RuntimeError:
        user = value.text.split("/")[0]
        reading.error(value, f"{user} is nobody's home on this machine", "write the path without ~")
        return None
    return path if path.is_absolute() else folder / path
