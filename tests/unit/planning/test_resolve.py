"""What only the nodes together decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup.planning import resolve
from tests.support.machines import bare
from tests.support.plans import two_nodes


def test_pod_subnets_stay_with_their_nodes() -> None:
    cluster = two_nodes()
    assert resolve.pod_cidrs(cluster, {"node4": "172.16.0.0/24"}) == {
        "node3": "172.16.1.0/24",
        "node4": "172.16.0.0/24",
    }


@pytest.mark.parametrize(
    ("primary", "links", "address"),
    [
        ("10.0.0.7", ("10.0.0.7", "10.9.0.7"), "10.0.0.7"),
        ("", ("10.0.0.7",), "10.0.0.7"),
        ("", ("10.0.0.7", "10.9.0.7"), ""),
        ("", (), ""),
    ],
)
def test_a_machine_without_a_default_route_has_its_only_address(
    primary: str, links: tuple[str, ...], address: str
) -> None:
    cluster = two_nodes()
    named = replace(cluster, nodes=(replace(cluster.nodes[0], host="node3", address=""), *cluster.nodes[1:]))
    facts = {"node3": bare(3, primary_address=primary, link_addresses=links)}
    assert resolve.resolve(named, facts).nodes[0].address == address
