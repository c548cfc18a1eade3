"""The disks that kubeup's programs, the cluster's data and images are to lie on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeup.model.facts.answer import Answer

STORE, KUBELET, CONTAINERD = "/var/lib/kubeup", "/var/lib/kubelet", "/var/lib/containerd"


@dataclass(frozen=True)
class Disk:
    """A file system. mount: where it is mounted. Sizes in bytes; 0 where nobody could tell."""

    mount: str = ""
    size: int = 0
    free: int = 0


@dataclass(frozen=True)
class DiskFacts:
    """disks: by the folder that is to lie there: STORE, KUBELET, CONTAINERD, and where Docker keeps its data.

    mounted: folder -> (where its file system is mounted, with which options).
    """

    disks: Mapping[str, Disk] = field(default_factory=dict)
    mounted: Mapping[str, tuple[str, frozenset[str]]] = field(default_factory=dict)

    def disk(self, folder: str) -> Disk:
        return self.disks.get(folder, Disk())


def parse(answer: Answer) -> DiskFacts:
    found = [_disk(answer, line) for line in answer.texts("disk")]
    folders = answer.texts("disk_folder")
    mounted = {}
    for folder, text in (row for row in answer.all("mounted") if len(row) == 2):
        mount, _, options = text.strip().rpartition(" ")
        if mount:
            mounted[folder] = (answer.path(mount.strip()) or "/", frozenset(options.split(",")))
    # One line a folder, in order; else nobody can tell which is whose.
    return DiskFacts(dict(zip(folders, found)) if len(folders) == len(found) else {}, mounted)


def _disk(answer: Answer, line: str) -> Disk:
    """A line of ``df -P -k``: device, blocks, used, available, percent, mount point."""
    found = re.search(r"\s(\d+)\s+\d+\s+(\d+)\s+[\d-]+%?\s+(/.*)$", line)
    if found is None:
        return Disk()
    return Disk(answer.path(found.group(3)) or "/", int(found.group(1)) * 1024, int(found.group(2)) * 1024)
