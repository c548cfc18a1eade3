"""Two snapshots of a machine compared: what is gone, what is new, what is different. Pure.

A snapshot is what snapshot.sh prints: lines of KIND, NAME and VALUE. What may differ on a machine that nobody
touched is one short file, node/snapshot-allowed.txt, each line with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kubeup.model.errors import KubeupError

SCRIPT = Path(__file__).parent / "snapshot.sh"
ALLOWED = Path(__file__).parent / "snapshot-allowed.txt"

Things = Mapping[tuple[str, str], str]
"""(kind, name) -> value."""


@dataclass(frozen=True, order=True)
class Difference:
    """before or after is None where the thing is not there."""

    kind: str
    name: str
    before: str | None
    after: str | None

    def format(self) -> str:
        if self.before is None:
            return f"new      {self.kind} {self.name}  {self.after}"
        if self.after is None:
            return f"gone     {self.kind} {self.name}  {self.before}"
        return f"changed  {self.kind} {self.name}  {self.before} -> {self.after}"


@dataclass(frozen=True)
class Exemption:
    """Names of a kind that may differ, and why. kinds: a + behind one: only what is new."""

    kinds: frozenset[str]
    name: re.Pattern[str]
    reason: str


def parse(text: str) -> Things:
    """Raises KubeupError where the text is no whole snapshot."""
    found = {}
    whole = False
    for line in text.split("\n"):
        kind, _, rest = line.partition("\t")
        name, _, value = rest.partition("\t")
        whole = whole or kind == "end"
        if rest:
            found[(kind, name)] = value
    found.pop(("end", ""), None)
    if not whole:
        raise KubeupError("this is no whole snapshot of a node", fix="take one: kubeup node snapshot NODE -o FILE")
    return found


def exemptions() -> tuple[Exemption, ...]:
    return tuple(_exemptions(ALLOWED.read_text()))


def _exemptions(text: str) -> Iterator[Exemption]:
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            kinds, name, reason = line.split("\t")
            yield Exemption(frozenset(kinds.split("|")), re.compile(name), reason)


def compare(before: Things, after: Things, exempt: tuple[Exemption, ...] = ()) -> tuple[Difference, ...]:
    """What differs and has no argued reason to, by kind and name."""
    found = [
        Difference(kind, name, before.get((kind, name)), after.get((kind, name)))
        for kind, name in sorted(before.keys() | after.keys())
        if before.get((kind, name)) != after.get((kind, name))
    ]
    return tuple(one for one in found if not any(_covers(rule, one) for rule in exempt))


def _covers(rule: Exemption, one: Difference) -> bool:
    kinds = {one.kind, f"{one.kind}+"} if one.before is None else {one.kind}
    return bool(kinds & rule.kinds) and rule.name.fullmatch(one.name) is not None
