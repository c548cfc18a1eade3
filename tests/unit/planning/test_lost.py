"""What the running system lost is drift like a file that somebody edited: the plan says what, and how it comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup import components
from kubeup.components.base import Context
from kubeup.model.cluster import ProxyMode
from kubeup.model.facts import ClusterFacts, Facts, NodeObject, UnitFact, Unknown
from kubeup.planning import render, resolve
from kubeup.planning.diff import diff
from kubeup.report.plan import words
from tests.support.plans import NOW, artifacts, built, two_nodes

CLUSTER = two_nodes()
NODE3, NODE4 = CLUSTER.nodes
FACTS, SHARED = built(CLUSTER, NODE4)
THERE = (("default", "eth0"), ("172.16.0.0/24", "flannel.1"))
NODES = tuple(
    NodeObject(f"node{number}", f"172.16.{number - 3}.0/24", routed=number != 5, ready=True) for number in (3, 4, 5)
)


def planned(facts: Facts, nodes: tuple[NodeObject, ...] | Unknown = NODES) -> list[str]:
    """The plan of node4, on which an up did everything, in words."""
    shared: ClusterFacts = replace(SHARED, nodes=nodes)
    context = Context(CLUSTER, NODE4, facts, shared, resolve.pod_cidrs(CLUSTER, {}))
    found = diff("node4", render.desired(context, artifacts(CLUSTER), NOW), facts, components.order(CLUSTER, NODE4))
    return [line for step in found.steps if (line := words(step))]


def failing(**whys: str) -> Facts:
    checks = {**FACTS.checks, **{id_.replace("_", "-"): False for id_ in whys}}
    return replace(FACTS, routes=THERE, checks=checks, whys={id_.replace("_", "-"): why for id_, why in whys.items()})


LOST = {
    "flannel's link": (failing(flannel_link=""), "restart  flannel.service: the link flannel.1 is gone"),
    "CNI's file": (
        failing(cni_file=""),
        "restart  flannel.service: /etc/kubeup/cni/net.d/10-flannel.conflist is gone",
    ),
    "kube-proxy's table": (
        failing(kube_proxy_rules=""),
        "restart  kube-proxy.service: its rules in the nftables table kube-proxy are gone",
    ),
    "forwarding": (
        failing(ip_forward="/proc/sys/net/ipv4/ip_forward is not 1"),
        "do       IPv4 forwarding: /proc/sys/net/ipv4/ip_forward is not 1",
    ),
    "the bridge's rules": (failing(bridge_netfilter=""), "do       rules for what crosses a bridge"),
    "a route": (
        replace(failing(), routes=THERE[:1]),
        "restart  flannel.service: no route leads to the pods of node3",
    ),
}


@pytest.mark.parametrize("what", LOST)
def test_each_is_named_and_mended(what: str) -> None:
    facts, line = LOST[what]
    assert planned(facts) == [line]


def test_where_all_is_there_nothing_is_to_be_done() -> None:
    """Also where a node's flannel never ran, and where nobody can tell which nodes there are."""
    assert planned(failing()) == []
    assert planned(replace(failing(), routes=()), Unknown(("node3: connection refused",))) == []


def test_a_machine_that_was_not_asked_lost_nothing() -> None:
    assert (
        planned(replace(FACTS, routes=THERE, checks={id_: True for id_ in FACTS.checks if "flannel" not in id_})) == []
    )


def test_several_are_told_together_and_a_long_list_is_cut() -> None:
    nodes = tuple(NodeObject(f"node{number}", f"172.16.{number}.0/24", routed=True) for number in range(10, 16))
    (line,) = planned(failing(flannel_link=""), nodes)
    assert line == (
        "restart  flannel.service: the link flannel.1 is gone, "
        "no route leads to the pods of node10, node11, node12 and 3 more"
    )


def test_what_does_not_run_is_started_and_nothing_of_its_is_missed() -> None:
    stopped = {**FACTS.units, "flannel.service": UnitFact("flannel.service", "loaded", "inactive")}
    assert planned(replace(failing(flannel_link=""), units=stopped)) == ["start    flannel.service: it is not running"]


def test_kube_proxy_with_iptables_is_asked_about_its_chains() -> None:
    (asked,) = components.BY_NAME["kube-proxy"].presence(replace(CLUSTER, proxy_mode=ProxyMode.IPTABLES))
    assert "iptables" in asked.check
    assert "nft" not in asked.check
