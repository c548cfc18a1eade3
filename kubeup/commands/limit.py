"""``--limit``: which of a cluster's nodes a command may change."""

from __future__ import annotations

from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import UsageError


def is_chosen(node: Node, limit: frozenset[str]) -> bool:
    """limit: titles or hosts; empty where all are meant."""
    return not limit or node.title in limit or node.host in limit


def refuse_unknown(cluster: Cluster, limit: frozenset[str]) -> None:
    """Raises UsageError for a name that is no node's. cluster: with the names that its machines gave themselves."""
    known = {name for node in cluster.nodes for name in (node.title, node.host)}
    unknown = sorted(limit - known)
    if unknown:
        titles = ", ".join(node.title for node in cluster.nodes)
        raise UsageError(f"the profile has no node {', '.join(unknown)}; nothing was touched", fix=f"it has: {titles}")
