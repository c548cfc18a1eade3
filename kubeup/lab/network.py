"""The lab's network: a namespace with a bridge, one namespace a node, and one link to the machine itself.

Nothing leads out. The nodes' default route ends in the lab's namespace, which forwards nothing; what comes in by the
machine's own end is for the machine or for nobody (forwarding is off there, and a routing rule holds where somebody
switches it on again). While the lab is down, an unreachable route keeps packets for its addresses from leaving the
machine by its default route.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from kubeup.lab import state
from kubeup.lab.model import Lab, LabNode
from kubeup.lab.shell import ok, run
from kubeup.model.errors import LabError

BRIDGE = "br0"
METRIC = 4278198272
"""Weaker than every route that somebody else may have for the subnet."""
RULE_PRIORITY = "4200"
NAMESPACES = Path("/run/netns")
NAT_ADDRESS, NAT_GATEWAY, NAT_MAC = "10.0.2.15/24", "10.0.2.2", "52:54:00:12:35:02"
"""As VirtualBox has them, where every guest gets the same: https://www.virtualbox.org/manual/ch06.html"""


@dataclass(frozen=True)
class Present:
    """What a machine's network has: (link, address/length), (link or kind, destination)."""

    addresses: tuple[tuple[str, ipaddress.IPv4Interface], ...]
    routes: tuple[tuple[str, ipaddress.IPv4Network], ...]
    links: frozenset[str]
    namespaces: frozenset[str]


def parse(addresses: str, routes: str, links: str, namespaces: frozenset[str]) -> Present:
    """Out of ``ip -j -4 addr``, ``ip -j -4 route`` and ``ip -j link``. The lab's unreachable routes are left out."""
    interfaces = [
        (str(link.get("ifname", "")), ipaddress.IPv4Interface(f"{info['local']}/{info['prefixlen']}"))
        for link in json.loads(addresses or "[]")
        for info in link.get("addr_info", ())
    ]
    destinations = [
        (str(route.get("dev") or route.get("type", "")), ipaddress.IPv4Network(route["dst"], strict=False))
        for route in json.loads(routes or "[]")
        if route.get("dst", "default") not in ("default", "0.0.0.0/0") and route.get("metric") != METRIC
    ]
    names = frozenset(str(link.get("ifname", "")) for link in json.loads(links or "[]"))
    return Present(tuple(interfaces), tuple(destinations), names, namespaces)


def conflict(lab: Lab, present: Present, *, known: bool) -> str:
    """What is in the lab's way, empty if nothing is. known: the lab is recorded, so what bears its name is its own."""
    for link, address in present.addresses:
        if link != lab.host_link and address.network.overlaps(lab.subnet):
            return f"{link} has the address {address}"
    for link, destination in present.routes:
        if link != lab.host_link and destination.overlaps(lab.subnet):
            return f"there is a route to {destination} ({link})"
    if not known:
        if lab.host_link in present.links:
            return f"there is a network link {lab.host_link} that no lab of kubeup's is recorded for"
        for name in sorted(present.namespaces):
            if lab.owns(name):
                return f"there is a network namespace {name} that no lab of kubeup's is recorded for"
    return ""


def refuse_conflicts(lab: Lab) -> None:
    """Raises LabError when the subnet or a name is taken by somebody else."""
    addresses, routes, links = (run(["ip", "-j", *what]).stdout for what in (["-4", "addr"], ["-4", "route"], ["link"]))
    present = parse(addresses, routes, links, frozenset(names()))
    found = conflict(lab, present, known=state.find(lab.name) is not None)
    if found:
        raise LabError(
            f"the lab {lab.name} ({lab.subnet}) would be in the way of what is on this machine",
            evidence=[found],
            fix="take another name and subnet: kubeup lab up --name lab2 --subnet 192.168.210.0/24; "
            f"if it is left over from a lab: kubeup lab down --name {lab.name}",
        )


def up(lab: Lab) -> None:
    """The lab's own part, the nodes' excepted. Does nothing twice."""
    run(["ip", "route", "replace", "unreachable", str(lab.subnet), "metric", str(METRIC)])
    if lab.netns not in names():
        run(["ip", "netns", "add", lab.netns])
    run(["ip", "-n", lab.netns, "link", "set", "lo", "up"])
    settings = ("net.ipv4.ip_forward=0", "net.ipv6.conf.all.disable_ipv6=1")
    run(["ip", "netns", "exec", lab.netns, "sysctl", "-qew", *settings])
    if not ok(["ip", "-n", lab.netns, "link", "show", BRIDGE]):
        run(["ip", "-n", lab.netns, "link", "add", BRIDGE, "type", "bridge"])
    run(["ip", "-n", lab.netns, "addr", "replace", f"{lab.gateway}/24", "dev", BRIDGE])
    run(["ip", "-n", lab.netns, "link", "set", BRIDGE, "up"])
    _host_link(lab)


