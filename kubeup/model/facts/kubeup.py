"""What is there of kubeup itself, and signs of clusters that are not its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from kubeup.model.facts import record
from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class KubeupFacts:
    """store: sha256 -> size of what the store holds. pieces: sha256 -> bytes that arrived of what is not whole yet.

    home: kubeup's own folder is there, be it of an `up` that ended before its first step; not one that is an empty
    disk. kept_data: etcd data. busy: who holds the node's lock, empty if nobody. foreign_cluster: paths of another's.
    """

    record: record.Record = field(default_factory=record.Record)
    store: Mapping[str, int] = field(default_factory=dict)
    pieces: Mapping[str, int] = field(default_factory=dict)
    home: bool = False
    kept_data: tuple[str, ...] = ()
    busy: str = ""
    foreign_cluster: str = ""


def parse(answer: Answer) -> KubeupFacts:
    return KubeupFacts(
        record=record.parse_record(answer.contents.get(record.PATH, b"").decode("utf-8", "replace")),
        store={PurePosixPath(row[1]).parent.name: int(row[0]) for row in answer.all("store")},
        pieces=_pieces(answer),
        home=bool(answer.text("home")),
        kept_data=answer.texts("kept"),
        busy=answer.text("busy"),
        foreign_cluster=", ".join(answer.texts("foreign")),
    )


def _pieces(answer: Answer) -> Mapping[str, int]:
    """sha256, or sha256.gz -> how many bytes from the start lie there without a gap."""
    pieces: dict[str, list[tuple[int, int]]] = {}
    for size, name in answer.all("piece"):
        digest, _, offset = PurePosixPath(name).name.rpartition(".")
        pieces.setdefault(digest, []).append((int(offset or 0), int(size)))
    return {digest: _contiguous(sorted(parts)) for digest, parts in pieces.items()}


def _contiguous(parts: list[tuple[int, int]]) -> int:
    end = 0
    for offset, size in parts:
        if offset != end:
            break
        end += size
    return end
