"""What is noted while a profile is read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kubeup.profile.problem import MOST, ProfileProblem
from kubeup.profile.tree import Key, YamlValue


@dataclass
class ParseContext:
    """What is noted while a profile is read. folder: what paths in it are relative to. places: where each key's value
    stands, for what looks at two."""

    problems: list[ProfileProblem]
    folder: Path = Path()
    places: dict[str, YamlValue] = field(default_factory=dict)

    def error(self, at: YamlValue | Key, message: str, fix: str) -> None:
        self.problems.append(ProfileProblem(at.place, at.text, message, fix))

    def warning(self, at: YamlValue | Key, message: str, fix: str) -> None:
        self.problems.append(ProfileProblem(at.place, at.text, message, fix, "warning"))

    def unknown(self, key: Key, known: Iterable[str], what: str) -> None:
        """An unknown word, with the one that was meant."""
        names = sorted(known) if len(self.problems) < MOST else []
        near = closest(key.text, names)
        fix = f"did you mean `{near}`?" if near else f"known are: {', '.join(names)}"
        self.error(key, f"unknown {what} `{key.text}`", fix)


def closest(word: str, names: list[str]) -> str:
    """The name that was probably meant, in either spelling of its blanks; empty where none is near."""
    near = difflib.get_close_matches(word.lower().replace("-", "_"), names, 1, 0.6)
    near = near or difflib.get_close_matches(word.lower(), names, 1, 0.6)
    return near[0] if near else ""


def expect(value: YamlValue, kind: str, reading: ParseContext, example: str) -> bool:
    """Whether a value is of this kind; another one is noted, but for nothing (null)."""
    if value.kind == "null":
        return False
    if value.kind != kind:
        wanted = {"mapping": "a mapping", "list": "a list", "text": "one word"}[kind]
        reading.error(value, f"{wanted} belongs here, not {value.words}", f"write it like this: {example}")
        return False
    return True


def path_of(value: YamlValue, reading: ParseContext) -> Path | None:
    """The path of a file that a profile names, relative to its folder."""
    try:
        path = Path(value.text).expanduser()
    except RuntimeError:
        user = value.text.split("/")[0]
        reading.error(value, f"{user} is nobody's home on this machine", "write the path without ~")
        return None
    return path if path.is_absolute() else reading.folder / path
