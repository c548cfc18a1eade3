"""A cluster of two nodes, and what planning makes of it: facts in, desired state and plan out."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import replace
from pathlib import Path

from kubeup import components
from kubeup.components.base import Context
from kubeup.model.cluster import Cluster, Network, Node, Role, Runtime
from kubeup.model.facts import ClusterFacts, Facts, FileFact, Owned, Record, UnitFact
from kubeup.model.resources import Desired, sha256
from kubeup.node.wire.payload import content_of
from kubeup.pki import issue, specs
from kubeup.pki.certificates import SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUB
from kubeup.plan.steps import (
    NodePlan,
)
from kubeup.planning import render, required, resolve
from kubeup.planning.diff import diff
from kubeup.release.artifacts import Artifact

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.timezone.utc)


BOTH, NODE = frozenset({Role.CONTROL_PLANE, Role.WORKER}), frozenset({Role.WORKER})


BARE = Facts(
    hostname="node3", arch="amd64", cgroup=2, nft="1.1", capabilities=1 << 24, primary_address="192.168.200.13"
)


def two_nodes(**changes: object) -> Cluster:
    cluster = Cluster(
        name="demo",
        nodes=(
            Node("192.168.200.13", BOTH, name="node3", address="192.168.200.13"),
            Node("192.168.200.14", NODE, name="node4", address="192.168.200.14"),
        ),
        network=Network(
            ipaddress.IPv4Network("172.16.0.0/16"),
            ipaddress.IPv4Network("100.0.0.0/16"),
            ipaddress.IPv4Address("100.0.0.2"),
        ),
        runtime=Runtime.CONTAINERD,
    )
    return replace(cluster, **changes)  # type: ignore[arg-type]


def artifacts(cluster: Cluster) -> tuple[Artifact, ...]:
    needed = required.for_cluster(cluster, {node.host: BARE for node in cluster.nodes})
    return tuple(
        Artifact(one, sha256(f"{one.name} {one.version}".encode()), 1000, Path("/nowhere"), "test") for one in needed
    )


def desired(cluster: Cluster, node: Node, facts: Facts = BARE, shared: ClusterFacts | None = None) -> Desired:
    cidrs = resolve.pod_cidrs(cluster, {})
    context = Context(cluster, node, facts, shared or ClusterFacts(), cidrs)
    return render.desired(context, artifacts(cluster), NOW)


def plan(cluster: Cluster, node: Node, facts: Facts = BARE, shared: ClusterFacts | None = None) -> NodePlan:
    return diff(node.name, desired(cluster, node, facts, shared), facts, components.order(cluster, node))


def built(cluster: Cluster, node: Node) -> tuple[Facts, ClusterFacts]:
    """The facts of a node on which everything was done: computed by carrying out the plan of a bare one."""
    vault, shared = minted(cluster, node)
    done = desired(cluster, node)
    files: dict[str, FileFact] = {}
    owned: dict[str, Owned] = {}
    for file in done.files:
        content = content_of(file, vault)
        files[file.path] = FileFact(
            file.path, "file", file.mode, file.owner, len(content), sha256(content), "", content
        )
        owned[file.path] = Owned("file", file.path, sha256(content), had_original=False)
    for binary in done.binaries:
        if binary.link:
            files[binary.link] = FileFact(binary.link, "link", target=binary.store_path)
            owned[binary.link] = Owned("link", binary.link, binary.store_path, had_original=False)
    for directory in done.directories:
        files[directory.path] = FileFact(directory.path, "dir", directory.mode, directory.owner)
        owned[directory.path] = Owned("tree", directory.path, "", had_original=False)
    ready = {
        unit.name: {path: files[path].target or files[path].sha256 for path in unit.reads if path in files}
        for unit in done.units
    }
    record = Record(
        meta={**dict(done.meta), "generation": "5"},
        owned=owned,
        ready=ready,
        units={unit.name: "absent" for unit in done.units},
        actions=tuple(action.id for action in done.actions),
        side_effects={(trace.kind, trace.name): "no=>" for trace in done.side_effects},
    )
    facts = replace(
        BARE,
        hostname=node.name,
        files=files,
        record=record,
        units={unit.name: UnitFact(unit.name, "loaded", "active", "running", "enabled") for unit in done.units},
        checks={action.id: True for action in done.actions},
        store={binary.sha256: binary.size for binary in done.binaries},
    )
    return facts, shared


def minted(cluster: Cluster, node: Node) -> tuple[dict[str, bytes], ClusterFacts]:
    from kubeup.model.facts import AuthorityFact

    vault: dict[str, bytes] = {}
    known = {}
    account = issue.service_account_key()
    vault["service-account:key"], vault["service-account:pub"] = account
    for authority in specs.CERTIFICATE_AUTHORITIES:
        pair = issue.authority(authority, NOW)
        vault[f"authority:{authority.name}:crt"] = pair.cert_pem
        vault[f"authority:{authority.name}:key"] = pair.key_pem
        known[authority.name] = AuthorityFact(authority.name, pair.cert_pem, sha256(pair.key_pem), ("node3",))
        for spec in specs.specs_for(cluster, node):
            if spec.authority == authority.name:
                leaf = issue.certificate(spec, pair, NOW)
                vault[f"leaf:{spec.path}:crt"], vault[f"leaf:{spec.path}:key"] = leaf.cert_pem, leaf.key_pem
    shared = {
        SERVICE_ACCOUNT_KEY: sha256(account[0]),
        SERVICE_ACCOUNT_PUB: sha256(account[1]),
    }
    return vault, ClusterFacts(known, {}, shared)


def docker_cluster() -> Cluster:
    return two_nodes(runtime=Runtime.DOCKER)
