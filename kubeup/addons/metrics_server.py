"""metrics-server: what nodes and pods use, for ``kubectl top`` and autoscalers, through the API's aggregation layer."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.addons.base import Addon, AddonImage, Condition
from kubeup.model.cluster import Cluster, Program, Value

METRICS_SERVER = Program("metrics_server", "0.9.0")
IMAGE = AddonImage("metrics-server", "registry.k8s.io/metrics-server/metrics-server", METRICS_SERVER, "metrics-server")


def values(cluster: Cluster) -> Mapping[str, Value]:
    return {"host_network": not all(master.is_worker for master in cluster.control_plane)}


ADDON = Addon(
    name="metrics-server",
    summary="CPU and memory of nodes and pods",
    runs="metrics-server",
    images=(IMAGE,),
    values=values,
    known_as=("metrics", "heapster"),
    hint=lambda _: "kubectl top nodes",
    # Its pods are ready a moment before the API server passes questions on to them.
    awaits=(Condition("apiservices/v1beta1.metrics.k8s.io", "Available"),),
)
