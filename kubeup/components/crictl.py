"""crictl: looks into the container runtime, for people; used where it can be had."""

from __future__ import annotations

from kubeup.components.base import WORKER, Component, Template
from kubeup.model.cluster import Program
from kubeup.release.artifacts import ReleaseRow
from kubeup.release.catalog import GITHUB

CRICTL = Program("crictl", "1.37.0")
ARCHIVE = GITHUB + "/kubernetes-sigs/cri-tools/releases/download/v{v}/crictl-v{v}-linux-{arch}.tar.gz"
COMPONENT = Component(
    name="crictl",
    roles=WORKER,
    release=ReleaseRow(
        ("crictl",),
        CRICTL,
        ARCHIVE,
        sums=f"{ARCHIVE}.sha256",
        member="crictl",
        optional=True,
    ),
    links={"crictl": "/usr/local/bin/crictl"},
    templates=(Template("crictl.yaml", "/etc/crictl.yaml"),),
    has_unit=False,
)
