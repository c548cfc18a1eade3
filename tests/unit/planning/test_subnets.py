"""Pod subnets: nobody is given one that another node of the cluster has, be it that it left the profile."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace

import pytest

from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError
from kubeup.model.facts import Facts, Record, Said, running
from kubeup.planning import resolve
from tests.support.machines import bare
from tests.support.plans import BOTH, NODE, desired, two_nodes

THREE = Node("192.168.200.13", BOTH, name="node3", address="192.168.200.13")
FOUR = Node("192.168.200.14", NODE, name="node4", address="192.168.200.14")
FIVE = Node("192.168.200.15", NODE, name="node5", address="192.168.200.15")
ALL = "node3=172.16.0.0/24 node4=172.16.1.0/24"
UNSEEN = Said(why="connection refused")


def recorded(number: int, subnet: str, subnets: str = "", objects: Said = UNSEEN) -> Facts:
    meta = {"cluster": "demo", "pod_cidr": subnet, **({"subnets": subnets} if subnets else {})}
    return bare(number, record=Record(meta=meta), said={running.NODES: objects})


def objects(**subnets: str) -> Said:
    return Said("".join(f"node {name}\n" + (f"pod_cidr {one}\n" if one else "") for name, one in subnets.items()))


def given(facts: Mapping[str, Facts], *nodes: Node, mask: int = 24) -> dict[str, str]:
    cluster = of(*nodes, mask=mask)
    return resolve.pod_cidrs(cluster, resolve.gather_cluster(cluster, facts).pod_cidrs)


def of(*nodes: Node, mask: int = 24) -> Cluster:
    cluster = two_nodes(nodes=nodes)
    return replace(cluster, network=replace(cluster.network, node_mask=mask))


def test_the_control_plane_writes_down_every_subnet_and_a_worker_its_own() -> None:
    cluster = of(THREE, FOUR)
    assert dict(desired(cluster, THREE).meta)["subnets"] == ALL
    assert "subnets" not in dict(desired(cluster, FOUR).meta)


@pytest.mark.parametrize(
    "said", [UNSEEN, objects(node3="172.16.0.0/24", node4="172.16.1.0/24")], ids=["records", "Node objects"]
)
def test_a_node_that_left_the_profile_and_still_runs_keeps_its_subnet(said: Said) -> None:
    facts = {THREE.host: recorded(3, "172.16.0.0/24", ALL, said), FIVE.host: bare(5)}
    assert given(facts, THREE, FIVE) == {"node3": "172.16.0.0/24", "node5": "172.16.2.0/24"}


def test_what_left_stays_written_down_as_long_as_nobody_can_tell_that_it_is_gone() -> None:
    facts = {THREE.host: recorded(3, "172.16.0.0/24", ALL), FIVE.host: bare(5)}
    cluster = of(THREE, FIVE)
    shared = resolve.gather_cluster(cluster, facts)
    assert dict(desired(cluster, THREE, shared=shared).meta)["subnets"].split()[1] == "node4=172.16.1.0/24"


def test_a_node_that_is_gone_from_the_cluster_frees_its_subnet() -> None:
    facts = {THREE.host: recorded(3, "172.16.0.0/24", ALL, objects(node3="172.16.0.0/24")), FIVE.host: bare(5)}
    assert given(facts, THREE, FIVE)["node5"] == "172.16.1.0/24"


def test_a_node_that_was_installed_anew_gets_the_subnet_that_its_node_object_has() -> None:
    said = objects(node3="172.16.0.0/24", node4="172.16.7.0/24", node9="")
    facts = {THREE.host: recorded(3, "172.16.0.0/24", objects=said), FOUR.host: bare(4)}
    assert given(facts, THREE, FOUR)["node4"] == "172.16.7.0/24"


def test_the_node_object_is_right_where_a_record_says_something_else() -> None:
    said = objects(node3="172.16.0.0/24", node4="172.16.7.0/24")
    facts = {THREE.host: recorded(3, "172.16.0.0/24", objects=said), FOUR.host: recorded(4, "172.16.1.0/24")}
    assert given(facts, THREE, FOUR)["node4"] == "172.16.7.0/24"


def test_a_node_without_a_node_object_keeps_what_it_recorded() -> None:
    facts = {
        THREE.host: recorded(3, "172.16.0.0/24", objects=objects(node3="172.16.0.0/24")),
        FOUR.host: recorded(4, "172.16.5.0/24"),
    }
    assert given(facts, THREE, FOUR)["node4"] == "172.16.5.0/24"


@pytest.mark.parametrize("mask", [20, 23, 25, 28])
def test_subnets_of_another_length_do_not_overlap_those_that_are_given_away(mask: int) -> None:
    facts = {THREE.host: recorded(3, "172.16.0.0/24", "node4=172.16.16.0/24"), FIVE.host: bare(5)}
    found = ipaddress.IPv4Network(given(facts, THREE, FIVE, mask=mask)["node5"])
    assert found.prefixlen == mask
    assert not any(found.overlaps(ipaddress.IPv4Network(one)) for one in ("172.16.0.0/24", "172.16.16.0/24"))


def test_where_none_is_left_those_are_named_that_have_one_and_left_the_profile() -> None:
    cluster = of(THREE, FIVE)
    small = replace(cluster, network=replace(cluster.network, flannel_net=ipaddress.IPv4Network("172.16.0.0/23")))
    with pytest.raises(KubeupError) as caught:
        resolve.pod_cidrs(small, {"node3": "172.16.0.0/24", "node4": "172.16.1.0/24"})
    assert caught.value.message == "flannel_net 172.16.0.0/23 has no /24 left for node5"
    assert caught.value.evidence == ("node4, which is not in the profile, has 172.16.1.0/24",)
    assert caught.value.fix.startswith("kubectl delete node NAME, of one that is gone for good, frees its subnet")
