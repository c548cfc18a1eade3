"""What lies in folders that are to be kubeup's with all that is in them, as long as they are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class FolderFacts:
    """inside: path -> names of what lies there, but for a file system's own lost+found and what is mounted.
    zfs_snapshots: a dataset of ZFS is where containerd would keep images there."""

    inside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    zfs_snapshots: bool = False


def parse(answer: Answer) -> FolderFacts:
    found: dict[str, list[str]] = {}
    for path, *name in answer.all("inside"):
        found.setdefault(path, []).append("\t".join(name))
    return FolderFacts({path: tuple(sorted(names)) for path, names in found.items()}, answer.text("zfs") == "yes")
