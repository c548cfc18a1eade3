"""How much there is of what runs out: processors, memory, inotify instances."""

from __future__ import annotations

from dataclasses import dataclass

from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class HardwareFacts:
    """Sizes in bytes. inotify_limit, inotify_used: root's instances; 0 where nobody asked."""

    cpus: int = 0
    memory: int = 0
    swap: int = 0
    inotify_limit: int = 0
    inotify_used: int = 0


def parse(answer: Answer) -> HardwareFacts:
    return HardwareFacts(
        cpus=answer.number("cpus"),
        memory=int(answer.match("meminfo", r"^MemTotal: *(\d+) kB") or 0) * 1024,
        swap=int(answer.match("meminfo", r"^SwapTotal: *(\d+) kB") or 0) * 1024,
        inotify_limit=answer.number("inotify_limit"),
        inotify_used=answer.number("inotify_used"),
    )
