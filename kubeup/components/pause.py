"""pause: the sandbox image that holds a pod's namespaces; the container runtimes load it and are configured with it."""

from __future__ import annotations

from kubeup.components.base import WORKER, Component
from kubeup.model.cluster import Cluster, Program
from kubeup.release import catalog

UPSTREAM = "registry.k8s.io"
PAUSE = Program("pause", "3.10.2")
COMPONENT = Component(
    name="pause",
    roles=WORKER,
    release=catalog.image("pause", PAUSE, f"{UPSTREAM}/pause", "{v}", "pause"),
    links={"pause": ""},
    has_unit=False,
)


def name(cluster: Cluster) -> str:
    """REPOSITORY:TAG, as the runtime is configured with it."""
    return f"{cluster.image_repository or UPSTREAM}/pause:{cluster.versions.of(PAUSE)}"


def upstream(cluster: Cluster) -> str:
    """REPOSITORY:TAG, as it is in the archive, which has upstream's name."""
    return f"{UPSTREAM}/pause:{cluster.versions.of(PAUSE)}"
