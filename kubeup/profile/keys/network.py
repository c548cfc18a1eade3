"""The cluster's addresses: service range, pods' range, DNS, node ports; and who carries packets."""

from __future__ import annotations

import ipaddress
import re

from kubeup.model.cluster import DNS_NUMBER, Network, ProxyMode, nth
from kubeup.model.names import SUBDOMAIN
from kubeup.model.networks import is_ipv4
from kubeup.profile.keys import forms
from kubeup.profile.keys.base import Form, Group, ProfileKey, Values
from kubeup.profile.reading import ParseContext
from kubeup.profile.tree import YamlValue


def _network(value: YamlValue, key: ProfileKey, reading: ParseContext) -> ipaddress.IPv4Network | None:
    """A CIDR, with the mend for one whose host bits are set."""
    try:
        return ipaddress.IPv4Network(value.text)
    except ValueError:
        pass
    try:
        loose = ipaddress.IPv4Network(value.text, strict=False)
        reading.error(value, f"`{value.text}` is an address in a network, not a network", f"write {loose}")
    except ValueError:
        reading.error(value, f"`{value.text}` is not an IPv4 network", f"write it like {key.example}")
    return None


def _address(value: YamlValue, key: ProfileKey, reading: ParseContext) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(value.text)
    except ValueError:
        reading.error(value, f"`{value.text}` is not an IPv4 address", f"write it like {key.example}")
        return None


def _mask(value: YamlValue, _: ProfileKey, reading: ParseContext) -> int | None:
    if re.fullmatch("[0-9]{1,2}", value.text) and 8 <= int(value.text) <= 29:
        return int(value.text)
    reading.error(
        value, f"`{value.text}` is not the length of a node's pod network", "a number from 8 to 29; 24 is usual"
    )
    return None


def _ports(value: YamlValue, key: ProfileKey, reading: ParseContext) -> tuple[int, int] | None:
    found = re.fullmatch("([0-9]{1,5})-([0-9]{1,5})", value.text)
    first, last = (int(found.group(1)), int(found.group(2))) if found else (0, 0)
    if found and 1 <= first <= last <= 65535:
        return (first, last)
    reading.error(value, f"`{value.text}` is not a range of ports", f"write it like {key.example}, within 1 and 65535")
    return None


API_PORT = "6443"


def _endpoint(value: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
    host, _, port = value.text.partition(":")
    number = port or API_PORT
    if re.fullmatch("[0-9]{1,5}", number) and 1 <= int(number) <= 65535 and _is_host(host):
        return f"{host}:{number}"
    reading.error(value, f"`{value.text}` is not HOST or HOST:PORT", f"write it like {key.example}, without https://")
    return None


def _is_host(text: str) -> bool:
    if re.fullmatch(r"[0-9.]+", text):
        return is_ipv4(text)
    return len(text) <= 253 and bool(SUBDOMAIN.fullmatch(text))


CIDR = Form("an IPv4 network (CIDR)", _network)
LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"

GROUP = Group(
    title="Network",
    keys=(
        ProfileKey(
            "service_cluster_ip_range",
            CIDR,
            "addresses of Services",
            example="10.96.0.0/16",
            goes="network.service_range",
            default="10.96.0.0/16",
        ),
        ProfileKey(
            "flannel_net",
            CIDR,
            "addresses of pods; each node gets a part of it",
            example="172.16.0.0/16",
            goes="network.flannel_net",
            default="10.244.0.0/16",
        ),
        ProfileKey(
            "dns_server_ip",
            Form("an IPv4 address", _address),
            "the cluster's DNS, inside of the service range",
            example="10.96.0.2",
            goes="network.dns_ip",
            unsaid="the tenth address of that range",
        ),
        ProfileKey(
            "dns_domain",
            forms.word("a domain name", rf"{LABEL}(\.{LABEL})*"),
            "the cluster's domain",
            example="k8s.example.com",
            goes="network.dns_domain",
            default="cluster.local",
        ),
        ProfileKey(
            "node_mask",
            Form("a number from 8 to 29", _mask),
            "length of each node's pod network",
            example="26",
            goes="network.node_mask",
            default="24",
        ),
        ProfileKey(
            "node_port_range",
            Form("two ports with a dash between", _ports),
            "ports for NodePort Services",
            example="30000-32767",
            goes="network.node_ports",
            default="30000-32767",
        ),
        ProfileKey(
            "api_endpoint",
            Form("`HOST` or `HOST:PORT`", _endpoint),
            "what leads to every API server from outside: a balancer, a virtual address, a name of yours; in their "
            f"certificates and in your kubeconfig. Its port is {API_PORT} if not said",
            example="api.example.com:6443",
            goes="api_endpoint",
            unsaid="your kubeconfig names a control-plane node that answers",
            see="high-availability.md",
        ),
        ProfileKey(
            "flannel_backend",
            forms.choice("flannel backend", {"vxlan": "vxlan", "host-gw": "host-gw"}),
            "how packets get from node to node; `host-gw` where all nodes are on one link",
            example="host-gw",
            goes="network.flannel_backend",
            default="vxlan",
        ),
        ProfileKey(
            "proxy_mode",
            forms.choice("proxy mode", {one.value: one for one in ProxyMode}),
            "how kube-proxy programs Services",
            example="iptables",
            goes="proxy_mode",
            default="nftables",
        ),
    ),
)


def network(values: Values) -> Network:
    """The values, and the DNS address that follows from them where it is not among them."""
    return Network(**{"dns_ip": nth(values["service_range"], DNS_NUMBER), **values})
