"""The cluster whose first node the tests of preflight look at."""

from __future__ import annotations

import ipaddress

from kubeup import preflight
from kubeup.model.cluster import Cluster, Network, Node, Role, Runtime
from kubeup.model.facts import Facts
from kubeup.preflight.problem import PreflightProblem

CLUSTER = Cluster(
    name="demo",
    nodes=(
        Node("10.0.0.1", frozenset({Role.CONTROL_PLANE, Role.WORKER}), name="one", address="10.0.0.1"),
        Node("10.0.0.2", frozenset({Role.WORKER}), name="two", address="10.0.0.2"),
    ),
    network=Network(
        ipaddress.IPv4Network("172.16.0.0/16"),
        ipaddress.IPv4Network("10.96.0.0/16"),
        ipaddress.IPv4Address("10.96.0.10"),
    ),
    runtime=Runtime.CONTAINERD,
)


def problems(facts: Facts, cluster: Cluster = CLUSTER) -> list[PreflightProblem]:
    return list(preflight.check(cluster, {"10.0.0.1": facts}))
