"""The lab's network: a namespace with a bridge, one namespace a node, and one link to the machine itself.

Nothing leads out. The nodes' default route ends in the lab's namespace, which forwards nothing; the machine's own end
forwards nothing that comes from there. While the lab is down, an unreachable route keeps packets for its addresses
from leaving the machine by its default route.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path

from kubeup.errors import LabError
from kubeup.lab.model import NETNS_PREFIX, Lab, LabNode
from kubeup.lab.shell import ok, run

BRIDGE = "br0"
METRIC = "4278198272"
"""The weakest there is but one, so that every other route of the subnet wins."""


def refuse_conflicts(lab: Lab) -> None:
    """Raises LabError when the subnet or a name is taken by somebody else."""
    addresses = json.loads(run(["ip", "-j", "-4", "addr"]).stdout or "[]")
    routes = json.loads(run(["ip", "-j", "-4", "route"]).stdout or "[]")
    conflict = find_conflict(lab, addresses, routes)
    if conflict:
        raise LabError(
            f"the lab's subnet {lab.subnet} is in use on this machine",
            evidence=[conflict],
            fix="take another: kubeup lab up --name lab2 --subnet 192.168.210.0/24",
        )
    if not lab.state.exists():
        for name in (lab.netns, *(lab.node_netns(node.name) for node in lab.nodes)):
            if Path("/run/netns", name).exists():
                raise LabError(
                    f"a network namespace {name} exists, and no lab of kubeup's is there to own it",
                    fix=f"if nobody needs it: ip netns delete {name}; or take another name: kubeup lab up --name lab2",
                )


def find_conflict(lab: Lab, addresses: list[dict[str, object]], routes: list[dict[str, object]]) -> str:
    """What of ``ip -j addr`` and ``ip -j route`` is in the way; empty if nothing is. The lab's own is not."""
    for link in addresses:
        infos = link.get("addr_info")
        for info in infos if isinstance(infos, list) else ():
            address = ipaddress.IPv4Interface(f"{info['local']}/{info['prefixlen']}")
            if link.get("ifname") != lab.host_link and address.network.overlaps(lab.subnet):
                return f"{link.get('ifname')} has the address {address}"
    for route in routes:
        destination = str(route.get("dst", "default"))
        if destination == "default" or route.get("dev") == lab.host_link or route.get("type") == "unreachable":
            continue
        if ipaddress.IPv4Network(destination, strict=False).overlaps(lab.subnet):
            return f"there is a route to {destination} by {route.get('dev')}"
    return ""


def up(lab: Lab) -> None:
    """The lab's own part, the nodes' excepted. Does nothing twice."""
    run(["ip", "route", "replace", "unreachable", str(lab.subnet), "metric", METRIC])
    if not Path("/run/netns", lab.netns).exists():
        run(["ip", "netns", "add", lab.netns])
    _in(lab.netns, "ip", "link", "set", "lo", "up")
    if not ok(_argv(lab.netns, "ip", "link", "show", BRIDGE)):
        _in(lab.netns, "ip", "link", "add", BRIDGE, "type", "bridge")
    _in(lab.netns, "ip", "addr", "replace", f"{lab.gateway}/24", "dev", BRIDGE)
    _in(lab.netns, "ip", "link", "set", BRIDGE, "up")
    _in(lab.netns, "sysctl", "-qw", "net.ipv4.ip_forward=0")
    if not ok(["ip", "link", "show", lab.host_link]):
        run(["ip", "link", "add", lab.host_link, "type", "veth", "peer", "name", "host", "netns", lab.netns])
    _in(lab.netns, "ip", "link", "set", "host", "master", BRIDGE, "up")
    run(["ip", "addr", "replace", f"{lab.host_address}/32", "dev", lab.host_link])
    run(["ip", "link", "set", lab.host_link, "up"])
    Path(f"/proc/sys/net/ipv4/conf/{lab.host_link}/forwarding").write_text("0\n")
    run(["ip", "route", "replace", str(lab.subnet), "dev", lab.host_link, "src", lab.host_address])


def add_node(lab: Lab, node: LabNode) -> None:
    """A namespace with eth0 at the node's address."""
    name = lab.node_netns(node.name)
    if not Path("/run/netns", name).exists():
        run(["ip", "netns", "add", name])
    if not ok(_argv(name, "ip", "link", "show", "eth0")):
        run(["ip", "-n", lab.netns, "link", "delete", node.name], check=False)
        run(["ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", node.name, "netns", lab.netns])
    run(["ip", "-n", lab.netns, "link", "set", node.name, "master", BRIDGE, "up"])
    _in(name, "ip", "link", "set", "lo", "up")
    _in(name, "ip", "addr", "replace", f"{node.address}/24", "dev", "eth0")
    _in(name, "ip", "link", "set", "eth0", "up")
    _in(name, "ip", "route", "replace", "default", "via", lab.gateway)


def down(lab: Lab, *, purge: bool) -> None:
    """Everything of the lab's by name, whether a record says so or not. purge: the unreachable route too."""
    for path in sorted(Path("/run/netns").glob(f"{lab.netns}*")):
        if path.name == lab.netns or path.name.startswith(f"{lab.netns}-"):
            run(["ip", "netns", "delete", path.name], check=False)
    run(["ip", "link", "delete", lab.host_link], check=False)
    if purge:
        run(["ip", "route", "delete", "unreachable", str(lab.subnet), "metric", METRIC], check=False)


def _argv(netns: str, *argv: str) -> list[str]:
    return ["ip", "netns", "exec", netns, *argv]


def _in(netns: str, *argv: str) -> None:
    run(_argv(netns, *argv))


def names() -> list[str]:
    """Network namespaces that labs made."""
    return [path.name for path in Path("/run/netns").glob(f"{NETNS_PREFIX}*")]
