"""Which addresses and names are the cluster's own. Pure."""

from __future__ import annotations

import ipaddress

from kubeup.model.cluster import Cluster, by_address


def is_ipv4(text: str) -> bool:
    """Whether it is an address, and no name."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def no_proxy(cluster: Cluster) -> str:
    """What must never go through a proxy: the profile's list, and the cluster's own machines, ranges and names."""
    network = cluster.network
    own = ("localhost", "127.0.0.1", *(node.address for node in by_address(cluster.nodes) if node.address))
    ranges = (str(network.flannel_net), str(network.service_range), ".svc", f".{network.dns_domain}")
    return ",".join(dict.fromkeys((*cluster.proxy.no_proxy, *own, *ranges)))
