"""Rules that look at more than one value of a profile, and need no node."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from kubeup import components
from kubeup.model.cluster import DNS_NUMBER, Cluster, Node, Runtime, nth
from kubeup.profile.problem import Position
from kubeup.profile.reading import ParseContext
from kubeup.profile.tree import Key, YamlValue

SHOWN = 3


def check(cluster: Cluster, reading: ParseContext) -> None:
    for rule in RULES:
        rule(cluster, reading)


def _at(reading: ParseContext, name: str) -> YamlValue | Key:
    return reading.places.get(name) or Key("", Position(1, 1))


def _node_at(reading: ParseContext, index: int) -> YamlValue | Key:
    nodes = reading.places.get("nodes")
    items = nodes.items if nodes is not None else ()
    item = items[index] if index < len(items) else None
    if item is None:
        return _at(reading, "nodes")
    if item.kind == "mapping":
        return item.get("address") or item.get("host") or Key("", item.place)
    return item


def masters(cluster: Cluster, reading: ParseContext) -> None:
    if not cluster.nodes or any(not node.roles for node in cluster.nodes):
        return
    at = _at(reading, "roles") if "roles" in reading.places else _at(reading, "nodes")
    count = len(cluster.control_plane)
    if count == 0:
        reading.error(
            at, "no node is a control-plane node", "give one the role a (control plane, kube-up's master) or ai (both)"
        )
    elif not cluster.workers:
        reading.error(at, "no node runs pods", "give one the role i (node) or ai (both)")
    elif count % 2 == 0:
        text = f"{count} control-plane nodes are no safer than {count - 1}: etcd needs a majority"
        reading.warning(at, text, "take an odd number of control-plane nodes")


def duplicates(cluster: Cluster, reading: ParseContext) -> None:
    keys: tuple[tuple[str, Callable[[Node], str]], ...] = (
        ("address", lambda node: f"{node.address or node.host}:{node.port or 22}"),
        ("name", lambda node: node.name),
    )
    for what, key in keys:
        seen: dict[str, int] = {}
        for index, node in enumerate(cluster.nodes):
            value = key(node)
            if value and value in seen:
                shown = (node.address or node.host) if what == "address" else value
                reading.error(
                    _node_at(reading, index),
                    f"the {what} {shown} is also that of node {seen[value] + 1}",
                    "each machine once",
                )
            seen.setdefault(value, index)


def ranges(cluster: Cluster, reading: ParseContext) -> None:
    network = cluster.network
    if network.flannel_net.overlaps(network.service_range):
        name = "flannel_net" if "flannel_net" in reading.places else "service_cluster_ip_range"
        reading.error(
            _at(reading, name),
            f"the pods' range {network.flannel_net} and the services' {network.service_range} overlap",
            "take two ranges that have no address in common",
        )
    for name, range_ in (("flannel_net", network.flannel_net), ("service_cluster_ip_range", network.service_range)):
        for node in cluster.nodes:
            if node.address and ipaddress.IPv4Address(node.address) in range_:
                reading.error(
                    _at(reading, name),
                    f"the node {node.title} has its address {node.address} inside of {range_}",
                    "take a range that no machine's address is in",
                )
        if name in reading.places and range_.is_global:
            reading.warning(
                _at(reading, name),
                f"{range_} is public: machines of others have these addresses on the internet",
                "kubeup keeps them from leaving; a private range (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16) is better",
            )


def dns(cluster: Cluster, reading: ParseContext) -> None:
    network = cluster.network
    if "dns_server_ip" not in reading.places:
        return
    at = _at(reading, "dns_server_ip")
    example = f"e.g. {nth(network.service_range, DNS_NUMBER)}"
    if network.dns_ip not in network.service_range:
        reading.error(
            at, f"the DNS address {network.dns_ip} is not in the service range {network.service_range}", example
        )
    elif network.dns_ip == network.api_ip:
        reading.error(at, f"{network.dns_ip} is the API's own address, the first of the service range", example)
    elif network.dns_ip in (network.service_range.network_address, network.service_range.broadcast_address):
        reading.error(at, f"{network.dns_ip} is no address for a service", example)


def anonymous_checks(cluster: Cluster, reading: ParseContext) -> None:
    """Balancers ask each API server whether it is ready, and nobody gave them a certificate."""
    if not cluster.has_several_api_servers or all(node.is_control_plane for node in cluster.nodes):
        return
    sections = filter(None, map(reading.places.get, ("kube_apiserver", "kube-apiserver")))
    flags = [one for section in sections if (said := section.said("flags")) for one in said.entries]
    for name, value in flags:
        if name.text.lstrip("-").replace("_", "-") != "anonymous-auth" or value.text.lower() != "false":
            continue
        reading.error(
            name,
            f"`anonymous-auth: false` closes /readyz, by which nodes choose one of {len(cluster.control_plane)} API "
            "servers",
            "take it out; `authentication-config` can leave /readyz open and nothing else",
        )


def sizes(cluster: Cluster, reading: ParseContext) -> None:
    network = cluster.network
    length = network.service_range.prefixlen
    if not 12 <= length <= 28:
        text = f"a service range of /{length} is too {'small' if length > 28 else 'large'}"
        reading.error(_at(reading, "service_cluster_ip_range"), text, "take a /12 to a /28, e.g. 10.96.0.0/16")
    bits = network.node_mask - network.flannel_net.prefixlen
    room = 2**bits if bits >= 0 else 0
    if room < len(cluster.workers):
        reading.error(
            _at(reading, "flannel_net"),
            f"{network.flannel_net} has room for {room} of the /{network.node_mask} that each node gets, and there are "
            f"{len(cluster.workers)} nodes",
            "take a larger flannel_net, or a longer node_mask",
        )


def node_ports(cluster: Cluster, reading: ParseContext) -> None:
    """A NodePort over a port of a component's takes that component's connections away."""
    low, high = cluster.network.node_ports
    taken = {port: part.name for part in components.ALL for port in part.ports}
    inside = sorted(port for port in taken if low <= port <= high)
    if inside:
        told = ", ".join(f"{port} ({taken[port]})" for port in inside[:SHOWN])
        more = f" and {len(inside) - SHOWN} more" if len(inside) > SHOWN else ""
        reading.error(
            _at(reading, "node_port_range"),
            f"{low}-{high} holds ports of the cluster's own: {told}{more}",
            "take a range without them, e.g. 30000-32767",
        )


def load_balancer(cluster: Cluster, reading: ParseContext) -> None:
    """Each machine, pod and Service has its address to itself."""
    value = reading.places.get("load_balancer_addresses")
    network = cluster.network
    for item, text in zip(value.items if value is not None else (), cluster.load_balancer_addresses, strict=False):
        first, last = _ends(text)
        inside = [node.title for node in cluster.nodes if node.address and first <= _number(node.address) <= last]
        others = [
            f"{name} {range_}"
            for name, range_ in (("flannel_net", network.flannel_net), ("the service range", network.service_range))
            if first <= int(range_.broadcast_address) and int(range_.network_address) <= last
        ]
        if inside:
            text = f"{text} holds the address of the node {inside[0]}"
        elif others:
            text = f"{text} and {others[0]} overlap"
        else:
            continue
        reading.error(item, text, "take addresses of the machines' network that nobody has")


def _number(address: str) -> int:
    return int(ipaddress.IPv4Address(address))


def _ends(text: str) -> tuple[int, int]:
    """First and last address, as numbers, of FIRST-LAST or a CIDR."""
    first, dash, last = text.partition("-")
    if dash:
        return _number(first), _number(last)
    network = ipaddress.IPv4Network(text)
    return int(network.network_address), int(network.broadcast_address)


def upstream(cluster: Cluster, reading: ParseContext) -> None:
    """The cluster's DNS that asks itself asks for ever."""
    value = reading.places.get("dns_upstream")
    for item in value.items if value is not None else ():
        if item.text == str(cluster.network.dns_ip):
            reading.error(item, f"{item.text} is the cluster's own DNS: it would ask itself", "name one outside of it")


def ingress_nodes(cluster: Cluster, reading: ParseContext) -> None:
    """A name that only the machine knows (its hostname) is told by preflight."""
    value = reading.places.get("ingress_nodes")
    known = {word: node for node in cluster.nodes for word in (node.name, node.host, node.address) if word}
    for item in value.items if value is not None else ():
        node = known.get(item.text)
        if node is None and all(node.name for node in cluster.nodes):
            reading.unknown(Key(item.text, item.place), tuple(node.name for node in cluster.nodes), "node")
        elif node is not None and not node.is_worker:
            reading.error(item, f"the node {item.text} runs no pods", "name one with the role i or ai")


def snapshotter(cluster: Cluster, reading: ParseContext) -> None:
    if cluster.runtime is Runtime.DOCKER and "containerd_snapshotter" in reading.places:
        at = _at(reading, "containerd_snapshotter")
        reading.error(at, "it is of containerd, and the runtime is Docker", "take it out; or runtime: containerd")


RULES: tuple[Callable[[Cluster, ParseContext], None], ...] = (
    masters,
    duplicates,
    ranges,
    dns,
    sizes,
    node_ports,
    load_balancer,
    upstream,
    anonymous_checks,
    ingress_nodes,
    snapshotter,
)
