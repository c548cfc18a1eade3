"""Prints docs/changes.md: what becomes of a living cluster when a key of its profile changes, by really planning it.

python docs/changes.py >docs/changes.md
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from kubeup import preflight, profile  # noqa: E402
from kubeup.commands import up  # noqa: E402
from kubeup.model.cluster import Cluster  # noqa: E402
from kubeup.model.facts import Facts  # noqa: E402
from kubeup.plan.steps import Plan, RestorePath, RunAction, Start, Stop, Undo  # noqa: E402
from kubeup.planning import resolve  # noqa: E402
from kubeup.profile import keys  # noqa: E402
from tests.support.living import HOSTS, built, with_members  # noqa: E402
from tests.support.plans import NOW, artifacts  # noqa: E402

HEAD = """\
# What a changed profile does to a living cluster

<!-- Made by: python docs/changes.py >docs/changes.md -->

Each key of a profile, changed on a cluster of two nodes that runs on containerd, and what `kubeup up` then does. What
is refused is refused before anything is touched, with what to do instead; [preflight.md](preflight.md) lists the ids.

| key | changed to | what happens |
|---|---|---|
"""
BASE = {
    "name": "living",
    "nodes": f"[root@{HOSTS[0]}, root@{HOSTS[1]}]",
    "roles": "ai i",
    "runtime": "containerd",
    "kubernetes": '"1.36"',
    "addons": "[dns]",
}
ADDONS = {"addons": "[dns, ingress, storage, load-balancer]", "load_balancer_addresses": "[192.168.200.208/28]"}
OF_ADDONS = ("addons", "ingress_nodes", "load_balancer_addresses", "storage_path")
"""Keys that say something of a cluster with these addons only."""
OTHER = {
    "nodes": f"[root@{HOSTS[0]}, root@{HOSTS[1]}, root@{HOSTS[2]}]",
    "roles": "i ai",
    "service_cluster_ip_range": "10.97.0.0/16",
    "node_port_range": "30000-32000",
    "versions": "{etcd: 3.7.1}",
    "addons": "[dns, metrics-server, ingress, storage, load-balancer]",
    "nodes.host": "other.example.com",
    "nodes.address": "192.168.200.99",
    "containerd_snapshotter": "native",
    "nodes.name": "other",
}
"""Other values than a key's example: where that is what the cluster has, or asks for more than this one change."""
FILES = {
    "ca.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "login.txt": "me:secret\n",
    "ssh_config": "Host *\n",
}
"""What examples name."""


def page() -> str:
    """The whole text of docs/changes.md."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (Path(folder) / name).write_text(text)
        rows = "".join(f"| `{path}` | `{value}` | {what} |\n" for path, value, what in _rows(Path(folder)))
    return HEAD + rows


def _rows(folder: Path) -> Iterator[tuple[str, str, str]]:
    plain, full = (with_members(built(_load({**BASE, **more}, folder))) for more in ({}, ADDONS))
    for path, row in keys.by_path().items():
        if path in row.also:
            continue
        value, lines = OTHER.get(path, row.example), {**BASE, **(ADDONS if path in OF_ADDONS else {})}
        yield path, value, _outcome(_load(_changed(lines, path, value), folder), full if path in OF_ADDONS else plain)


def _changed(lines: Mapping[str, str], path: str, value: str) -> Mapping[str, str]:
    """The profile with one key changed. Of a key inside of another: alone in there."""
    outer, _, inner = path.partition(".")
    if path == "nodes":
        return {**lines, "nodes": value, "roles": "ai i i"}
    if outer == "nodes" and inner:
        said = {"host": HOSTS[1], "user": "root", "address": HOSTS[1], inner: value}
        if inner == "role":
            roles = f"[{{host: {HOSTS[0]}, user: root, role: ai}}, {{host: {HOSTS[1]}, user: root, role: {value}}}]"
            return {key: line for key, line in lines.items() if key != "roles"} | {"nodes": roles}
        return {**lines, "nodes": f"[root@{HOSTS[0]}, {{{', '.join(f'{key}: {one}' for key, one in said.items())}}}]"}
    return {**lines, outer: f"{{{inner}: {value}}}" if inner else value}


def _load(lines: Mapping[str, str], folder: Path) -> Cluster:
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    return profile.load_text(text, str(folder / "living.yaml"), folder).cluster


def _outcome(said: Cluster, living: Mapping[str, Facts]) -> str:
    # A machine is the same one under whatever word SSH finds it by.
    machines = {node.endpoint: living[HOSTS[number]] for number, node in enumerate(said.nodes)}
    for node in said.nodes:
        facts = machines[node.endpoint]
        machines[node.endpoint] = replace(facts, addresses=(*facts.addresses, f"{node.address}/24"))
    cluster = resolve.resolve(said, machines)
    problems = preflight.check(cluster, machines)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        return f"refused: {errors[0].message} (`{errors[0].id}`)"
    plan = up.make_plan(cluster, machines, resolve.gather_cluster(cluster, machines), artifacts(cluster), NOW)
    return _told(plan, [one for one, node in zip(plan.nodes, said.nodes) if not machines[node.endpoint].record.exists])


def _told(plan: Plan, fresh: list[object]) -> str:
    """In words. fresh: of nodes that come."""
    steps = [step for node in plan.nodes if node not in fresh for step in node.steps]
    starts = [step for step in steps if isinstance(step, Start)]
    words = {
        "restart of": [start.unit.component for start in starts if start.restart and not start.reload],
        "reload of": [start.unit.component for start in starts if start.reload],
        "start of": [start.unit.component for start in starts if not start.restart],
        "stop of": [step.unit.removesuffix(".service") for step in steps if isinstance(step, Stop)],
        "applied:": [step.action.title for step in steps if isinstance(step, RunAction)],
        "undone:": [step.action for step in steps if isinstance(step, Undo)],
    }
    told = [f"{word} {', '.join(dict.fromkeys(names))}" for word, names in words.items() if names]
    files = sum(len(node.files) for node in plan.nodes if node not in fresh)
    removed = sum(isinstance(step, RestorePath) for step in steps)
    if (files or removed) and not starts:
        told.append("files change, and nothing restarts")
    if fresh:
        told.insert(0, "the node that comes is built")
    return "; ".join(told) or "nothing"


if __name__ == "__main__":
    print(page(), end="")
