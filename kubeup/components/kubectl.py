"""kubectl: everywhere for kubeup's own checks; on the control plane on PATH, too, with a kubeconfig that root reads."""

from __future__ import annotations

from kubeup.components.base import CONTROL_PLANE, WORKER, Component
from kubeup.release.catalog import kubernetes_binary

RELEASE = kubernetes_binary("kubectl")
TOOL = Component(name="kubectl", roles=CONTROL_PLANE | WORKER, release=RELEASE, has_unit=False)
COMPONENT = Component(
    name="kubectl-on-path",
    roles=CONTROL_PLANE,
    release=RELEASE,
    links={"kubectl": "/usr/local/bin/kubectl"},
    has_unit=False,
)
