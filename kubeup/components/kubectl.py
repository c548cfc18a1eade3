"""kubectl: on PATH on the control plane, with a kubeconfig that root reads; everywhere for kubeup's own checks."""

from __future__ import annotations

from kubeup.components.base import CONTROL_PLANE, WORKER, Component
from kubeup.release.catalog import kubernetes_binary

RELEASE = kubernetes_binary("kubectl")
TOOL = Component(name="kubectl", role=WORKER, release=RELEASE, has_unit=False)
COMPONENT = Component(
    name="kubectl-on-path",
    role=CONTROL_PLANE,
    release=RELEASE,
    links={"kubectl": "/usr/local/bin/kubectl"},
    has_unit=False,
)
MASTER_TOOL = Component(name="kubectl-master", role=CONTROL_PLANE, release=RELEASE, has_unit=False)
