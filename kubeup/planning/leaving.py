"""Who leaves: nodes that kubeup made part of the cluster, and that its profile does not have any more. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kubeup.components import node_objects
from kubeup.model.cluster import Cluster
from kubeup.model.facts import ClusterFacts, Member, NodeObject, Unknown
from kubeup.plan.steps import Leaving


def of(cluster: Cluster, told: ClusterFacts) -> tuple[Leaving, ...]:
    """By the Node objects that carry kubeup's mark, and by the members of etcd; nobody where those are not known, or
    where one of the profile's nodes does not answer and nobody knows its name: it could be that one.

    cluster: resolved.
    """
    if isinstance(told.nodes, Unknown) or any(not node.name for node in cluster.nodes):
        return ()
    return (*_demoted(cluster, told), *_gone(cluster, told, told.nodes))


def _gone(cluster: Cluster, told: ClusterFacts, nodes: tuple[NodeObject, ...]) -> Iterator[Leaving]:
    names = {node.name for node in cluster.nodes}
    addresses = {word for node in cluster.nodes for word in (node.address, node.host)}
    strangers = [one for one in _members(told) if one.name not in names and one.address not in addresses]
    objects = [one for one in nodes if one.name not in names and one.address not in addresses]
    for one in objects:
        mine = [member.id for member in strangers if member.name == one.name or member.address == one.address]
        if mine or node_objects.REVISION in one.annotations:
            yield Leaving(one.name, one.address, one.ready, next(iter(mine), ""))
    told_of = {word for one in objects for word in (one.name, one.address)}
    for member in strangers:
        if member.name not in told_of and member.address not in told_of:
            yield Leaving(member.name or member.address, member.address, False, member.id, is_node=False)


def _demoted(cluster: Cluster, told: ClusterFacts) -> Iterator[Leaving]:
    """Control-plane nodes that the profile makes workers."""
    workers = {node.name: node for node in cluster.nodes if not node.is_control_plane}
    for member in _members(told):
        if member.name in workers:
            yield Leaving(member.name, workers[member.name].address, True, member.id, stays=True)


def _members(told: ClusterFacts) -> tuple[Member, ...]:
    return () if isinstance(told.members, Unknown) else told.members
