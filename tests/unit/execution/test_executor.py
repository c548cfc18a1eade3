"""A plan carried out on nodes that are not there: who is at work together, and what is refused before anything."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from kubeup.execution.executor import Execution
from kubeup.execution.fleet import Fleet
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError
from kubeup.node.wire.exchange import Reply
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.streams import Body, OnLine, Sink
from kubeup.plan.steps import Plan
from kubeup.planning import waves
from tests.support.machines import SOUND
from tests.support.recorded import RecordedConnection, RecordedNode
from tests.support.starts import ETCD, THREE, Seen, cluster, plan, start


def founding(where: Cluster) -> Plan:
    """Members that never worked start on all nodes."""
    made = plan(where, {node.title: start(ETCD) for node in where.nodes})
    return replace(made, waves=waves.of(where, made, {}, Seen().of(where), where.nodes[0]))


def execution(fleet: Fleet, where: Cluster, made: Plan) -> Execution:
    facts = {node.endpoint: SOUND for node in where.nodes}
    return Execution(fleet=fleet, cluster=where, plan=made, facts=facts, operator="ann@desk", emit=lambda _: None)


class Meeting(RecordedConnection):
    """To a node whose trip goes on once all others are at theirs, as members wait for a quorum."""

    all_there = threading.Barrier(len(THREE))

    def call(
        self,
        kind: Kind,
        body: Body,
        *,
        on_line: OnLine | None = None,
        sink: Sink | None = None,
        timeout: float = 600.0,
        operator: str = "",
    ) -> Reply:
        self.all_there.wait(5)
        return super().call(kind, body, on_line=on_line, sink=sink, timeout=timeout, operator=operator)


def test_members_that_wait_for_one_another_are_at_work_together_whatever_parallel_says() -> None:
    nodes = {title: RecordedNode(SOUND) for title in THREE}

    def connect(node: Node) -> Meeting:
        return Meeting(node.title, nodes[node.title])

    where = cluster(3)
    execution(Fleet(connect, parallel=1), where, founding(where)).run()
    assert [len(node.applied) for node in nodes.values()] == [1, 1, 1]


def test_nodes_of_one_name_are_refused_before_any_is_touched() -> None:
    where = cluster(2)
    where = replace(where, nodes=tuple(replace(node, name="localhost") for node in where.nodes))
    node = RecordedNode(SOUND)
    made = plan(where, {"localhost": start(ETCD)})
    with pytest.raises(KubeupError, match="two nodes are called localhost; nothing was touched") as raised:
        execution(Fleet(lambda one: RecordedConnection(one.title, node)), where, made).run()
    assert raised.value.fix == "say `name:` under one of them in the profile"
    assert not node.applied
