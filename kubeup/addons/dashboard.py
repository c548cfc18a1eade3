"""dashboard: the cluster in a browser, by Headlamp."""

from __future__ import annotations

from kubeup.addons.base import Addon, AddonImage
from kubeup.model.cluster import Cluster, Program

HEADLAMP = Program("headlamp", "0.45.0")
IMAGE = AddonImage("headlamp", "ghcr.io/headlamp-k8s/headlamp", HEADLAMP)


def hint(_: Cluster) -> str:
    token = "kubectl -n kube-system create token headlamp-admin --duration=1h"
    return f"{token} && kubectl -n kube-system port-forward service/headlamp 8080:80   # then http://localhost:8080"


ADDON = Addon(
    name="dashboard",
    summary="the cluster in a browser",
    runs="Headlamp",
    images=(IMAGE,),
    known_as=("headlamp", "kubernetes-dashboard"),
    # https://github.com/kubernetes-retired/dashboard
    remark="Headlamp: the Kubernetes dashboard is archived upstream",
    hint=hint,
)
