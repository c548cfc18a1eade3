"""A cluster that lives, as probes find its machines, and what preflight has against another profile of it."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

from kubeup import preflight, profile
from kubeup.model.cluster import Cluster
from kubeup.model.facts import Facts, Said, running
from kubeup.pki.issue import KeyPair
from kubeup.planning import resolve
from tests.support.machines import bare
from tests.support.plans import NOW, authorities, carried_out, desired, leaves

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


def built(said: Cluster) -> dict[str, Facts]:
    """The machines after an `up` of it, by host."""
    cluster = resolve.resolve(said, MACHINES)
    common, pairs = _authorities()
    done: dict[str, Facts] = {}
    for node in cluster.nodes:
        wish = desired(cluster, node, MACHINES[node.host], resolve.gather_cluster(cluster, done))
        facts = carried_out(wish, {**common, **leaves(cluster, node, pairs, NOW)}, MACHINES[node.host])
        data = ("/var/lib/etcd/member",) if node.is_control_plane else ()
        done[node.host] = replace(facts, kept_data=data)
    return MACHINES | done


def with_members(living: dict[str, Facts]) -> dict[str, Facts]:
    """The same, and each member of etcd that has data tells of all of them: they are well."""
    having = [(number, host) for number, host in enumerate(HOSTS, 1) if living[host].kept_data]
    members = [
        {"ID": number, "name": living[host].hostname, "peerURLs": [f"https://{host}:2380"]} for number, host in having
    ]
    well = [{"Status": {"header": {"member_id": number}, "leader": 1}} for number, _ in having]
    said = {
        running.MEMBERS: Said(json.dumps({"members": members})),
        running.MEMBERS_WELL: Said(json.dumps(well)),
    }
    return {host: replace(one, said={**one.said, **said}) if one.kept_data else one for host, one in living.items()}


@functools.cache
def _authorities() -> tuple[dict[str, bytes], dict[str, KeyPair]]:
    """Making keys takes longer than all else here."""
    return authorities(NOW)


LIVING = built(said())


def problems(cluster: Cluster, machines: dict[str, Facts] = LIVING) -> list[str]:
    resolved = resolve.resolve(cluster, machines)
    return [one.format() for one in preflight.check(resolved, machines) if one.severity == "error"]
