"""systemd units that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class UnitFact:
    """``systemctl show`` of a unit: LoadState, ActiveState, SubState, UnitFileState, FragmentPath, DropInPaths."""

    name: str
    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    enabled: str = ""
    fragment: str = ""
    drop_ins: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        return self.active in ("active", "reloading")


@dataclass(frozen=True)
class UnitFacts:
    units: Mapping[str, UnitFact] = field(default_factory=dict)

    def unit(self, name: str) -> UnitFact:
        return self.units.get(name, UnitFact(name))


def parse(answer: Answer) -> UnitFacts:
    """``systemctl show`` prints NAME=VALUE lines, a blank one between units."""
    found: dict[str, UnitFact] = {}
    current: dict[str, str] = {}
    for line in (*answer.texts("unit"), ""):
        name, _, value = line.partition("=")
        if name:
            current[name] = value
        elif current:
            unit = _unit(current)
            found[unit.name] = unit
            current = {}
    return UnitFacts(found)


def _unit(values: Mapping[str, str]) -> UnitFact:
    return UnitFact(
        values.get("Id", ""),
        values.get("LoadState", ""),
        values.get("ActiveState", ""),
        values.get("SubState", ""),
        values.get("UnitFileState", ""),
        values.get("FragmentPath", ""),
        tuple(values.get("DropInPaths", "").split()),
    )
