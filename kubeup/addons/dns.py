"""dns: names of services and pods, by CoreDNS at the profile's dns_server_ip."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from kubeup.addons.base import Addon, AddonImage, replicas
from kubeup.model.cluster import Cluster, Program, Value
from kubeup.model.facts import Facts

COREDNS = Program("coredns", "1.14.7")
"""Kubernetes' registry has it; images get there by a person's request, and not each version does."""
IMAGE = AddonImage("coredns", "registry.k8s.io/coredns/coredns", COREDNS, "coredns")


def values(cluster: Cluster, facts: Facts) -> Mapping[str, Value]:
    return {"dns_replicas": replicas(cluster), "upstream": upstream(cluster, facts)}


def upstream(cluster: Cluster, facts: Facts) -> str:
    """Where other names are asked for; empty where the machines know nobody but themselves, whom asking is a loop."""
    if cluster.dns_upstream:
        return " ".join(cluster.dns_upstream)
    return "/etc/resolv.conf" if any(not _loopback(server) for server in facts.nameservers) else ""


def _loopback(server: str) -> bool:
    try:
        return ipaddress.ip_address(server.partition("%")[0]).is_loopback
    except ValueError:
        return False


ADDON = Addon(
    name="dns",
    summary="names of services and pods",
    runs="CoreDNS",
    images=(IMAGE,),
    values=values,
    known_as=("coredns", "kube-dns"),
)
