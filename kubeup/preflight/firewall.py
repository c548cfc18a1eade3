"""Firewalls that are active: whether they let through what nodes and pods send each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network

from kubeup.components.flannel import vxlan_port
from kubeup.model.facts import DroppingChain, FirewallFact
from kubeup.preflight import firewalld, ufw
from kubeup.preflight.problem import PreflightProblem, Subject

REACHED = {2379, 2380, 6443, 10250}
"""Ports of components that other machines connect to; the rest listen on 127.0.0.1 or serve their own machine."""
API_PORT = 6443

NOT_THEIRS = re.compile(r"kube-proxy|flannel-|cni_hostport|docker")
"""How tables of nftables begin that kubeup's own programs and Docker make."""


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


def operators_way(s: Subject) -> Iterator[PreflightProblem]:
    """kubectl on the operator's machine may ask any control-plane node. What firewalld thinks of it is not told: a
    port may be open there by services and rich rules, too.
    """
    asks_here = s.node.is_control_plane and not s.cluster.api_endpoint
    if not re.fullmatch(r"\d+(\.\d+){3}", s.facts.operator) or not asks_here or s.node.bastion:
        return
    came_from = s.facts.operator
    asked = ("IN", IPv4Network(came_from), ufw.ANY, "tcp", API_PORT)
    for found in s.facts.firewalls:
        rules = ufw.read(found.rules, s.node.address, "")
        if found.name == "ufw" and not rules.lets(*asked):
            yield s.problem(
                "firewall-operator",
                f"ufw is active, and would drop what kubectl on your machine ({came_from}) sends to port {API_PORT}",
                f"on the node: ufw {ufw.before(rules, [asked])}allow from {came_from} to any port {API_PORT} proto tcp",
            )


def own_chains(s: Subject) -> Iterator[PreflightProblem]:
    """Rules by hand: what they let through is not read out of them, and is tried once the cluster is up."""
    for chain in s.facts.dropping_chains:
        if _is_of_the_users(s, chain):
            yield s.problem(
                "firewall-own",
                f"its nftables chain {chain.family} {chain.table} {chain.name} drops what it does not name: it may "
                "drop what nodes and pods send each other",
                f"unless it lets them through already, in the file that makes it and at once: {_opening(s, chain)}",
            )


def _is_of_the_users(s: Subject, chain: DroppingChain) -> bool:
    front_ends = {one.name for one in s.facts.firewalls}
    # Docker gives this one its policy, and flannel's rules are in front of it.
    if (chain.table, chain.hook) == ("filter", "forward") and chain.name == "FORWARD":
        return False
    of_front_end = (chain.table == "firewalld" and "firewalld" in front_ends) or (
        (chain.family, chain.table) == ("ip", "filter") and "ufw" in front_ends
    )
    return chain.family in ("ip", "inet") and not NOT_THEIRS.match(chain.table) and not of_front_end


def _opening(s: Subject, chain: DroppingChain) -> str:
    peers = [node.address for node in s.cluster.nodes if node.address and node.endpoint != s.node.endpoint]
    pods = str(s.cluster.network.flannel_net)
    if (chain.table, chain.name) == ("filter", "INPUT"):
        return f"iptables -I INPUT -s {','.join([*peers, pods])} -j ACCEPT"
    place = f"nft insert rule {chain.family} {chain.table} {chain.name}"
    if chain.hook == "forward":
        return f"{place} ip saddr {pods} accept; {place} ip daddr {pods} accept"
    return f"{place} ip saddr '{{ {', '.join([*peers, pods])} }}' accept"


def _missing(s: Subject, found: FirewallFact) -> list[str]:
    """Commands that let it through."""
    peers = [IPv4Network(node.address) for node in s.cluster.nodes if node.address and node.endpoint != s.node.endpoint]
    pods = s.cluster.network.flannel_net
    # Where the nodes reach each other by another address than that of the way out, its link is not known.
    device = s.facts.primary_device if s.node.address == s.facts.primary_address else ""
    if found.name == "firewalld":
        return firewalld.missing(found.rules, peers, pods, device)
    rules = ufw.read(found.rules, s.node.address, device)
    return ufw.missing(rules, peers, pods, _reached(s))


def _reached(s: Subject) -> list[tuple[str, int]]:
    ports = sorted(REACHED & {port for part in s.parts for port in part.ports})
    vxlan = (
        [("udp", vxlan_port(s.cluster))] if s.cluster.network.flannel_backend == "vxlan" and s.node.is_worker else []
    )
    return [*(("tcp", port) for port in ports), *vxlan]
