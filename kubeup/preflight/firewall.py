"""Firewall front ends that are active: whether they let through what nodes and pods send each other."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from kubeup import components
from kubeup.components.base import Context
from kubeup.model.facts import ClusterFacts, FirewallFact
from kubeup.preflight import firewalld, ufw
from kubeup.preflight.problem import PreflightProblem, Subject

REACHED = {2379, 2380, 6443, 10250}
"""Ports of components that other machines connect to; the rest listen on 127.0.0.1 or serve their own machine."""
VXLAN = 8472


def front_ends(s: Subject) -> Iterator[PreflightProblem]:
    for found in s.facts.firewalls:
        commands = _missing(s, found)
        if commands:
            yield s.problem(
                "firewall",
                f"{found.name} is active, and would drop what nodes and pods send each other",
                "on the node: " + " && ".join(commands),
                firewalld.in_use(found.rules) if found.name == "firewalld" else found.rules,
            )


def _missing(s: Subject, found: FirewallFact) -> list[str]:
    """Commands that let it through."""
    peers = [IPv4Network(node.address) for node in s.cluster.nodes if node.address and node.host != s.node.host]
    pods = s.cluster.network.flannel_net
    # Where the nodes reach each other by another address than that of the way out, its link is not known.
    device = s.facts.primary_device if s.node.address == s.facts.primary_address else ""
    if found.name == "firewalld":
        return firewalld.missing(found.rules, peers, pods, device)
    rules = ufw.read(found.rules, s.node.address, device)
    return ufw.missing(rules, peers, pods, _reached(s))


def _reached(s: Subject) -> list[tuple[str, int]]:
    parts = components.wanted(Context(s.cluster, s.node, s.facts, ClusterFacts(), {}))
    ports = sorted(REACHED & {port for part in parts for port in part.ports})
    vxlan = [("udp", VXLAN)] if s.cluster.network.flannel_backend == "vxlan" and s.node.is_worker else []
    return [*(("tcp", port) for port in ports), *vxlan]
