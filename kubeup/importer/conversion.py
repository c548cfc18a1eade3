"""One import under way: what each old setting became, and what was found on the way."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from kubeup.importer.draft import Data, Draft
from kubeup.importer.shell import ShellNote
from kubeup.importer.values import Setting
from kubeup.profile.problem import Position, ProfileProblem


class HowItEnded(enum.Enum):
    """How a setting ended."""

    TAKEN = "taken"
    DEFAULT = "default"
    """The profile's default says the same."""
    GONE = "gone"
    """It has no meaning any more."""
    LEFT = "left"
    """A person has to look at it."""


@dataclass(frozen=True)
class Fate:
    """A row of the table. line: of the old file. was: the value, as far as it was worked out. became: in words."""

    name: str
    line: int
    was: str
    outcome: HowItEnded
    became: str


@dataclass
class Conversion:
    """text: the old file. readable: to its end; what is lacking may else stand behind the mistake.

    faulty: keys of the profile of which an error was told already.
    """

    text: str
    settings: dict[str, Setting]
    notes: tuple[ShellNote, ...] = ()
    readable: bool = True
    draft: Draft = field(default_factory=Draft)
    fates: list[Fate] = field(default_factory=list)
    problems: list[ProfileProblem] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)

    def put(self, setting: Setting, key: str, value: Data, became: str = "") -> None:
        """Takes a setting over into the profile."""
        self.draft.put(key, value, setting)
        self.say(setting, HowItEnded.TAKEN, became or f"{key}: {value}")

    def say(self, setting: Setting, outcome: HowItEnded, became: str) -> None:
        """A row of the table."""
        was = " ".join(setting.words) if setting.items is not None else setting.value
        if setting.unknown:
            was = " ".join((*was.split(), *setting.unknown))
        self.fates.append(Fate(setting.name, setting.line, was, outcome, became))

    def gone(self, setting: Setting, why: str) -> None:
        self.say(setting, HowItEnded.GONE, why)

    def left(self, setting: Setting, why: str) -> None:
        self.say(setting, HowItEnded.LEFT, why)

    def warning(self, setting: Setting, text: str, message: str, fix: str) -> None:
        place, found = self.place(setting, text)
        self.problems.append(ProfileProblem(place, found, message, fix, "warning"))

    def error(self, setting: Setting, text: str, message: str, fix: str) -> None:
        place, found = self.place(setting, text)
        self.problems.append(ProfileProblem(place, found, message, fix))

    def place(self, setting: Setting, text: str, nth: int = 0) -> tuple[Position, str]:
        """Where the text stands in the setting, or in those it is made of; else the setting's name.

        nth: how many times it stands there before, where it does so more than once.
        """
        word = re.compile(rf"(?<![\w.]){re.escape(text)}(?![\w.])") if text else None
        for one in self._with_sources(setting):
            # Behind the name: a role `i` would else be found in `nodes_i=`.
            begin = one.start + len(one.name)
            matches = list(word.finditer(self.text, begin, one.end)) if word else []
            if matches:
                found = matches[min(nth, len(matches) - 1)]
                line = self.text.count("\n", 0, found.start()) + 1
                return Position(line, found.start() - self.text.rfind("\n", 0, found.start())), text
        return Position(setting.line, setting.column), setting.name

    @cached_property
    def users(self) -> dict[str, list[str]]:
        """By variable, the settings that are made of it."""
        found: dict[str, list[str]] = {}
        for name, setting in self.settings.items():
            for part in setting.made_of:
                found.setdefault(part, []).append(name)
        return found

    def _with_sources(self, setting: Setting) -> Iterable[Setting]:
        seen = {setting.name: setting}
        queue = [setting]
        while queue:
            one = queue.pop(0)
            yield one
            for name in one.made_of:
                if name not in seen and name in self.settings:
                    seen[name] = self.settings[name]
                    queue.append(self.settings[name])
