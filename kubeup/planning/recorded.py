"""What a cluster was built with, by its nodes' records: that stays until the profile asks for something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.version import Version

from kubeup import __version__, addons, components
from kubeup.components.base import Component, Context
from kubeup.model.cluster import Cluster, Node, by_address
from kubeup.model.facts import Facts
from kubeup.model.facts import versions as versions_of
from kubeup.model.founding import CONTROL_PLANE, DNS_UPSTREAM, FOUNDING, KUBEUP, NODES, SUBNETS, of_each
from kubeup.plan.steps import NodePlan, Offer, SetMeta
from kubeup.release import pins
from kubeup.release.artifacts import Artifact
from kubeup.release.kubernetes import MINORS, minor_of

KUBERNETES = "kubernetes"
MACHINES_OWN = ("/etc/resolv.conf",)
"""As the cluster's DNS takes it: it asks whomever the machine that it runs on asks."""
NOBODY = "nobody"
FIRST_SUM = "first-sum/"
"""Followed by a name as pins have them."""


def of_cluster(context: Context) -> tuple[tuple[str, str], ...]:
    """What the node's record says about its cluster; what stays of it while the cluster lives, preflight compares."""
    cluster = context.cluster
    runtime = cluster.runtime.value if cluster.runtime else ""
    pairs = [
        ("cluster", cluster.name),
        ("name", context.node.name),
        ("roles", ",".join(sorted(role.value for role in context.node.roles))),
        ("runtime", runtime),
        ("address", context.node.address),
        *((one.key, one.value(cluster)) for one in FOUNDING),
        (KUBEUP, __version__),
    ]
    if context.node.is_control_plane:
        pairs.append((CONTROL_PLANE, " ".join(sorted(node.name for node in cluster.control_plane))))
        pairs.append((addons.BY_HAND, " ".join(cluster.addons_by_hand)))
        pairs.append((NODES, _kept(context, NODES, {one.name: one.address for one in cluster.nodes if one.name})))
        given = {**context.cluster_facts.pod_cidrs, **context.pod_cidrs}
        pairs.append((SUBNETS, _kept(context, SUBNETS, given)))
        upstream = "" if cluster.dns_upstream == MACHINES_OWN else " ".join(cluster.dns_upstream) or NOBODY
        pairs.append((DNS_UPSTREAM, upstream))
    if context.node.is_worker:
        pairs.append(("pod_cidr", context.pod_cidrs[context.node.name]))
    return tuple(pairs)


def _kept(context: Context, key: str, pairs: Mapping[str, str]) -> str:
    """NAME=VALUE of every node. What grows with each of them is kept up to date by the lead alone: who joins costs the
    others no trip. Nobody is struck off while a node does not answer: it may be the one whose name is not known."""
    known = context.facts.record.meta.get(key, "")
    if known and not context.leads:
        return known
    if context.cluster_facts.absent:
        pairs = {**of_each(known), **pairs}
    return " ".join(f"{name}={value}" for name, value in sorted(pairs.items()))


def meta(cluster: Cluster, node: Node, artifacts: Sequence[Artifact]) -> tuple[tuple[str, str], ...]:
    """What a node records of it. artifacts: those of its own architecture."""
    sums = {pins.name(one.wanted): one.first_sum for one in artifacts if one.first_sum}
    return (
        *(((KUBERNETES, cluster.versions.kubernetes),) if node.is_control_plane else ()),
        *((f"{FIRST_SUM}{name}", value) for name, value in sorted(sums.items())),
    )


def of_programs(context: Context, parts: Iterable[Component]) -> tuple[tuple[str, str], ...]:
    """What of each program the node has, as its record keeps it; of an addon that is no more, nothing."""
    cluster = context.cluster
    of_addons = {image.program: False for image in addons.IMAGES.values()}
    used = {image.program for one in addons.ALL if one.name in cluster.addons for image in one.images}
    of_parts = {part.release.program: True for part in parts if part.release}
    has = {program: True for program in of_parts if program not in of_addons}
    if context.node.is_control_plane:
        has |= {program: program in used for program in of_addons}
    return tuple(
        (versions_of.record_key(one.key), cluster.versions.of(one) if here else "") for one, here in has.items()
    )