def _host_link(lab: Lab) -> None:
    link = lab.host_link
    if not ok(["ip", "link", "show", link]):
        run(["ip", "link", "add", link, "type", "veth", "peer", "name", "host", "netns", lab.netns])
    for setting in ("ipv4/conf/{}/forwarding=0", "ipv6/conf/{}/disable_ipv6=1"):
        name, _, value = setting.format(link).partition("=")
        path = Path("/proc/sys/net", name)
        if path.exists():
            path.write_text(f"{value}\n")
    if f"iif {link} " not in run(["ip", "rule", "show"]).stdout:
        run(["ip", "rule", "add", "iif", link, "priority", RULE_PRIORITY, "unreachable"])
    run(["ip", "-n", lab.netns, "link", "set", "host", "master", BRIDGE, "up"])
    run(["ip", "addr", "replace", f"{lab.host_address}/32", "dev", link])
    run(["ip", "link", "set", link, "up"])
    run(["ip", "route", "replace", str(lab.subnet), "dev", link, "src", lab.host_address])


def add_node(lab: Lab, node: LabNode) -> None:
    """A namespace with the links of the node's kind; one of them has the node's address."""
    name = lab.node_netns(node.name)
    if name not in names():
        run(["ip", "netns", "add", name])
        # As a machine that forwards nothing yet, whatever this one does: a namespace begins with its switch.
        run(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=0"])
    run(["ip", "-n", name, "link", "set", "lo", "up"])
    link, out = lab.kind.link, lab.kind.default_route
    if out not in ("", link):
        _add_link(lab, name, out, f"{node.name}-out", NAT_ADDRESS)
        # Nobody is there to answer for the gateway: what is sent to it is lost at the link's other end.
        run(["ip", "-n", name, "neigh", "replace", NAT_GATEWAY, "lladdr", NAT_MAC, "dev", out])
        run(["ip", "-n", name, "route", "replace", "default", "via", NAT_GATEWAY])
    _add_link(lab, name, link, node.name, f"{node.address}/24")
    run(["ip", "-n", lab.netns, "link", "set", node.name, "master", BRIDGE])
    if out == link:
        run(["ip", "-n", name, "route", "replace", "default", "via", lab.gateway])


def _add_link(lab: Lab, netns: str, link: str, peer: str, address: str) -> None:
    """A link of a node's, with its other end in the lab's namespace."""
    if not ok(["ip", "-n", netns, "link", "show", link]):
        run(["ip", "-n", lab.netns, "link", "delete", peer], check=False)
        run(["ip", "-n", netns, "link", "add", link, "type", "veth", "peer", "name", peer, "netns", lab.netns])
    run(["ip", "-n", lab.netns, "link", "set", peer, "up"])
    run(["ip", "-n", netns, "addr", "replace", address, "dev", link])
    run(["ip", "-n", netns, "link", "set", link, "up"])


def down(lab: Lab) -> None:
    """Everything that bears the lab's name, whether a record says so or not. The unreachable route stays."""
    for name in names():
        if lab.owns(name):
            run(["ip", "netns", "delete", name], check=False)
    run(["ip", "link", "delete", lab.host_link], check=False)
    while ok(["ip", "rule", "delete", "iif", lab.host_link]):
        continue


def drop_route(subnet: ipaddress.IPv4Network) -> None:
    """Let packets for the subnet go where they went before the lab was."""
    run(["ip", "route", "delete", "unreachable", str(subnet), "metric", str(METRIC)], check=False)


def leftovers(lab: Lab) -> list[str]:
    """What is still there of the lab."""
    found = [f"network namespace {name}" for name in names() if lab.owns(name)]
    if ok(["ip", "link", "show", lab.host_link]):
        found.append(f"network link {lab.host_link}")
    return found


def names() -> list[str]:
    """This machine's named network namespaces."""
    return sorted(path.name for path in NAMESPACES.glob("*"))
