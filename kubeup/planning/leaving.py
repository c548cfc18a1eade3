"""Who leaves: nodes that kubeup made part of the cluster, and that its profile does not have any more. Pure."""

from __future__ import annotations

from kubeup.components import node_objects
from kubeup.model.cluster import Cluster
from kubeup.model.facts import ClusterFacts, Unknown
from kubeup.plan.steps import Leaving


def of(cluster: Cluster, told: ClusterFacts) -> tuple[Leaving, ...]:
    """By the Node objects that carry kubeup's mark; nobody where those are not known, or where one of the profile's
    nodes does not answer and nobody knows its name: it could be that one. cluster: resolved."""
    if isinstance(told.nodes, Unknown) or any(not node.name for node in cluster.nodes):
        return ()
    names = {node.name for node in cluster.nodes}
    addresses = {word for node in cluster.nodes for word in (node.address, node.host)}
    return tuple(
        Leaving(one.name, one.address, one.ready)
        for one in told.nodes
        if node_objects.REVISION in one.annotations and one.name not in names and one.address not in addresses
    )
