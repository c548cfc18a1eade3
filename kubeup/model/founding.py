"""What a cluster is founded with and keeps while it lives, as its nodes' records and a profile call it.

planning/ writes it into the records, preflight/living.py holds a profile against them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubeup.model.cluster import Cluster, Runtime

CONTROL_PLANE = "control_plane"
"""Names of the control-plane nodes, sorted."""
SUBNETS = "subnets"
"""NAME=SUBNET of all that were given away, sorted; on control-plane nodes, so that what left the profile is known. The
lead's is up to date, the others' may be older."""
NODES = "nodes"
"""NAME=ADDRESS of all nodes; as SUBNETS."""
DNS_UPSTREAM = "dns_upstream"
"""Whom the cluster's DNS asks, where that followed from what some machines lack; on control-plane nodes. While a
machine does not answer, it stays."""


@dataclass(frozen=True)
class Founding:
    """key: of the record's meta. word: the profile's. what: for people. value: what a profile says of it, or leaves."""

    key: str
    word: str
    what: str
    value: Callable[[Cluster], str]

    def recorded(self, meta: Mapping[str, str]) -> str:
        """What a record says of it; empty where it says nothing."""
        subnet = meta.get("pod_cidr", "")
        # A kubeup of before recorded no length of the subnets, but each node's own; and had one snapshotter.
        before = {
            "node_mask": subnet.partition("/")[2],
            "snapshotter": "overlayfs" if subnet and meta.get("runtime") == Runtime.CONTAINERD.value else "",
        }
        return meta.get(self.key, "") or before.get(self.key, "")


FOUNDING = (
    Founding("flannel_net", "flannel_net", "the pod network", lambda cluster: str(cluster.network.flannel_net)),
    Founding(
        "service_range",
        "service_cluster_ip_range",
        "the service range",
        lambda cluster: str(cluster.network.service_range),
    ),
    Founding("dns_domain", "dns_domain", "the DNS domain", lambda cluster: cluster.network.dns_domain),
    Founding("dns_ip", "dns_server_ip", "the address of the DNS", lambda cluster: str(cluster.network.dns_ip)),
    Founding("node_mask", "node_mask", "the length of pod subnets", lambda cluster: str(cluster.network.node_mask)),
    Founding(
        "snapshotter",
        "containerd_snapshotter",
        "what containerd unpacks images with",
        lambda cluster: cluster.snapshotter if cluster.runtime is Runtime.CONTAINERD else "",
    ),
)
DOWN = "down"
"""That a `down` began, and is not at its end: what is still there of the cluster is to go."""
KUBEUP = "kubeup"
"""Which version of kubeup changed the node last."""
OF_A_NODE = frozenset({"name", "roles", "address", "runtime", "pod_cidr", "kubernetes", CONTROL_PLANE, NODES, SUBNETS})


def of_each(text: str) -> dict[str, str]:
    """NAME=VALUE of every node, as NODES and SUBNETS have it: name -> value."""
    return {name: value for name, _, value in (word.partition("=") for word in text.split())}


def comes_first(key: str) -> bool:
    """Whether it is recorded before anything is changed: what is half done already counts as what the cluster has."""
    return key in OF_A_NODE or key.startswith("version/") or any(key == one.key for one in FOUNDING)