def is_of_addons(key: str) -> bool:
    """Whether it says something of addons alone: which there are beside the profile's, their versions and downloads."""
    versions = {versions_of.record_key(image.program.key) for image in addons.IMAGES.values()}
    return key == addons.BY_HAND or key in versions or key.startswith(f"{FIRST_SUM}image:")


def first_sums(cluster: Cluster, facts: Mapping[str, Facts]) -> Mapping[str, str]:
    """sha256 of first downloads, by name; the control plane's word is the last. facts: by node.endpoint."""
    return {
        key.removeprefix(FIRST_SUM): value
        for node in sorted(by_address(cluster.nodes), key=lambda node: node.is_control_plane)
        if node.endpoint in facts
        for key, value in facts[node.endpoint].record.meta.items()
        if key.startswith(FIRST_SUM)
    }


def dns_upstream(cluster: Cluster, facts: Mapping[str, Facts]) -> tuple[str, ...] | None:
    """Whom the living cluster's DNS asks, by the control plane's records; None where they say nothing of a cluster."""
    for node in cluster.control_plane:
        if node.endpoint in facts and facts[node.endpoint].record.exists:
            said = facts[node.endpoint].record.meta.get(DNS_UPSTREAM, "")
            return () if said == NOBODY else tuple(said.split()) or MACHINES_OWN
    return None


def kubernetes(cluster: Cluster, facts: Mapping[str, Facts]) -> str:
    """The version that stays, of those the control plane recorded; empty where it is to be chosen anew.

    An upgrade that broke off leaves two of them, and goes on to the newer.
    """
    every = (versions_of.of_node(facts[node.endpoint]) for node in cluster.control_plane if node.endpoint in facts)
    return stays(cluster.kubernetes_asked, [one[KUBERNETES] for one in every if KUBERNETES in one])


def versions(cluster: Cluster, facts: Mapping[str, Facts]) -> Mapping[str, str]:
    """By the programs' words under ``versions:``, the newest that a node of the cluster has. facts: by node.endpoint.

    So a node that comes later gets what the others have, and an upgrade that broke off goes on.
    """
    found: dict[str, str] = {}
    for node in cluster.nodes:
        for program, version in versions_of.of_node(facts[node.endpoint]).items() if node.endpoint in facts else ():
            found[program] = max(version, found.get(program, "0"), key=Version)
    return found


def offers(cluster: Cluster) -> tuple[Offer, ...]:
    """What this kubeup would take by itself, where the cluster keeps something older. cluster: resolved."""
    minor = cluster.kubernetes_asked
    found = []
    for program in components.programs().values():
        has, newer = cluster.versions.of(program), program.version
        if program.key == KUBERNETES:
            newer = MINORS[minor].patch if minor in MINORS else has if minor else _next(has, newer)
        elif program.key in cluster.versions.said:
            newer = has
        if Version(newer) > Version(has):
            floor = dict(program.floors).get(minor_of(has), has)
            found.append(Offer(program.key, has, newer, program.holes if Version(has) < Version(floor) else ""))
    return tuple(found)


def _next(has: str, newest: str) -> str:
    """The control plane goes through every minor version."""
    known = list(MINORS)
    at = known.index(minor_of(has)) + 1 if minor_of(has) in known else 0
    return newest if minor_of(newest) in known[: at + 1] else MINORS[known[at]].patch


def stays(asked: str, recorded: Iterable[str]) -> str:
    """asked: a patch, a minor, or nothing, as the profile has it."""
    if asked and minor_of(asked) != asked:
        return asked
    return max((one for one in recorded if asked in ("", minor_of(one))), key=Version, default="")


def by_kubeup(cluster: Cluster, facts: Mapping[str, Facts], plans: Sequence[NodePlan]) -> str:
    """ "0.1.0 -> 0.2.0", where nodes change that another kubeup changed last; empty where none does.

    facts: by node.endpoint. plans: in the order of cluster.nodes.
    """
    last = {
        facts[node.endpoint].record.meta.get(KUBEUP, "")
        for node, plan in zip(cluster.nodes, plans, strict=True)
        if any(not isinstance(step, SetMeta) for step in plan.steps)
    }
    others = sorted(last - {"", __version__})
    return f"{', '.join(others)} -> {__version__}" if others else ""
