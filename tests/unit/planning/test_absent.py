"""What follows from all nodes together stays as it is while one of them does not answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup import profile
from kubeup.model.cluster import Node
from kubeup.model.facts import DockerFact, Facts, Record
from kubeup.planning import resolve
from kubeup.preflight import living
from kubeup.preflight.problem import Subject
from tests.support.machines import bare
from tests.support.plans import BOTH, NODE, two_nodes
from tests.support.second_up import machine, plans, up

THREE = Node("192.168.200.13", BOTH, name="node3", address="192.168.200.13")


@pytest.mark.parametrize(("said", "upstream"), [("9.9.9.9 1.1.1.1", ("9.9.9.9", "1.1.1.1")), ("nobody", ())])
def test_whom_the_cluster_s_dns_asks_stays_while_a_worker_is_off(said: str, upstream: tuple[str, ...]) -> None:
    cluster = two_nodes(nodes=(THREE, Node("192.168.200.14", NODE, name="node4", address="192.168.200.14")))
    first = bare(3, record=Record(meta={"cluster": "demo", "dns_upstream": said}))
    assert resolve.resolve(cluster, {THREE.host: first}).dns_upstream == upstream
    alone = replace(cluster, nodes=(THREE,))
    assert (
        resolve.resolve(alone, {THREE.host: first}).dns_upstream
        == resolve.resolve(alone, {THREE.host: bare(3)}).dns_upstream
    ), "once all answer it follows from what they have"


def test_a_node_that_is_off_is_called_as_the_others_recorded_it() -> None:
    cluster = two_nodes(nodes=(THREE, Node("192.168.200.14", NODE), Node("node5", NODE), Node("six", NODE)))
    nodes = "node3=192.168.200.13 node4=192.168.200.14 node5=192.168.200.15"
    first = bare(3, record=Record(meta={"cluster": "demo", "nodes": nodes}))
    found = resolve.resolve(cluster, {THREE.host: first}).nodes
    assert [(one.name, one.address) for one in found[1:]] == [
        ("node4", "192.168.200.14"),
        ("node5", "192.168.200.15"),
        ("", ""),
    ]


def test_a_control_plane_node_that_is_off_is_not_one_that_left_the_profile() -> None:
    meta = {"cluster": "demo", "name": "node3", "roles": "control-plane,worker", "control_plane": "node3 node4"}
    facts: Facts = bare(3, record=Record(meta=meta), kept_data=("/var/lib/etcd",))
    four = Node("192.168.200.14", BOTH, name="node4", address="192.168.200.14")
    both, alone = two_nodes(nodes=(THREE, four)), two_nodes(nodes=(THREE,))
    assert list(living.roles([Subject(both, THREE, facts, frozenset())])) == []
    assert len(list(living.roles([Subject(alone, THREE, facts, frozenset())]))) == 1


def test_that_a_subnet_is_free_again_is_alone_no_reason_for_a_trip() -> None:
    cluster = profile.load_text("nodes: [m0, m1]\nroles: ai i\nruntime: containerd\n", "demo.yaml").cluster
    after = up(cluster, {node.host: machine(number, DockerFact()) for number, node in enumerate(cluster.nodes)})
    known = after["m0"].record
    more = {**known.meta, "subnets": f"gone=10.244.9.0/24 {known.meta['subnets']}"}
    after["m0"] = replace(after["m0"], record=replace(known, meta=more))
    assert [step for plan in plans(cluster, after) for step in plan.steps] == []
