"""Which files a cluster's machines need from the release sources."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup import components
from kubeup.components.base import Context
from kubeup.model.cluster import Cluster, Node
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.release.artifacts import ArtifactRef


def for_node(cluster: Cluster, node: Node, facts: Facts) -> tuple[ArtifactRef, ...]:
    """In the order in which they are used, each once."""
    context = Context(cluster, node, facts, ClusterFacts(), {})
    return tuple(
        dict.fromkeys(
            wanted
            for part in components.wanted(context)
            if part.release
            for wanted in part.release.wanted(cluster.versions, facts.arch)
        )
    )


def for_cluster(cluster: Cluster, facts: Mapping[str, Facts]) -> tuple[ArtifactRef, ...]:
    """Of all machines that answered, each file once."""
    every = (
        one for node in cluster.nodes if node.endpoint in facts for one in for_node(cluster, node, facts[node.endpoint])
    )
    return tuple(dict.fromkeys(every))
