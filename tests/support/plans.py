"""A cluster of two nodes, and what planning makes of it: facts in, desired state and plan out."""

from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubeup import components
from kubeup.components import images, node_objects
from kubeup.components.base import Context
from kubeup.model.cluster import Cluster, Network, Node, Role, Runtime
from kubeup.model.facts import AuthorityFact, ClusterFacts, Facts, FileFact, Owned, Record, Said, UnitFact, running
from kubeup.model.resources import Action, Desired, Unit, sha256
from kubeup.node.wire.step_lines import IssuedSecrets, content_of
from kubeup.pki import issue, specs
from kubeup.pki.certificates import SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUB
from kubeup.pki.issue import KeyPair
from kubeup.plan.steps import PUSHED, NodePlan
from kubeup.planning import render, required, resolve
from kubeup.planning.diff import diff
from kubeup.planning.lead import lead
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
    needed = required.for_cluster(cluster, {node.endpoint: BARE for node in cluster.nodes})
    return tuple(
        Artifact(one, sha256(f"{one.name} {one.version}".encode()), 1000, Path("/nowhere"), "test") for one in needed
    )


def desired(cluster: Cluster, node: Node, facts: Facts = BARE, shared: ClusterFacts | None = None) -> Desired:
    cidrs = resolve.pod_cidrs(cluster, {})
    context = Context(cluster, node, facts, shared or ClusterFacts(), cidrs, leads=node == lead(cluster, {}))
    return render.desired(context, artifacts(cluster), NOW)


def plan(cluster: Cluster, node: Node, facts: Facts = BARE, shared: ClusterFacts | None = None) -> NodePlan:
    return diff(node.name, desired(cluster, node, facts, shared), facts, components.order(cluster, node))


def built(cluster: Cluster, node: Node) -> tuple[Facts, ClusterFacts]:
    """The facts of a node on which everything was done: computed by carrying out the plan of a bare one."""
    vault, shared = minted(cluster, node)
    facts = carried_out(desired(cluster, node), vault, replace(BARE, hostname=node.name))
    said = facts.said.get(running.NODES)
    return facts, replace(shared, nodes=running.nodes(said.text)) if said else shared


def carried_out(done: Desired, vault: IssuedSecrets, bare: Facts) -> Facts:
    """What a probe says of a machine that was bare and has become what is desired. vault: by File.source."""
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
    objects = node_objects_of(done)
    record = Record(
        meta={**dict(done.meta), "generation": "5"},
        owned=owned,
        ready=ready,
        units={unit.name: "absent" for unit in done.units},
        actions=tuple(action.id for action in done.actions),
        side_effects={(trace.kind, trace.name): "no=>" for trace in done.side_effects},
    )
    return replace(
        bare,
        files=files,
        record=record,
        units={unit.name: UnitFact(unit.name, "loaded", "active", "running", "enabled") for unit in done.units},
        checks={**{id_: True for action in done.actions for id_ in done_with(action)}, **made_by(done.units)},
        said={running.NODES: Said(told(objects))} if objects else {},
        store={binary.sha256: binary.size for binary in done.binaries},
    )


def done_with(action: Action) -> tuple[str, ...]:
    """The checks that hold once it was run: bringing an image to Docker keeps it there, too."""
    kept = f"{images.KEPT}{action.id.removeprefix(PUSHED)}"
    return (action.answer, kept) if action.id.startswith(PUSHED) else (action.answer,)


def made_by(units: Sequence[Unit]) -> dict[str, bool]:
    """All that components make when they start, by the ids of its checks."""
    started = {unit.component for unit in units}
    return {one.id: True for part in components.ALL if part.name in started for one in part.presence(two_nodes())}


def node_objects_of(done: Desired) -> list[dict[str, Any]]:
    """Those that a lead applies; none on another node."""
    action = next((one for one in done.actions if one.id == node_objects.ACTION and one.due), None)
    if action is None:
        return []
    found: list[dict[str, Any]] = json.loads(action.apply[action.apply.index("{") : action.apply.rindex("}") + 1])[
        "items"
    ]
    return found


def told(objects: Sequence[Mapping[str, Any]]) -> str:
    """What the cluster says once it has them."""
    lines = []
    for one in objects:
        lines += [f"node {one['metadata']['name']}", f"pod_cidr {one['spec']['podCIDR']}"]
        lines += [f'annotation {key} "{value}"' for key, value in one["metadata"]["annotations"].items()]
    return "\n".join(lines)


def minted(cluster: Cluster, node: Node) -> tuple[dict[str, bytes], ClusterFacts]:
    """All secrets of a control-plane node, by File.source, and what the nodes know of them together."""
    common, pairs = authorities(NOW)
    known = {name: AuthorityFact(name, pair.cert_pem, sha256(pair.key_pem), ("node3",)) for name, pair in pairs.items()}
    shared = {
        SERVICE_ACCOUNT_KEY: sha256(common["service-account:key"]),
        SERVICE_ACCOUNT_PUB: sha256(common["service-account:pub"]),
    }
    return {**common, **leaves(cluster, node, pairs, NOW)}, ClusterFacts(known, {}, shared)


def authorities(now: datetime.datetime) -> tuple[dict[str, bytes], dict[str, KeyPair]]:
    """What a control plane shares, by File.source, and the pairs that sign, by name."""
    vault: dict[str, bytes] = {}
    vault["service-account:key"], vault["service-account:pub"] = issue.service_account_key()
    pairs = {authority.name: issue.authority(authority, now) for authority in specs.CERTIFICATE_AUTHORITIES}
    for name, pair in pairs.items():
        vault[f"authority:{name}:crt"], vault[f"authority:{name}:key"] = pair.cert_pem, pair.key_pem
    return vault, pairs


def leaves(cluster: Cluster, node: Node, pairs: Mapping[str, KeyPair], now: datetime.datetime) -> dict[str, bytes]:
    """A node's own certificates and keys, by File.source."""
    vault: dict[str, bytes] = {}
    for spec in specs.specs_for(cluster, node):
        leaf = issue.certificate(spec, pairs[spec.authority], now)
        vault[f"leaf:{spec.path}:crt"], vault[f"leaf:{spec.path}:key"] = leaf.cert_pem, leaf.key_pem
    return vault


def docker_cluster() -> Cluster:
    return two_nodes(runtime=Runtime.DOCKER)
