"""Addresses, ports, routes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from kubeup.model.facts import Listener
from kubeup.preflight.problem import PreflightProblem, Subject


def address(s: Subject) -> Iterator[PreflightProblem]:
    """etcd, the API server and kubelet listen on the node's address, and say it to the others."""
    has = [text.partition("/")[0] for text in s.facts.addresses]
    known = of_use(s)
    said = f"address: {s.facts.primary_address or (known[0] if len(known) == 1 else 'ADDRESS')}"
    fix = f"write {said} under the node in the profile, beside host: {s.node.host}"
    evidence = addresses_it_has(s)
    if not s.node.address:
        yield s.problem(
            "no-address",
            "it has no default route, which would tell by which of its addresses the other nodes reach it",
            fix,
            evidence,
        )
    elif has and s.node.address not in has and s.node.address == s.facts.record.meta.get("address"):
        yield s.problem(
            "address-not-here",
            f"its address {s.node.address}, by which the cluster knows it, is on none of its links any more",
            f"give it {s.node.address} again, and for good: fixed, or reserved where it is leased (DHCP); or {fix}, "
            "and the cluster knows it by that",
            evidence,
        )
    # Where ip told nothing, only what is no machine's address anywhere can be told.
    elif not _is_of_use(s.node.address) or (has and s.node.address not in has):
        yield s.problem(
            "address-not-here",
            f"its address {s.node.address} is on no link of the machine that others reach: nothing can listen there",
            fix,
            evidence,
        )


def of_use(s: Subject) -> list[str]:
    """Addresses of the machine by which others may reach it."""
    has = (text.partition("/")[0] for text in s.facts.addresses)
    return [one for one in has if _is_of_use(one) and ipaddress.IPv4Address(one) not in s.cluster.network.flannel_net]


def addresses_it_has(s: Subject) -> list[str]:
    """The same as evidence."""
    known = of_use(s)
    return [f"it has {', '.join(known)}"] if known else []


def lease(s: Subject) -> Iterator[PreflightProblem]:
    """Told before a node joins: afterwards nothing changes any more by knowing it, and one that changed is an error."""
    if s.node.address in s.facts.leased and not s.facts.record.exists:
        yield s.problem(
            "address-leased",
            f"its address {s.node.address} is leased (DHCP), and the cluster knows it by that address for good",
            f"give it a fixed address, or let the DHCP server reserve {s.node.address} for it",
        )


def _is_of_use(address: str) -> bool:
    ip = ipaddress.IPv4Address(address)
    return not (ip.is_loopback or ip.is_unspecified or ip.is_link_local or ip.is_multicast)


def ports(s: Subject) -> Iterator[PreflightProblem]:
    ours = {part.unit for part in s.parts if part.unit in s.facts.record.units}
    needed = {port: part.name for part in s.parts for port in part.ports}
    for listener in s.facts.listeners:
        if listener.port in needed and listener.unit not in ours:
            owner = f" of {listener.unit}" if listener.unit else ""
            yield s.problem(
                "port-taken",
                f"port {listener.port}, which {needed[listener.port]} needs, is taken by {listener.process} "
                f"(process {listener.pid}{owner})",
                _stop(listener),
            )


def _stop(listener: Listener) -> str:
    if listener.process == "docker-proxy":
        return f"stop the container: docker ps --filter publish={listener.port} on the node names it"
    return f"stop it: systemctl status {listener.pid} on the node says what it belongs to"


def routes(s: Subject) -> Iterator[PreflightProblem]:
    network = s.cluster.network
    ours = {"cni0", "flannel.1"}
    ranges = (("flannel_net", network.flannel_net), ("service_cluster_ip_range", network.service_range))
    for name, range_ in ranges:
        for destination, device in s.facts.routes:
            if destination == "default" or device in ours or _is_flannels(s, destination, device):
                continue
            there = ipaddress.IPv4Network(destination, strict=False)
            # kube-proxy's unit leads the whole range to the machine itself where no default route does.
            if (there, device) == (network.service_range, "lo"):
                continue
            # What is less specific (a static 10.0.0.0/8, the halves 0.0.0.0/1 and 128.0.0.0/1 of a VPN, a blackhole of
            # all private networks) takes nothing from the range: the longest prefix wins, and flannel's are longer.
            if there.subnet_of(range_):
                yield s.problem(
                    "route-collides",
                    f"it has a route to {destination} by {device or 'nobody'}, inside of {name} {range_}",
                    f"{_another(s, name)}remove the route (ip route delete {destination})",
                )


def _another(s: Subject, name: str) -> str:
    """A living cluster keeps its ranges."""
    return "" if s.facts.record.exists else f"take another {name} in the profile, or "


def _is_flannels(s: Subject, destination: str, device: str) -> bool:
    """With host-gw, and with vxlan's DirectRouting, flannel leads the pod subnet of every other node by that node's
    address: https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md
    """
    network = s.cluster.network
    there = ipaddress.IPv4Network(destination, strict=False)
    gateways = {by for to, through, by in s.facts.gateways if (to, through) == (destination, device)}
    is_pod_subnet = there.subnet_of(network.flannel_net) and there.prefixlen == network.node_mask
    return is_pod_subnet and bool(gateways) and gateways <= _other_nodes(s)


def _other_nodes(s: Subject) -> frozenset[str]:
    """Addresses of the cluster's other nodes, with those that the last `up` still had."""
    return s.before | {node.address for node in s.cluster.nodes if node.endpoint != s.node.endpoint}
