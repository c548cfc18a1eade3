"""Addresses, routes, name servers, and who listens on the ports that kubeup needs."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kubeup.model.facts.answer import Answer

# LISTEN 0 4096 127.0.0.1:2379 0.0.0.0:* users:(("etcd",pid=812,fd=7)); the address may be *, [::] or have %link.
LISTENING = re.compile(r'^LISTEN\s+\S+\s+\S+\s+\S*:(\d+)\s.*users:\(\("([^"]*)",pid=(\d+)')

# Links that end on the machine: its own loopback, and what containers and virtual machines are on.
INSIDE = re.compile(r"(lo|cni0|kube-ipvs0|nodelocaldns)$|(docker|br-|virbr|lxcbr|lxdbr|flannel[.-]|veth|dummy)")


@dataclass(frozen=True)
class Listener:
    """A TCP port somebody listens on. unit: the service that the process belongs to, empty where it is none."""

    port: int
    process: str
    pid: int
    unit: str = ""


@dataclass(frozen=True)
class NetworkFacts:
    """addresses: IPv4 as ``a.b.c.d/len``. link_addresses: those of links that lead out of the machine, by the names of
    the links, without their lengths. leased: addresses that end by themselves (DHCP). primary_address, primary_device:
    of packets that leave the machine.

    routes: (destination or "default", device) of the main table, one for each device of a route with several next
    hops; the device is empty for a route that leads nowhere (unreachable, blackhole, prohibit, throw). gateways:
    (destination, device, gateway) of those that lead by way of another machine. resolv_conf: the file whose name
    servers are real ones; resolv_lines: its search and options. listeners: at most one a port, by port.
    """

    addresses: tuple[str, ...] = ()
    link_addresses: tuple[str, ...] = ()
    leased: tuple[str, ...] = ()
    primary_address: str = ""
    primary_device: str = ""
    routes: tuple[tuple[str, str], ...] = ()
    gateways: tuple[tuple[str, str, str], ...] = ()
    listeners: tuple[Listener, ...] = ()
    resolv_conf: str = "/etc/resolv.conf"
    nameservers: tuple[str, ...] = ()
    resolv_lines: tuple[str, ...] = ()

    @property
    def real_nameservers(self) -> tuple[str, ...]:
        """Those that pods can ask, too: on a pod's own loopback nobody answers."""
        return tuple(server for server in self.nameservers if not _is_here(server))


def parse(answer: Answer) -> NetworkFacts:
    ways = [way for route in answer.objects("ip_route") for way in _ways(route)]
    primary = next((route for route in answer.objects("ip_route_get") if _is_ipv4(str(route.get("prefsrc")))), {})
    return NetworkFacts(
        addresses=tuple(address for link in answer.objects("ip_addr") for address in _addresses(link)),
        link_addresses=tuple(
            address.partition("/")[0]
            for link in answer.objects("ip_addr")
            if not INSIDE.match(str(link.get("ifname", "lo")))
            for address in _addresses(link)
        ),
        leased=tuple(
            str(info.get("local"))
            for link in answer.objects("ip_addr")
            for info in _objects(link.get("addr_info"))
            # Set for what has a lifetime: ip-address(8).
            if info.get("dynamic") is True and _is_ipv4(str(info.get("local")))
        ),
        primary_address=str(primary.get("prefsrc", "")),
        primary_device=str(primary.get("dev", "")),
        routes=tuple(dict.fromkeys((to, device) for to, device, _ in ways)),
        gateways=tuple(dict.fromkeys(way for way in ways if way[2])),
        listeners=tuple(sorted(_listeners(answer), key=lambda one: one.port)),
        resolv_conf=answer.text("resolv_conf", "/etc/resolv.conf"),
        nameservers=tuple(server for text in answer.texts("nameserver") for server in text.split()[:1] if _ip(server)),
        resolv_lines=answer.texts("resolv_line"),
    )


def _is_here(server: str) -> bool:
    """0.0.0.0 is the machine itself, too, for who sends there."""
    found = _ip(server)
    return found is not None and (found.is_loopback or found.is_unspecified)


def _ip(server: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Nothing for what is no address, of whatever family: a resolver passes it over."""
    try:
        return ipaddress.ip_address(server.partition("%")[0])
    except ValueError:
        return None


def _is_ipv4(text: str) -> bool:
    """Whether it is an address, or one with a length: what else stands there is no use to anybody."""
    try:
        ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        return False
    return True


def _addresses(link: Mapping[str, object]) -> Iterator[str]:
    for info in _objects(link.get("addr_info")):
        address = f"{info.get('local')}/{info.get('prefixlen')}"
        if _is_ipv4(address):
            yield address


def _ways(route: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    to = str(route.get("dst", "default"))
    if to != "default" and not _is_ipv4(to):
        return
    for way in _objects(route.get("nexthops")) or (route,):
        yield to, str(way.get("dev", "")), str(way.get("gateway", ""))


def _objects(value: object) -> tuple[Mapping[str, object], ...]:
    return tuple(one for one in value if isinstance(one, dict) and one) if isinstance(value, list) else ()


def _listeners(answer: Answer) -> Iterator[Listener]:
    units = {row[0]: "".join(row[1:]) for row in answer.all("process")}
    seen = set()
    for found in filter(None, map(LISTENING.match, answer.texts("listener"))):
        port, process, pid = found.groups()
        # A process that ended meanwhile listens no more.
        if port not in seen and pid in units:
            seen.add(port)
            yield Listener(int(port), process, int(pid), units[pid])
