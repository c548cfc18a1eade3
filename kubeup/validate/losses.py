"""What components had made on a node and is gone: rules, a link, a file, a switch of the kernel. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubeup import components
from kubeup.components.base import Context
from kubeup.model.cluster import Cluster, Node
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.validate import checks as ids
from kubeup.validate.checks import Check, Status

FIX = "kubeup up brings it back; if it goes again, see what takes it: journalctl -b on the node"


def check(cluster: Cluster, facts: Mapping[str, Facts]) -> list[Check]:
    """By what the nodes said in a probe of just now. Of what does not run, another check tells."""
    return [
        found for node in cluster.nodes if node.endpoint in facts for found in _of(cluster, node, facts[node.endpoint])
    ]


def _of(cluster: Cluster, node: Node, facts: Facts) -> Iterator[Check]:
    context = Context(cluster, node, facts, ClusterFacts(), {})
    for part in components.of_node(cluster, node):
        if part.unit not in facts.record.units or not facts.unit(part.unit).running:
            continue
        for one in part.presence(cluster):
            if one.id in facts.checks:
                yield _check(node, one.id, "" if facts.checks[one.id] else f"of {part.name}, {one.gone}")
        for action in part.actions(context):
            if action.answer in facts.whys:
                yield _check(node, action.id, facts.whys[action.answer])


def _check(node: Node, id_: str, lost: str) -> Check:
    id_ = ids.kept_id(node.title, id_)
    if lost:
        return Check(id_, Status.FAILED, f"{node.title}: {lost}", FIX)
    return Check(id_, Status.OK, f"what kubeup's components made is there on {node.title}")
