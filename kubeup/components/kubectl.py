"""kubectl: everywhere for kubeup's own checks; on the control plane on PATH, too, where root's knows the cluster."""

from __future__ import annotations

from kubeup.components.base import CONTROL_PLANE, WORKER, Component, Template
from kubeup.release.catalog import kubernetes_binary

RELEASE = kubernetes_binary("kubectl")
TOOL = Component(name="kubectl", roles=CONTROL_PLANE | WORKER, release=RELEASE, has_unit=False)
COMPONENT = Component(
    name="kubectl-on-path",
    roles=CONTROL_PLANE,
    templates=(Template("kubectl", "/usr/local/bin/kubectl", mode=0o755),),
    has_unit=False,
)
COMPONENTS = (TOOL, COMPONENT)
