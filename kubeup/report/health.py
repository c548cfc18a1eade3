"""The truth about a cluster, as a table, and as the original kube-up ended."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kubeup.validate.checks import Check, Health, Status

MARKS = {Status.OK: ("ok", "green"), Status.WARNING: ("warning", "yellow"), Status.FAILED: ("FAILED", "bold red")}


def show(console: Console, health: Health, *, all_checks: bool = False) -> None:
    """Components, nodes, services, then what is wrong (all_checks: all of them)."""
    console.print("Validate output:", highlight=False)
    console.print(_components(health))
    console.print()
    console.print(_nodes(health))
    if health.services:
        console.print()
        console.print(_services(health))
    checks = health.checks if all_checks else tuple(c for c in health.checks if c.status is not Status.OK)
    if checks:
        console.print()
        for check in checks:
            _check(console, check)
    good = sum(check.status is Status.OK for check in health.checks)
    console.print()
    if health.healthy:
        console.print(Text(f"Cluster validation succeeded ({good} checks)", "bold green"), soft_wrap=True)
        console.print(f"Kubernetes API: {health.server}", highlight=False, soft_wrap=True)
    else:
        failed = len([check for check in health.checks if check.status is Status.FAILED])
        console.print(
            Text(f"Cluster validation FAILED: {failed} of {len(health.checks)} checks", "bold red"), soft_wrap=True
        )


def _grid(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=title != "MESSAGE", overflow="fold")
    return table


def _components(health: Health) -> Table:
    several = len({one.master for one in health.components}) > 1
    table = _grid("NAME", "STATUS", "MESSAGE", *(["MASTER"] if several else []))
    for one in health.components:
        status = Text("Healthy", "green") if one.healthy else Text("Unhealthy", "bold red")
        message = "ok" if one.healthy else one.message
        table.add_row(one.name, status, message, *([one.master] if several else []))
    return table


def _nodes(health: Health) -> Table:
    table = _grid("NODE", "STATUS", "VERSION", "ADDRESS", "RUNTIME")
    for node in health.nodes:
        status = Text("Ready", "green") if node.ready else Text("NotReady", "bold red")
        table.add_row(node.name, status, node.version, node.address, node.runtime)
    return table


def _services(health: Health) -> Table:
    table = _grid("SERVICE", "CLUSTER-IP", "PORTS")
    for service in health.services:
        table.add_row(service.name, service.address, service.ports)
    return table


def _check(console: Console, check: Check) -> None:
    mark, style = MARKS[check.status]
    console.print(Text.assemble((f"{mark:<8}", style), check.message, (f"  [{check.id}]", "dim")), soft_wrap=True)
    for line in check.evidence:
        console.print(Text(f"          | {line}"), soft_wrap=True)
    if check.fix:
        console.print(Text.assemble("          ", ("fix: ", "bold green"), check.fix), soft_wrap=True)
