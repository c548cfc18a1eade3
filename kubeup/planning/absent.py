"""Nodes that did not answer: who they are as far as the others know, and what nobody may guess without them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kubeup.model.cluster import Cluster, Node, by_address
from kubeup.model.errors import KubeupError
from kubeup.model.facts import ClusterFacts, Facts, Unknown
from kubeup.model.founding import NODES, of_each
from kubeup.model.listing import listed
from kubeup.planning.lead import has_worked


def known_by_others(nodes: Sequence[Node], facts: Mapping[str, Facts]) -> tuple[Node, ...]:
    """The same nodes; those that did not answer with name and address as the control plane's records have who is at
    that address, or is called so. What no record has stays empty. facts: by node.endpoint."""
    known: dict[str, str] = {}
    for node in reversed(by_address(nodes)):
        if node.endpoint in facts:
            known |= of_each(facts[node.endpoint].record.meta.get(NODES, ""))
    here = {node.name for node in nodes if node.endpoint in facts}
    names = {address: name for name, address in known.items() if name not in here}

    def told(node: Node) -> Node:
        if node.endpoint in facts:
            return node
        name = node.name or names.get(node.address or node.host, "") or (node.host if node.host in known else "")
        return replace(node, name=name, address=node.address or known.get(name, ""))

    return tuple(told(node) for node in nodes)


def why_not_without(cluster: Cluster, facts: Mapping[str, Facts]) -> str:
    """Why nothing may begin without the nodes that did not answer; empty where the others may go on.

    cluster: resolved. facts: by node.endpoint, of those that answered.
    """
    there = [node for node in cluster.control_plane if node.endpoint in facts]
    absent = [node for node in cluster.control_plane if node.endpoint not in facts]
    if not there:
        return "no control-plane node did"
    if absent and not any(has_worked(facts[node.endpoint]) for node in there):
        return "the nodes of a new control plane begin together"
    if any(not node.name or not node.address for node in absent):
        return "the others do not know it, and it is to be of the control plane"
    return ""


def refuse_to_guess_subnets(
    cluster: Cluster, facts: Mapping[str, Facts], told: ClusterFacts, chosen: frozenset[str]
) -> None:
    """What subnet an absent worker has, its Node object says. Raises KubeupError where nobody could tell those, and
    another worker needs a subnet. chosen: endpoints of the nodes that the command may change."""
    absent = [node.title for node in cluster.workers if node.endpoint in told.absent]
    lives = any(has_worked(facts[node.endpoint]) for node in cluster.control_plane if node.endpoint in facts)
    if not absent or not lives or not isinstance(told.nodes, Unknown):
        return
    new = [node for node in cluster.workers if node.endpoint in chosen - told.absent]
    lacking = [node.title for node in new if node.name not in told.pod_cidrs]
    if lacking:
        raise KubeupError(
            f"{listed(lacking)} must have a pod subnet, and nobody could say which are free: the API did not tell "
            f"which Node objects there are, and {listed(absent)} did not answer; nothing was touched",
            evidence=told.nodes.why,
            fix="mend the API first (kubeup validate says what it lacks), or the node, and run the same command again",
        )
