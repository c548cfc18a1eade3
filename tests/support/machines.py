"""Machines as probes find them, and the clusters that tests of commands run on."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from kubeup.components.base import Context
from kubeup.model.cluster import Cluster
from kubeup.model.facts import Disk, Facts, Owned, Record, UnitFact
from kubeup.planning import recorded, render, required, resolve
from kubeup.planning.lead import lead
from kubeup.release.artifacts import Artifact
from kubeup.sources import cache
from tests.support.plans import authorities, carried_out, leaves
from tests.support.recorded import RecordedNode


def one_disk(size: int, free: int) -> dict[str, Disk]:
    """A machine with all that it has on one."""
    folders = ("/var/lib/kubeup", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/docker")
    return dict.fromkeys(folders, Disk("/", size, free))


SOUND = Facts(
    hostname="one",
    arch="amd64",
    os_id="debian",
    os_version="13",
    os_name="Debian GNU/Linux 13 (trixie)",
    kernel="6.12.0-amd64",
    init="systemd",
    uid=0,
    memory=4 * 10**9,
    disks=one_disk(100 * 10**9, 50 * 10**9),
    cgroup=2,
    cgroup_controllers=("cpuset", "cpu", "io", "memory", "pids"),
    nft="1.1.3",
    iptables="1.8.11",
    socat="yes",
    haproxy="2.6.12",
    routes=(("default", "eth0"), ("10.0.0.0/24", "eth0")),
)


def bare(number: int, **changes: object) -> Facts:
    """The machine nodeN at 192.168.200.(10 + N), with nothing of kubeup's on it."""
    address = f"192.168.200.{10 + number}"
    found = replace(
        SOUND,
        hostname=f"node{number}",
        machine_id=f"{number:032x}",
        addresses=(f"{address}/24",),
        primary_address=address,
        primary_device="eth0",
        routes=(("default", "eth0"), ("192.168.200.0/24", "eth0")),
        capabilities=1 << 24,
        disks=one_disk(100 * 2**30, 50 * 2**30),
        memory=4 * 2**30,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def installed(number: int, cluster: str, roles: str, *units: str) -> Facts:
    """The same with a record of few words: enough for `down` and for whoever looks. roles: as records have them."""
    record = Record(
        meta={"cluster": cluster, "name": f"node{number}", "roles": roles, "runtime": "containerd", "generation": "5"},
        owned={"/etc/default/kubelet": Owned("file", "/etc/default/kubelet", "0" * 64, had_original=False)},
        units=dict.fromkeys(units, "absent"),
    )
    running = {unit: UnitFact(unit, "loaded", "active", "running", "enabled") for unit in units}
    return bare(number, record=record, units=running, home=True)


def fill_cache(
    cluster: Cluster, facts: Mapping[str, Facts], root: Path, programs: Mapping[str, bytes] | None = None
) -> tuple[Artifact, ...]:
    """All binaries that a cluster needs, each a few bytes long. programs: those that are to do something."""
    found = []
    for one in required.for_cluster(cluster, facts):
        path = root / "incoming"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((programs or {}).get(one.name, f"{one.name} {one.version}".encode()))
        found.append(cache.take_in(root, one, path, "a test"))
    return tuple(found)


def built_nodes(
    cluster: Cluster, facts: Mapping[str, Facts], artifacts: tuple[Artifact, ...], now: datetime.datetime
) -> dict[str, RecordedNode]:
    """By host, machines on which an `up` did everything. cluster: resolved; its first node is the control plane."""
    common, pairs = authorities(now)
    first = cluster.nodes[0]
    known: dict[str, Facts] = {}
    secrets: dict[str, bytes] = {}
    for node in cluster.nodes:
        shared = resolve.gather_cluster(cluster, known)
        cidrs = resolve.pod_cidrs(cluster, {})
        context = Context(cluster, node, facts[node.endpoint], shared, cidrs, leads=node == lead(cluster, facts))
        done = render.desired(context, artifacts, now)
        done = replace(done, meta=(*done.meta, *recorded.meta(cluster, node, artifacts)))
        vault = {**common, **leaves(cluster, node, pairs, now)}
        known[node.endpoint] = carried_out(done, vault, facts[node.endpoint])
        if node is first:
            secrets = {
                path: fact.content for path, fact in known[node.endpoint].files.items() if fact.content is not None
            }
    return {host: RecordedNode(one, secrets=secrets if host == first.endpoint else {}) for host, one in known.items()}
