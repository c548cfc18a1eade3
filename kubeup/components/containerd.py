"""containerd: an instance of kubeup's own, beside whatever the node runs: root, state, socket and NRI are all its own,
for a second containerd on the same root takes the first one's database lock."""

from __future__ import annotations

from kubeup.components import registries
from kubeup.components.base import CNI_PLUGINS, CNI_TRACES, UPSTREAM, WORKER, Component, Context, Template, pause_name
from kubeup.model.cluster import Runtime
from kubeup.model.resources import Action, Directory, SideEffect

STATE = "/run/kube-containerd"
ROOT = "/var/lib/kubeup/containerd"
SOCKET = f"{STATE}/containerd.sock"
CTR = f"/opt/kubeup/bin/ctr --address={SOCKET} --namespace=k8s.io"
CONFIG = "/etc/kubeup/containerd.toml"


def actions(context: Context) -> tuple[Action, ...]:
    name = pause_name(context)
    return (
        Action(
            id="pause-image",
            title="pause image",
            component="containerd",
            check=f"{CTR} images ls -q name=={name} | grep -q .",
            apply=f"{CTR} images import {context.store.get('pause', '')}{_tagged(context, name)}",
        ),
    )


def _tagged(context: Context, name: str) -> str:
    """The archive has upstream's name; a profile's image_repository gives it another one."""
    upstream = f"{UPSTREAM}/pause:{context.cluster.versions.pause}"
    return "" if name == upstream else f" && {CTR} images tag --force {upstream} {name}"


COMPONENT = Component(
    name="containerd",
    unit_name="kube-containerd",
    role=WORKER,
    version="containerd",
    binaries=("containerd", "containerd-shim-runc-v2", "ctr"),
    templates=(
        Template("kube-containerd.service", "/etc/systemd/system/kube-containerd.service", unit=True),
        Template("kube-containerd.toml", CONFIG),
    ),
    reads=(CONFIG,),
    files=registries.containerd_files,
    actions=actions,
    directories=(Directory(ROOT, 0o711, owned_recursively=True),),
    side_effects=(
        SideEffect("processes", "/var/lib/kubeup/store"),
        SideEffect("mounts", STATE),
        SideEffect("mounts", ROOT),
        SideEffect("apparmor", "cri-containerd.apparmor.d"),
        # Its shims keep their sockets and notes where Docker's keep theirs, state and root of its own or not.
        SideEffect("shims", STATE),
        SideEffect("tree", STATE),
        SideEffect("folder", "/run/containerd/runc/k8s.io"),
        SideEffect("folder", "/run/containerd/runc"),
        SideEffect("folder", "/run/containerd/s"),
        SideEffect("folder", "/run/containerd"),
        *CNI_TRACES,
    ),
    # It runs on without the part that kubelet needs, e.g. where the machine is out of inotify instances.
    ready=lambda _: f"{CTR} plugins ls | grep -Eq '^io[.]containerd[.]grpc[.]v1 +cri .* ok *$'",
    runtime=Runtime.CONTAINERD,
)
RUNC = Component(
    name="runc", role=WORKER, version="runc", binaries=("runc",), runtime=Runtime.CONTAINERD, has_unit=False
)
CNI = Component(
    name="cni-plugins",
    role=WORKER,
    version="cni_plugins",
    binaries=CNI_PLUGINS,
    links={name: f"/opt/kubeup/cni/{name}" for name in CNI_PLUGINS},
    has_unit=False,
)
CRICTL = Component(
    name="crictl",
    role=WORKER,
    version="crictl",
    binaries=("crictl",),
    links={"crictl": "/usr/local/bin/crictl"},
    templates=(Template("crictl.yaml", "/etc/crictl.yaml"),),
    has_unit=False,
)
PAUSE = Component(name="pause", role=WORKER, version="pause", binaries=("pause",), links={"pause": ""}, has_unit=False)
