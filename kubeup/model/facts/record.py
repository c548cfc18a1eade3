"""The node's record, /var/lib/kubeup/record: tab-separated lines; the last with the same first two fields counts.

``meta format N`` says how it is written. Format 1 has no such line, says ``trace`` where 2 says ``side-effect``, and
master and node where 2 says control-plane and worker. Both are read here, as if all were of today; node/agent/apply.sh
brings a record up to FORMAT with the first change it makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PATH = "/var/lib/kubeup/record"
FORMAT = 2
DELETED = "-"
ROLES = {"master": "control-plane", "node": "worker"}
"""What format 1 said of a node's roles, and what format 2 says."""
EFFECTS = ("side-effect", "trace")
"""The same in format 2 and in format 1."""


@dataclass(frozen=True)
class Owned:
    """A path the record says kubeup made or replaced. kind: file, link, dir, tree.

    value: sha256 (file), target (link), mode (dir). had_original: something was there before, kept under original/.
    keep: survives ``down --keep-data``.
    """

    kind: str
    path: str
    value: str
    had_original: bool
    survives_keep_data: bool = False


@dataclass(frozen=True)
class Record:
    """The node's own account of what kubeup did to it: /var/lib/kubeup/record. Empty on a bare node.

    ready: unit -> (path -> value read) when it last became ready. units: unit -> state before kubeup
    ("absent", or "enabled active" as systemctl says). actions: ids of those that began, be it that
    they failed. half_done: those of them that did not succeed. side_effects: (kind, name) -> state before.
    """

    meta: Mapping[str, str] = field(default_factory=dict)
    owned: Mapping[str, Owned] = field(default_factory=dict)
    ready: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    actions: tuple[str, ...] = ()
    half_done: frozenset[str] = frozenset()
    side_effects: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        return bool(self.meta)

    @property
    def format(self) -> int:
        """How it is written; a newer kubeup may have written one that this one does not know."""
        return int(self.meta.get("format", "1"))

    def did(self, action: str) -> bool:
        """Whether an action was carried out, and succeeded."""
        return action in self.actions and action not in self.half_done

    @property
    def generation(self) -> int:
        """How many trips changed this node; moves with each, so that two operators notice each other."""
        return int(self.meta.get("generation", "0"))

    @property
    def cluster(self) -> str:
        return self.meta.get("cluster", "")


def parse_record(text: str) -> Record:
    """Lines that make no sense are passed over: a line that was being written when the power went is one of them."""
    last: dict[tuple[str, str], list[str]] = {}
    for line in text.split("\n"):
        fields = line.split("\t")
        if len(fields) >= 3:
            last[(fields[0], fields[1])] = fields[2:]
    kept = {key: values for key, values in last.items() if values[0] != DELETED}
    meta = {name: values[0] for (kind, name), values in kept.items() if kind == "meta"}
    if "format" not in meta and "roles" in meta:
        meta["roles"] = ",".join(ROLES.get(word, word) for word in meta["roles"].split(","))
    return Record(
        meta=meta,
        owned={
            path: _owned(path, values) for (kind, path), values in kept.items() if kind == "own" and len(values) > 2
        },
        ready={name: _ready(values) for (kind, name), values in kept.items() if kind == "ready"},
        units={name: values[0] for (kind, name), values in kept.items() if kind == "unit"},
        actions=tuple(name for kind, name in kept if kind == "action"),
        half_done=frozenset(name for (kind, name), values in kept.items() if kind == "action" and values[0] == "begun"),
        side_effects={_side_effect(name): values[0] for (kind, name), values in kept.items() if kind in EFFECTS},
    )


def _owned(path: str, values: list[str]) -> Owned:
    kind, value, had, *rest = values
    return Owned(kind, path, value, had_original=had == "yes", survives_keep_data=rest[:1] == ["keep"])


def _ready(values: list[str]) -> dict[str, str]:
    """The first field is "=", the rest path=value."""
    pairs = (value.partition("=") for value in values if value != "=")
    return {path: value for path, _, value in pairs}


def _side_effect(name: str) -> tuple[str, str]:
    kind, _, rest = name.partition(" ")
    return kind, rest
