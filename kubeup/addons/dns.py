"""dns: names of services and pods, by CoreDNS at the profile's dns_server_ip."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.addons.base import Addon, AddonImage, replicas
from kubeup.model.cluster import Cluster, Program, Value

COREDNS = Program("coredns", "1.14.7")
"""Kubernetes' registry has it; images get there by a person's request, and not each version does."""
IMAGE = AddonImage("coredns", "registry.k8s.io/coredns/coredns", COREDNS, "coredns")


def values(cluster: Cluster) -> Mapping[str, Value]:
    return {"dns_replicas": replicas(cluster), "upstream": " ".join(cluster.dns_upstream)}


ADDON = Addon(
    name="dns",
    summary="names of services and pods",
    runs="CoreDNS",
    images=(IMAGE,),
    values=values,
    known_as=("coredns", "kube-dns"),
)
