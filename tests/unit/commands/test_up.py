"""The plan of a whole cluster."""

from __future__ import annotations

from dataclasses import replace

from kubeup.commands.up import make_plan
from kubeup.model.facts import ClusterFacts
from tests.support.plans import BARE, NOW, artifacts, two_nodes


def test_the_whole_cluster_is_planned_in_the_profile_s_order() -> None:
    cluster = two_nodes()
    facts = {node.host: replace(BARE, hostname=node.name) for node in cluster.nodes}
    found = make_plan(cluster, facts, ClusterFacts(), artifacts(cluster), NOW)
    assert [node.node for node in found.nodes] == ["node3", "node4"]
    assert found.level_numbers == (0, 1, 2)
    limited = make_plan(cluster, facts, ClusterFacts(), artifacts(cluster), NOW, frozenset({"node4"}))
    assert limited.nodes[0].empty
    assert not limited.nodes[1].empty
