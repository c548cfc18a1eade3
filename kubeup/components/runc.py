"""runc: starts the containers of kubeup's containerd. A Docker brings its own."""

from __future__ import annotations

from kubeup.components.base import WORKER, Component
from kubeup.model.cluster import Program, Runtime
from kubeup.release.artifacts import ReleaseRow
from kubeup.release.catalog import GITHUB

RUNC = Program("runc", "1.5.2")
COMPONENT = Component(
    name="runc",
    roles=WORKER,
    release=ReleaseRow(
        ("runc",),
        RUNC,
        GITHUB + "/opencontainers/runc/releases/download/v{v}/runc.{arch}",
        sums=GITHUB + "/opencontainers/runc/releases/download/v{v}/runc.sha256sum",
        module="runc",
    ),
    runtime=Runtime.CONTAINERD,
    has_unit=False,
)
