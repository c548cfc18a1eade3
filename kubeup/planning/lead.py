"""The lead: the control-plane node that does what is done once for the cluster."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.components import kube_apiserver
from kubeup.model.cluster import Cluster, Node
from kubeup.model.facts import Facts, running


def lead(cluster: Cluster, facts: Mapping[str, Facts]) -> Node:
    """The first control-plane node, by address, whose API server answers now; else one that answered and whose API
    server became ready before, as its record says; where none did, the first that answered.

    It is the same in whatever order a profile lists the nodes, and one that joins the control plane is not it before
    it works. cluster: resolved, with a control plane. facts: by node.endpoint.
    """
    return min(cluster.control_plane, key=lambda node: _rank(facts.get(node.endpoint)))


def has_worked(facts: Facts) -> bool:
    """Whether there is an API server on the node that became ready."""
    return kube_apiserver.COMPONENT.unit in facts.record.ready


def serves(facts: Facts) -> bool:
    """Whether there is an API server on the node that answered when it was probed."""
    said = facts.said.get(running.API_VERSION)
    return said is not None and not said.why and has_worked(facts)


def _rank(facts: Facts | None) -> int:
    if facts is None:
        return 3
    if serves(facts):
        return 0
    return 1 if has_worked(facts) else 2
