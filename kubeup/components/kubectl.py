"""kubectl: on PATH on the control plane, with a kubeconfig that root reads; everywhere for kubeup's own checks."""

from __future__ import annotations

from kubeup.components.base import CONTROL_PLANE, WORKER, Component

TOOL = Component(name="kubectl", role=WORKER, binaries=("kubectl",), has_unit=False)
COMPONENT = Component(
    name="kubectl-on-path",
    role=CONTROL_PLANE,
    binaries=("kubectl",),
    links={"kubectl": "/usr/local/bin/kubectl"},
    has_unit=False,
)
MASTER_TOOL = Component(name="kubectl-master", role=CONTROL_PLANE, binaries=("kubectl",), has_unit=False)
