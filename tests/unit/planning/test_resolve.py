"""What only the nodes together decide."""

from __future__ import annotations

from kubeup.planning import resolve
from tests.support.plans import two_nodes


def test_pod_subnets_stay_with_their_nodes() -> None:
    cluster = two_nodes()
    assert resolve.pod_cidrs(cluster, {"node4": "172.16.0.0/24"}) == {
        "node3": "172.16.1.0/24",
        "node4": "172.16.0.0/24",
    }
