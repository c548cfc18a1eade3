"""The cluster's addresses: service range, pods' range, DNS, node ports."""

from __future__ import annotations

import ipaddress
import re

from kubeup.model.cluster import DNS_NUMBER, Network, nth
from kubeup.profile.reading import DOMAIN, ParseContext, expect, text_of
from kubeup.profile.tree import Key, YamlValue


def read(reading: ParseContext) -> Network:
    get = reading.places.get
    services = network_of(get("service_cluster_ip_range"), reading) or ipaddress.IPv4Network("10.96.0.0/16")
    pods = network_of(get("flannel_net"), reading) or ipaddress.IPv4Network("10.244.0.0/16")
    dns = _address(get("dns_server_ip"), reading) or nth(services, DNS_NUMBER)
    backend = text_of(get("flannel_backend"), reading) or "vxlan"
    backend_at = get("flannel_backend")
    if backend not in ("vxlan", "host-gw") and backend_at is not None:
        reading.unknown(Key(backend, backend_at.place), ("vxlan", "host-gw"), "flannel backend")
    return Network(
        flannel_net=pods,
        service_range=services,
        dns_ip=dns,
        dns_domain=text_of(get("dns_domain"), reading, DOMAIN, "a domain name") or "cluster.local",
        node_mask=_mask(get("node_mask"), reading),
        node_ports=_ports(get("node_port_range"), reading),
        flannel_backend=backend,
    )


def network_of(value: YamlValue | None, reading: ParseContext) -> ipaddress.IPv4Network | None:
    """A CIDR, with the mend for one whose host bits are set."""
    if value is None or not expect(value, "text", reading, "flannel_net: 172.16.0.0/16"):
        return None
    try:
        return ipaddress.IPv4Network(value.text)
    except ValueError:
        pass
    try:
        loose = ipaddress.IPv4Network(value.text, strict=False)
        reading.error(value, f"`{value.text}` is an address in a network, not a network", f"write {loose}")
    except ValueError:
        reading.error(value, f"`{value.text}` is not an IPv4 network", "write it like 172.16.0.0/16")
    return None


def _address(value: YamlValue | None, reading: ParseContext) -> ipaddress.IPv4Address | None:
    if value is None or not expect(value, "text", reading, "dns_server_ip: 100.0.0.2"):
        return None
    try:
        return ipaddress.IPv4Address(value.text)
    except ValueError:
        reading.error(value, f"`{value.text}` is not an IPv4 address", "write it like 100.0.0.2")
        return None


def _mask(value: YamlValue | None, reading: ParseContext) -> int:
    if value is None or not expect(value, "text", reading, "node_mask: 24"):
        return 24
    if re.fullmatch("[0-9]{1,2}", value.text) and 8 <= int(value.text) <= 29:
        return int(value.text)
    reading.error(
        value, f"`{value.text}` is not the length of a node's pod network", "a number from 8 to 29; 24 is usual"
    )
    return 24


def _ports(value: YamlValue | None, reading: ParseContext) -> tuple[int, int]:
    if value is None or not expect(value, "text", reading, "node_port_range: 30000-32767"):
        return (30000, 32767)
    found = re.fullmatch("([0-9]{1,5})-([0-9]{1,5})", value.text)
    first, last = (int(found.group(1)), int(found.group(2))) if found else (0, 0)
    if found and 1 <= first <= last <= 65535:
        return (first, last)
    reading.error(value, f"`{value.text}` is not a range of ports", "write it like 30000-32767, within 1 and 65535")
    return (30000, 32767)
