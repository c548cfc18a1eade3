"""What the machines' answers say together: names and addresses, pod subnets, the runtime, what stays as it is."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from kubeup import addons
from kubeup.components import docker_daemon
from kubeup.model.cluster import KUBERNETES, Cluster, Network, Node, Runtime, by_address, replace_nodes
from kubeup.model.errors import KubeupError
from kubeup.model.facts import ClusterFacts, Facts, NodeObject, Unknown, running
from kubeup.model.founding import SUBNETS, of_each
from kubeup.pki import ca_state
from kubeup.planning import absent, recorded

T = TypeVar("T")
OLDEST_DOCKER = (23, 0)
"""cri-dockerd needs Engine API 1.42, which came with Docker 23."""
UNTRIED_DOCKER = (30, 0)
"""The first that kubeup was never run with; docs/tested.md has those it was."""


def resolve(cluster: Cluster, facts: Mapping[str, Facts]) -> Cluster:
    """The cluster with the names and addresses that only the machines know, and a runtime chosen.

    facts: by node.endpoint; a node that did not answer is called as the control plane's records call who has its
    address or its name, and else keeps what the profile says.
    """
    nodes = tuple(_resolve_node(node, facts.get(node.endpoint)) for node in cluster.nodes)
    nodes = absent.known_by_others(nodes, facts)
    cluster = replace_nodes(cluster, nodes)
    masters = (facts[node.endpoint] for node in cluster.control_plane if node.endpoint in facts)
    cluster = addons.with_recorded(cluster, *masters)
    names = {word: node.name for node in nodes for word in (node.host, node.address) if node.name}
    chosen = tuple(names.get(word, word) for word in cluster.ingress_nodes)
    kubernetes = recorded.kubernetes(cluster, facts) or cluster.versions.kubernetes
    return replace(
        cluster,
        dns_upstream=_upstreams(cluster, facts),
        ingress_nodes=chosen,
        runtime=cluster.runtime or choose_runtime(cluster, facts).runtime,
        versions=replace(cluster.versions, kept=recorded.versions(cluster, facts)).with_(KUBERNETES, kubernetes),
        first_sums=recorded.first_sums(cluster, facts),
    )


MOST_UPSTREAMS = 15
"""CoreDNS' plugin forward takes no more: https://coredns.io/plugins/forward/"""


def _upstreams(cluster: Cluster, facts: Mapping[str, Facts]) -> tuple[str, ...]:
    """Whom the cluster's DNS asks for other names: whom the profile says, else those of the machine that it runs on.

    Where some machines have none, those of the others; nobody where all know only themselves: it would ask itself.
    It stays what it was while a machine does not answer.
    """
    workers = [facts[node.endpoint] for node in cluster.workers if node.endpoint in facts]
    if cluster.dns_upstream:
        return cluster.dns_upstream
    if len(workers) < len(cluster.workers):
        known = recorded.dns_upstream(cluster, facts)
        if known is not None:
            return known
    if workers and all(one.real_nameservers for one in workers):
        return recorded.MACHINES_OWN
    return tuple(dict.fromkeys(server for one in workers for server in one.real_nameservers))[:MOST_UPSTREAMS]


def _resolve_node(node: Node, facts: Facts | None) -> Node:
    if facts is None:
        return node
    known = facts.record.meta
    return replace(
        node,
        name=node.name or known.get("name", "") or facts.hostname.lower(),
        address=node.address or known.get("address", "") or facts.primary_address or _only_address(facts),
    )


def _only_address(facts: Facts) -> str:
    """Of a machine without a default route, where there is no choice; else empty, which preflight refuses."""
    return facts.link_addresses[0] if len(facts.link_addresses) == 1 else ""


@dataclass(frozen=True)
class RuntimeChoice:
    """why: for people, what speaks against a Docker that is there; empty where nothing has to be said."""

    runtime: Runtime
    why: str = ""


def choose_runtime(cluster: Cluster, facts: Mapping[str, Facts]) -> RuntimeChoice:
    """What the first ``up`` decided and recorded; else docker if every worker has a usable one, else containerd."""
    for fact in facts.values():
        known = fact.record.meta.get("runtime", "")
        if known:
            return RuntimeChoice(Runtime(known))
    workers = [node for node in cluster.workers if node.endpoint in facts]
    having = [node for node in workers if _has_docker(facts[node.endpoint])]
    if not having:
        return RuntimeChoice(Runtime.CONTAINERD)
    for node in workers:
        if node not in having:
            has, lacks = (one.name or facts[one.endpoint].hostname for one in (having[0], node))
            return RuntimeChoice(Runtime.CONTAINERD, f"{has} has a Docker at work, {lacks} has none")
    for node in workers:
        why = _against_docker(facts[node.endpoint])
        if why:
            return RuntimeChoice(Runtime.CONTAINERD, f"{node.name or facts[node.endpoint].hostname}: {why}")
    return RuntimeChoice(Runtime.DOCKER)


def _has_docker(facts: Facts) -> bool:
    return bool(facts.docker.version) and facts.docker.running and facts.docker.source != "snap"


