"""Images as people and scripts see them: what is needed against what is there, and what a push did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from kubeup.image_store.push import Pushed
from kubeup.image_store.required import RequiredImage
from kubeup.image_store.survey import NodeImages
from kubeup.model.cluster import Cluster
from kubeup.model.errors import KubeupError
from kubeup.report.progress import size

HERE, MISSING, ANOTHER, UNKNOWN = "yes", "missing", "another", "?"
STYLES = {HERE: "green", MISSING: "yellow", ANOTHER: "red", UNKNOWN: "red"}


@dataclass(frozen=True)
class Line:
    """One image. states: by node title: yes, missing, another (the name means another image), ? (no answer)."""

    name: str
    purpose: str
    states: Mapping[str, str]
    ids: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """All of them."""

    cluster: str
    lines: tuple[Line, ...]
    failures: tuple[KubeupError, ...]

    @property
    def complete(self) -> bool:
        return all(state == HERE for line in self.lines for state in line.states.values())


def table(
    cluster: Cluster,
    needs: Sequence[RequiredImage],
    had: Mapping[str, NodeImages],
    known: Mapping[str, frozenset[str]],
    failures: Mapping[str, KubeupError],
) -> Table:
    """had, failures: by node.endpoint. known: name -> ids the image may have; where none is known, nodes must agree."""
    lines = []
    for need in needs:
        ids = {
            node.title: had[node.endpoint].images.get(need.name, "") for node in cluster.workers if node.endpoint in had
        }
        held = [one for one in ids.values() if one]
        common = frozenset([max(set(held), key=held.count)]) if held else frozenset()
        right = known.get(need.name) or common
        # An id of Docker's own making says nothing about the content.
        states = {name: MISSING if not one else HERE if one in right else ANOTHER for name, one in ids.items()}
        states |= {node.title: UNKNOWN for node in cluster.workers if node.endpoint not in had}
        lines.append(Line(need.name, need.purpose, states, ids))
    return Table(cluster.name, tuple(lines), tuple(failures.values()))


def show(console: Console, found: Table, *, check: bool = False) -> None:
    """check: only what is not as it should be, and how many are."""
    lines = [one for one in found.lines if not check or set(one.states.values()) != {HERE}]
    nodes = list(dict.fromkeys(name for line in found.lines for name in line.states))
    grid = Grid(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for title in ("IMAGE", "FOR", *nodes):
        grid.add_column(title, no_wrap=True)
    for line in lines:
        states = [Text(line.states[name], STYLES[line.states[name]]) for name in nodes]
        grid.add_row(line.name, line.purpose, *states)
    if lines:
        console.print(grid, soft_wrap=True)
    for error in found.failures:
        console.print(Text(error.title(), "red"), soft_wrap=True)
    if check and found.complete:
        console.print(f"All {len(found.lines)} images are on every node, the same ones.", highlight=False)
    elif check:
        console.print(
            "kubeup images pull brings what is missing; where no registry is in reach, kubeup images push ARCHIVE",
            highlight=False,
            soft_wrap=True,
        )


def as_json(found: Table) -> str:
    """``complete`` and, per image, ``name``, ``for`` and the state on each node."""
    images = [{"name": one.name, "for": one.purpose, "nodes": one.states, "ids": one.ids} for one in found.lines]
    told = {
        "cluster": found.cluster,
        "complete": found.complete,
        "images": images,
        "failures": [error.title() for error in found.failures],
    }
    return json.dumps(told, indent=2)


def pushed(console: Console, cluster: Cluster, done: Mapping[str, Pushed], names: Sequence[str]) -> None:
    """What came to each node."""
    grid = Grid(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for title in ("NODE", "IMAGES", "SENT", "SECONDS"):
        grid.add_column(title, justify="left" if title == "NODE" else "right")
    for node in cluster.workers:
        if node.endpoint in done:
            one = done[node.endpoint]
            count = f"{len(one.names)} of {len(names)}" if one.names else "had them"
            grid.add_row(node.title, count, size(one.bytes), f"{one.seconds:.1f}")
    console.print(grid)


def pushed_json(
    cluster: Cluster, done: Mapping[str, Pushed], failures: Mapping[str, KubeupError], names: Sequence[str]
) -> str:
    """``images`` and, per node, what it lacked, bytes, seconds, and how many of them were sending."""
    nodes = [
        {
            "name": node.title,
            "images": list(one.names),
            "bytes": one.bytes,
            "seconds": round(one.seconds, 3),
            "sending": round(one.sending, 3),
        }
        for node in cluster.workers
        if (one := done.get(node.endpoint))
    ]
    told = {"images": list(names), "nodes": nodes, "failures": [error.title() for error in failures.values()]}
    return json.dumps(told, indent=2)
