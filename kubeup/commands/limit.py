"""``--limit``: which of a cluster's nodes a command may change."""

from __future__ import annotations

from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import UsageError


def is_chosen(node: Node, limit: frozenset[str]) -> bool:
    """limit: titles, hosts, addresses or endpoints; empty where all are meant."""
    return not limit or not limit.isdisjoint(_names(node))


def _names(node: Node) -> set[str]:
    return {node.title, node.host, node.endpoint, *filter(None, (node.address,))}


def refuse_unknown(cluster: Cluster, limit: frozenset[str]) -> None:
    """Raises UsageError for a name that is no node's. cluster: with the names that its machines gave themselves."""
    known = {name for node in cluster.nodes for name in _names(node)}
    unknown = sorted(limit - known)
    if unknown:
        titles = ", ".join(node.title for node in cluster.nodes)
        raise UsageError(f"the profile has no node {', '.join(unknown)}; nothing was touched", fix=f"it has: {titles}")
