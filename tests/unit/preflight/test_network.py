"""Routes, firewalls and addresses of machines, against the networks of the cluster that is to run on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup.model.cluster import Cluster
from kubeup.model.facts import Record
from kubeup.preflight import check
from tests.support.machines import SOUND
from tests.unit.preflight.subjects import CLUSTER, problems

LINK = ("10.0.0.0/24", "eth0")
LIVING = Record(meta={"cluster": "demo", "flannel_net": "172.16.0.0/16", "nodes": "two=10.0.0.2 old=10.0.0.9"})
GATEWAYS = {
    # A route by eth0, and the gateways it goes by -> whether it is flannel's own.
    ("172.16.1.0/24", "10.0.0.2"): True,
    ("172.16.1.0/24", "10.0.0.9"): True,  # of a node that has just left the profile
    ("172.16.1.0/24", "10.0.0.254"): False,
    ("172.16.1.0/24", "10.0.0.2 10.0.0.254"): False,
    ("172.16.1.0/24", "10.0.0.1"): False,
    ("172.16.1.0/24", ""): False,
    ("172.16.1.7", "10.0.0.2"): False,
    ("172.16.0.0/16", "10.0.0.2"): False,
    ("10.96.1.0/24", "10.0.0.2"): False,
}


@pytest.mark.parametrize("route", GATEWAYS)
def test_flannel_s_own_routes_to_other_nodes_do_not_collide(route: tuple[str, str]) -> None:
    """As host-gw and DirectRouting make them, on a node of a living cluster."""
    destination, gateways = route
    found = problems(
        replace(
            SOUND,
            record=LIVING,
            routes=(("default", "eth0"), LINK, (destination, "eth0")),
            gateways=tuple((destination, "eth0", by) for by in gateways.split()),
        )
    )
    assert [problem.id for problem in found] == ([] if GATEWAYS[route] else ["route-collides"])


def test_a_route_beside_flannel_s_own_collides() -> None:
    routes = (("172.16.1.0/24", "eth0"), ("172.16.1.0/24", "tun0"))
    (found,) = problems(replace(SOUND, routes=routes, gateways=(("172.16.1.0/24", "eth0", "10.0.0.2"),)))
    assert "172.16.1.0/24 by tun0" in found.message


def test_a_living_cluster_is_not_told_to_take_other_networks() -> None:
    (found,) = problems(replace(SOUND, record=LIVING, routes=(("172.16.8.0/24", "tun0"),)))
    assert found.fix == "remove the route (ip route delete 172.16.8.0/24)"


@pytest.mark.parametrize(
    ("destination", "device", "collides"),
    [
        ("172.16.0.0/16", "tun0", True),
        ("172.16.8.0/24", "eth1", True),
        ("172.16.8.7", "tun0", True),
        ("10.96.0.0/20", "tun0", True),
        ("172.16.9.0/24", "", True),  # throw, unreachable, blackhole, prohibit
        ("10.96.0.0/16", "", True),
        ("10.96.0.0/16", "lo", False),  # kube-proxy's unit makes it where there is no default route
        ("10.96.1.0/24", "lo", True),
        ("172.16.0.0/16", "lo", True),
        ("0.0.0.0/1", "tun0", False),
        ("128.0.0.0/1", "tun0", False),
        ("172.16.0.0/12", "eth0", False),
        ("10.0.0.0/8", "eth0", False),
        ("10.0.0.0/8", "", False),
        ("default", "", False),
        ("172.17.0.0/16", "docker0", False),
    ],
)
def test_only_a_route_as_specific_as_the_range_or_more_collides(destination: str, device: str, collides: bool) -> None:
    found = problems(replace(SOUND, routes=(("default", "eth0"), LINK, (destination, device))))
    assert [problem.id for problem in found] == (["route-collides"] if collides else [])


def at(address: str) -> Cluster:
    one, two = CLUSTER.nodes
    return replace(CLUSTER, nodes=(replace(one, address=address), two))


MACHINE = replace(
    SOUND,
    addresses=("127.0.0.1/8", "10.0.0.1/24", "192.168.7.1/24", "172.16.0.1/24", "169.254.3.4/16"),
    primary_address="10.0.0.1",
)


@pytest.mark.parametrize("address", ["203.0.113.7", "10.0.0.11", "127.0.0.1", "127.0.1.1", "0.0.0.0", "224.0.0.1"])
def test_an_address_that_the_machine_does_not_have_is_told(address: str) -> None:
    (found,) = problems(MACHINE, at(address))
    assert found.severity == "error"
    assert found.format() == (
        f"one: its address {address} is on no link of the machine that others reach: nothing can listen there "
        "[address-not-here]\n    | it has 10.0.0.1, 192.168.7.1\n"
        "    fix: write address: 10.0.0.1 under the node in the profile, beside host: 10.0.0.1"
    )


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.7.1"])
def test_every_address_of_the_machine_will_do(address: str) -> None:
    assert problems(MACHINE, at(address)) == []


def test_what_its_address_is_has_to_be_said_where_no_default_route_tells() -> None:
    (found,) = problems(replace(MACHINE, primary_address=""), at(""))
    assert found.format() == (
        "one: it has no default route, which would tell by which of its addresses the other nodes reach it "
        "[no-address]\n    | it has 10.0.0.1, 192.168.7.1\n"
        "    fix: write address: ADDRESS under the node in the profile, beside host: 10.0.0.1"
    )


def test_machines_that_have_the_same_address_beside_another_are_told_what_to_choose_from() -> None:
    """As guests of a virtualisation that gives all of them the same one behind its NAT."""
    nodes = tuple(replace(node, host=node.name, address="10.0.2.15") for node in CLUSTER.nodes)
    guest = replace(SOUND, addresses=("127.0.0.1/8", "10.0.2.15/24", "192.168.56.7/24"), primary_address="10.0.2.15")
    facts = {node.endpoint: replace(guest, machine_id=node.name) for node in nodes}
    found = [one for one in check(replace(CLUSTER, nodes=nodes), facts) if one.id == "duplicate-address"]
    assert [one.format() for one in found] == [
        "two: its address 10.0.2.15 is also that of one (one) [duplicate-address]\n"
        "    | it has 10.0.2.15, 192.168.56.7\n"
        "    fix: write address: ADDRESS under each node in the profile, the one by which the other nodes reach it"
    ]


def test_an_address_that_is_leased_is_told_before_a_node_joins_and_not_ever_after() -> None:
    leased = replace(SOUND, addresses=("10.0.0.1/24",), leased=("10.0.0.1",))
    (found,) = problems(leased)
    assert found.format() == (
        "one: its address 10.0.0.1 is leased (DHCP), and the cluster knows it by that address for good "
        "[address-leased]\n    fix: give it a fixed address, or let the DHCP server reserve 10.0.0.1 for it"
    )
    assert found.severity == "warning"
    assert problems(replace(leased, leased=("10.9.0.1",))) == []
    assert problems(replace(leased, record=Record(meta={"cluster": "demo"}))) == []
