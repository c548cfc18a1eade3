"""Which system runs there, and what time it has."""

from __future__ import annotations

from dataclasses import dataclass

from kubeup.model.facts.answer import Answer

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class SystemFacts:
    """arch: as Go says it. init: the name of the first process. kernel: its release.

    clock_offset: the node's clock minus the operator's in seconds (positive: the node is ahead), uncertain by half
    the round trip. clock_synchronized: None where nothing says so.
    """

    hostname: str = ""
    arch: str = ""
    os_id: str = ""
    os_version: str = ""
    os_name: str = ""
    kernel: str = ""
    machine_id: str = ""
    init: str = ""
    uid: int = 0
    clock_offset: float = 0.0
    clock_synchronized: bool | None = None


def parse(answer: Answer) -> SystemFacts:
    hostname, kernel, machine = (*answer.text("uname").split(), "", "", "")[:3]
    lines = (text.partition("=") for text in answer.texts("os_release"))
    os_release = {name: value.strip("\"'") for name, _, value in lines}
    # A date that knows no %N prints the letter.
    clock = float(answer.text("clock", "0").replace("N", "0"))
    return SystemFacts(
        hostname=hostname,
        arch=ARCHITECTURES.get(machine, machine),
        os_id=os_release.get("ID", ""),
        os_version=os_release.get("VERSION_ID", ""),
        os_name=os_release.get("PRETTY_NAME", ""),
        kernel=kernel,
        machine_id=answer.text("machine_id"),
        init=answer.text("init"),
        uid=answer.number("uid"),
        clock_offset=clock - answer.midpoint if clock else 0.0,
        clock_synchronized=True if answer.text("synchronized") else None,
    )
