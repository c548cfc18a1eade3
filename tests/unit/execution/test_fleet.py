"""Many nodes at once, and no more of them than somebody asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from kubeup.execution.fleet import Fleet
from kubeup.model.cluster import Node
from kubeup.node.wire.transport import NodeConnection
from tests.support.machines import SOUND
from tests.support.recorded import RecordedConnection, RecordedNode
from tests.support.starts import cluster


def fleet(parallel: int) -> Fleet:
    return Fleet(lambda node: RecordedConnection(node.title, RecordedNode(SOUND)), parallel)


def meet(fleet: Fleet, nodes: Sequence[Node], least: int) -> list[str]:
    """Nodes that each waited for all the others; those that waited in vain are not among them."""
    all_there, met = threading.Barrier(len(nodes)), []

    def work(node: Node, _: NodeConnection) -> None:
        all_there.wait(2)
        met.append(node.title)

    with fleet.crew(len(nodes), least) as crew:
        for node in nodes:
            crew.begin(node, work)
        while crew.busy:
            crew.ended()
    return sorted(met)


@pytest.mark.parametrize(("least", "met"), [(3, ["node3", "node4", "node5"]), (1, [])])
def test_nodes_that_wait_for_one_another_are_at_work_together_whatever_parallel_says(
    least: int, met: list[str]
) -> None:
    assert meet(fleet(1), cluster(3).nodes, least) == met
