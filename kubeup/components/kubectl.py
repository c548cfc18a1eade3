"""kubectl: on PATH on masters, with a kubeconfig that root reads; on every machine for kubeup's own checks."""

from __future__ import annotations

from kubeup.components.base import MASTER, NODE, Component

TOOL = Component(name="kubectl", role=NODE, binaries=("kubectl",), has_unit=False)
COMPONENT = Component(
    name="kubectl-on-path",
    role=MASTER,
    binaries=("kubectl",),
    links={"kubectl": "/usr/local/bin/kubectl"},
    has_unit=False,
)
MASTER_TOOL = Component(name="kubectl-master", role=MASTER, binaries=("kubectl",), has_unit=False)
