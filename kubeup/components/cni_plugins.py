"""The CNI plug-ins that flannel's configuration names; whichever runtime there is runs them for every pod."""

from __future__ import annotations

from kubeup.components.base import WORKER, Component
from kubeup.model.cluster import Program
from kubeup.model.resources import SideEffect
from kubeup.release.artifacts import ReleaseRow
from kubeup.release.catalog import GITHUB

CNI_PLUGINS = Program("cni_plugins", "1.9.1")
PLUGINS = ("bridge", "host-local", "loopback", "portmap")
ARCHIVE = GITHUB + "/containernetworking/plugins/releases/download/v{v}/cni-plugins-linux-{arch}-v{v}.tgz"
CNI_TRACES = (
    SideEffect("netns-prefix", "cni-"),
    SideEffect("cni", "kubeup"),
    SideEffect("folder", "/var/lib/cni/results"),
    SideEffect("folder", "/var/lib/cni/networks"),
    SideEffect("folder", "/var/lib/cni"),
    SideEffect("folder", "/run/netns"),
    SideEffect("link", "cni0"),
)
"""What pods' networks leave; kubeup is the network's name in templates/flannel-cni."""
COMPONENT = Component(
    name="cni-plugins",
    roles=WORKER,
    release=ReleaseRow(
        PLUGINS,
        CNI_PLUGINS,
        ARCHIVE,
        sums=f"{ARCHIVE}.sha256",
        member="./{name}",
        module="cni-plugins",
    ),
    links={name: f"/opt/kubeup/cni/{name}" for name in PLUGINS},
    has_unit=False,
)
