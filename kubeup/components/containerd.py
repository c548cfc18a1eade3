"""containerd: an instance of kubeup's own, beside whatever the node runs: root, state, socket and NRI are all its own,
for a second containerd on the same root takes the first one's database lock."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.components import pause, registries
from kubeup.components.base import WORKER, Component, Context, Template, sh
from kubeup.components.cni_plugins import CNI_TRACES
from kubeup.model.cluster import Program, Runtime, Value
from kubeup.model.resources import Action, Directory, SideEffect
from kubeup.release.artifacts import ReleaseRow
from kubeup.release.catalog import GITHUB

CONTAINERD = Program("containerd", "2.4.2", way_back="patch")
STATE = "/run/kube-containerd"
ROOT = "/var/lib/kubeup/containerd"
SOCKET = f"{STATE}/containerd.sock"
CTR = f"/opt/kubeup/bin/ctr --address={SOCKET} --namespace=k8s.io"
CONFIG = "/etc/kubeup/containerd.toml"
ARCHIVE = GITHUB + "/containerd/containerd/releases/download/v{v}/containerd-static-{v}-linux-{arch}"


def values(context: Context) -> Mapping[str, Value]:
    return {"pause": pause.name(context.cluster)}


def has_image(name: str) -> str:
    """Shell that succeeds where this containerd has an image of that name."""
    return f"{CTR} images ls -q {sh(f'name=={name}')} | grep -q ."


def actions(context: Context) -> tuple[Action, ...]:
    name = pause.name(context.cluster)
    return (
        Action(
            id="pause-image",
            title="pause image",
            component="containerd",
            check=has_image(name),
            apply=f"{CTR} images import {context.store.get('pause', '')}{_tagged(context, name)}",
        ),
    )


def _tagged(context: Context, name: str) -> str:
    """The archive has upstream's name; a profile's image_repository gives it another one."""
    upstream = pause.upstream(context.cluster)
    return "" if name == upstream else f" && {CTR} images tag --force {sh(upstream, name)}"


COMPONENT = Component(
    name="containerd",
    unit_name="kube-containerd",
    roles=WORKER,
    release=ReleaseRow(
        ("containerd", "containerd-shim-runc-v2", "ctr"),
        CONTAINERD,
        f"{ARCHIVE}.tar.gz",
        sums=f"{ARCHIVE}.tar.gz.sha256sum",
        member="bin/{name}",
        module="containerd",
    ),
    templates=(Template("kube-containerd.toml", CONFIG),),
    reads=(CONFIG,),
    files=registries.containerd_files,
    asks=lambda _: (registries.PROXY,),
    values=values,
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
