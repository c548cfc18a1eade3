"""Members of etcd as people and scripts see them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kubeup.commands.etcd import MemberState
from kubeup.report.progress import size


def show(console: Console, members: Sequence[MemberState]) -> None:
    """One a line."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for title in ("MEMBER", "ID", "ADDRESS", "ROLE", "STATUS", "VERSION", "SIZE", "ALARMS"):
        table.add_column(title, no_wrap=title != "ALARMS")
    for one in members:
        status = Text("well", "green") if one.well else Text("not well", "bold red")
        told = "-" if one.database is None else size(one.database)
        name = one.name if one.in_profile else f"{one.name} (not in the profile)"
        table.add_row(
            name, one.id, one.address, one.role, status, one.version or "-", told, ", ".join(one.alarms) or "-"
        )
    console.print(table, soft_wrap=False)


def alarms(console: Console, members: Sequence[MemberState]) -> None:
    """What is alarmed about, and what to do."""
    found = [(one.name, alarm) for one in members for alarm in one.alarms]
    for name, alarm in found:
        console.print(f"{name}: {alarm}", highlight=False, soft_wrap=True)
    if any("NOSPACE" in alarm for _, alarm in found):
        console.print(
            "etcd is full, and takes no writes: kubeup etcd defrag, then kubeup etcd alarms --disarm; more room: "
            "etcd: {flags: {quota-backend-bytes: 8589934592}} in the profile",
            highlight=False,
            soft_wrap=True,
        )
    if not found:
        console.print("no alarms", highlight=False)


def defragmented(console: Console, found: Mapping[str, tuple[int, int]]) -> None:
    for name, (before, after) in found.items():
        console.print(f"{name}: {size(before)} -> {size(after)}", highlight=False)


def as_json(members: Sequence[MemberState]) -> str:
    """``{"members": [...]}``, a mapping a member with the fields of MemberState."""
    return json.dumps({"members": [dataclasses.asdict(one) for one in members]}, indent=2)
