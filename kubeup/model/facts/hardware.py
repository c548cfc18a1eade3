"""How much there is of what runs out: processors, memory, disk, inotify instances."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class HardwareFacts:
    """Sizes in bytes. disk_free, disk_size: of the file system of disk_path.

    inotify_limit, inotify_used: root's instances; 0 where nobody asked.
    """

    cpus: int = 0
    memory: int = 0
    swap: int = 0
    disk_free: int = 0
    disk_size: int = 0
    disk_path: str = "/var/lib"
    inotify_limit: int = 0
    inotify_used: int = 0


def parse(answer: Answer) -> HardwareFacts:
    size, free = _disk(answer.texts("disk"))
    return HardwareFacts(
        cpus=answer.number("cpus"),
        memory=int(answer.match("meminfo", r"^MemTotal: *(\d+) kB") or 0) * 1024,
        swap=int(answer.match("meminfo", r"^SwapTotal: *(\d+) kB") or 0) * 1024,
        disk_free=free,
        disk_size=size,
        inotify_limit=answer.number("inotify_limit"),
        inotify_used=answer.number("inotify_used"),
    )


def _disk(lines: tuple[str, ...]) -> tuple[int, int]:
    """Size and room of ``df -P -k``: device, blocks, used, available, percent, folder."""
    for line in lines[1:]:
        found = re.search(r"\s(\d+)\s+\d+\s+(\d+)\s+[\d-]+%?\s+/", line)
        if found:
            return int(found.group(1)) * 1024, int(found.group(2)) * 1024
    return 0, 0
