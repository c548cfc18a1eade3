"""What a command did: what changed, how long each level took, round trips and bytes a node."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from kubeup.execution.job import Outcome
from kubeup.report.progress import size


def show(console: Console, outcome: Outcome, *, undone: bool = False) -> None:
    """On stderr, after the work."""
    if not outcome.changed:
        trips = sum(node.round_trips for node in outcome.nodes)
        console.print(f"Nothing changed: {len(outcome.nodes)} nodes asked, {trips} round trips.", highlight=False)
        return
    titles = ("NODE", "ROUND TRIPS", "SENT") if undone else ("NODE", "FILES", "UNITS", "ROUND TRIPS", "SENT")
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title, justify="left" if title == "NODE" else "right")
    for node in outcome.nodes:
        counts = () if undone else (str(len(node.files)), str(len(node.units)))
        table.add_row(node.name, *counts, str(node.round_trips), size(node.bytes))
    console.print(table)
    for title, seconds in outcome.seconds.items():
        if title != "all":
            console.print(f"{seconds:6.1f} s  {title}", highlight=False, soft_wrap=True)