def _against_docker(facts: Facts) -> str:
    parts = [int(part) for part in facts.docker.version.split(".")[:2] if part.isdigit()]
    if tuple(parts) < OLDEST_DOCKER:
        return f"its Docker {facts.docker.version} is too old for cri-dockerd"
    if tuple(parts) >= UNTRIED_DOCKER:
        return (
            f"its Docker {facts.docker.version} is newer than those that kubeup was run with; "
            "runtime: docker takes it all the same"
        )
    return "its Docker maps users (userns-remap)" if docker_daemon.remaps_users(facts) else ""


def gather_cluster(cluster: Cluster, facts: Mapping[str, Facts]) -> ClusterFacts:
    """What the control-plane nodes know together: their certificate authorities, pod subnets given away, and what the
    running cluster says of itself.

    cluster: resolved. facts: by node.endpoint; nodes that did not answer may be missing. Raises KubeupError where the
    certificate authorities of two control-plane nodes differ: nobody can say which of them the cluster is.
    """
    known, shared = ca_state.gather(cluster, facts)
    titled = {node.title: facts[node.endpoint] for node in cluster.control_plane if node.endpoint in facts}
    nodes = _by_anyone(titled, running.NODES, running.nodes)
    return ClusterFacts(
        known,
        _known_cidrs(cluster, facts, nodes),
        shared,
        any(addons.APPLIED in one.record.actions for one in titled.values()),
        nodes=nodes,
        members=_by_anyone(titled, running.MEMBERS, running.members),
        etcd=_by_each(titled, running.ETCD_STATUS, running.etcd_status),
        api_versions=_by_each(titled, running.API_VERSION, running.api_version),
        well=_by_anyone(titled, running.MEMBERS_WELL, running.members_well),
        without_data=frozenset(title for title, one in titled.items() if not one.kept_data),
        absent=frozenset(node.endpoint for node in cluster.nodes if node.endpoint not in facts),
    )


def _by_each(titled: Mapping[str, Facts], id_: str, read: Callable[[str], T]) -> dict[str, T | Unknown]:
    """Title of a node -> its own answer to the question."""
    return {title: running.told(facts.said.get(id_), read, title) for title, facts in titled.items()}


def _by_anyone(titled: Mapping[str, Facts], id_: str, read: Callable[[str], T]) -> T | Unknown:
    """The answer of any node that could tell, for all tell the same. By title, so that the profile's order does not
    count."""
    every = [answer for _, answer in sorted(_by_each(titled, id_, read).items())]
    lacking = tuple(why for one in every if isinstance(one, Unknown) for why in one.why)
    return next((one for one in every if not isinstance(one, Unknown)), Unknown(lacking))


def _known_cidrs(
    cluster: Cluster, facts: Mapping[str, Facts], nodes: tuple[NodeObject, ...] | Unknown
) -> dict[str, str]:
    """Subnets given away earlier, also those of nodes that left the profile and may run on: as the cluster's Node
    objects have them; else as each node recorded its own, and the control plane all of them.

    The subnet of a node that is neither in the profile nor among the Node objects is free again, once all answer: who
    does not may be it, under a name that nobody knows.
    """
    known: dict[str, str] = {}
    every = reversed(by_address(cluster.nodes))
    asked = [(node, facts[node.endpoint].record.meta) for node in every if node.endpoint in facts]
    for _, meta in asked:
        known |= of_each(meta.get(SUBNETS, ""))
    known.update((node.name, meta["pod_cidr"]) for node, meta in asked if meta.get("pod_cidr"))
    if isinstance(nodes, Unknown):
        return known
    here = {node.name for node in cluster.nodes}
    unsure = len(asked) < len(cluster.nodes)
    objects = {one.name: one.pod_cidr for one in nodes if one.pod_cidr}
    return {name: subnet for name, subnet in known.items() if name in here or unsure} | objects


def pod_cidrs(cluster: Cluster, known: Mapping[str, str], without: Container[str] = ()) -> dict[str, str]:
    """Node name -> its pod subnet: what it has, else the next free one out of flannel_net, by their addresses.

    without: endpoints of nodes that did not answer, which are given none, but keep what they have.

    known: by node name, such as ClusterFacts.pod_cidrs; a subnet of whatever length that overlaps one of them is taken.
    Raises KubeupError where flannel_net has none left.
    """
    free = _free(cluster.network, known.values())
    given = {}
    for node in cluster.workers:
        if node.endpoint in without and node.name not in known:
            continue
        subnet = known.get(node.name) or next(free, "")
        if not subnet:
            gone = sorted(known.keys() - {node.name for node in cluster.nodes})
            raise KubeupError(
                f"flannel_net {cluster.network.flannel_net} has no /{cluster.network.node_mask} left for {node.title}",
                evidence=[f"{name}, which is not in the profile, has {known[name]}" for name in gone],
                fix="kubectl delete node NAME, of one that is gone for good, frees its subnet; a cluster that does not "
                "live yet can have a larger flannel_net",
            )
        given[node.name] = subnet
    return given


def _free(network: Network, known: Iterable[str]) -> Iterator[str]:
    """Subnets that nobody has, nor a part of them."""
    taken = {ipaddress.IPv4Network(one) for one in known}
    others = [one for one in taken if one.prefixlen != network.node_mask]
    for subnet in network.flannel_net.subnets(new_prefix=network.node_mask):
        if subnet not in taken and not any(subnet.overlaps(one) for one in others):
            yield str(subnet)
