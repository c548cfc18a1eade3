"""The node's record, /var/lib/kubeup/record: tab-separated lines; the last with the same first two fields counts."""

from __future__ import annotations

from kubeup.model.facts import Owned, Record

DELETED = "-"


def parse_record(text: str) -> Record:
    """Lines that make no sense are passed over: a line that was being written when the power went is one of them."""
    last: dict[tuple[str, str], list[str]] = {}
    for line in text.split("\n"):
        fields = line.split("\t")
        if len(fields) >= 3:
            last[(fields[0], fields[1])] = fields[2:]
    kept = {key: values for key, values in last.items() if values[0] != DELETED}
    return Record(
        meta={name: values[0] for (kind, name), values in kept.items() if kind == "meta"},
        owned={
            path: _owned(path, values) for (kind, path), values in kept.items() if kind == "own" and len(values) > 2
        },
        ready={name: _ready(values) for (kind, name), values in kept.items() if kind == "ready"},
        units={name: values[0] for (kind, name), values in kept.items() if kind == "unit"},
        actions=tuple(name for kind, name in kept if kind == "action"),
        side_effects={_side_effect(name): values[0] for (kind, name), values in kept.items() if kind == "trace"},
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
