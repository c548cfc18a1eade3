"""A cluster that lives, as probes find its machines, and what preflight has against another profile of it."""

from __future__ import annotations

from dataclasses import replace

from kubeup import preflight, profile
from kubeup.model.cluster import Cluster
from kubeup.model.facts import Facts
from kubeup.planning import resolve
from tests.support.machines import bare
from tests.support.plans import carried_out, desired, minted

HOSTS = ("192.168.200.13", "192.168.200.14", "192.168.200.15")
PROFILE = """\
name: demo
nodes: [root@192.168.200.13, root@192.168.200.14]
roles: ai i
runtime: containerd
addons: []
"""
MACHINES = {host: bare(number) for number, host in enumerate(HOSTS, 3)}


def said(*lines: str, drop: str = "") -> Cluster:
    kept = [line for line in PROFILE.splitlines() if not drop or not line.startswith(drop)]
    return profile.load_text("\n".join([*kept, *lines]) + "\n", "demo.yaml").cluster


def built(cluster: Cluster) -> dict[str, Facts]:
    """The machines after an `up` of it."""
    cluster = resolve.resolve(cluster, MACHINES)
    vaults = {node.host: minted(cluster, cluster.nodes[0])[0] for node in cluster.nodes}
    done = {
        node.host: carried_out(desired(cluster, node, MACHINES[node.host]), vaults[node.host], MACHINES[node.host])
        for node in cluster.nodes
    }
    masters = {node.host for node in cluster.control_plane}
    return MACHINES | {
        host: replace(facts, kept_data=("/var/lib/etcd/member",) if host in masters else ())
        for host, facts in done.items()
    }


LIVING = built(said())


def problems(cluster: Cluster, machines: dict[str, Facts] = LIVING) -> list[str]:
    resolved = resolve.resolve(cluster, machines)
    return [one.format() for one in preflight.check(resolved, machines) if one.severity == "error"]
