"""cri-dockerd: stands between kubelet and Docker; pods are on a CNI bridge, so Docker's own network stays as it is."""

from __future__ import annotations

from kubeup.components import pause
from kubeup.components.base import WORKER, Component, Context, Flags, sh
from kubeup.components.cni_plugins import CNI_TRACES
from kubeup.components.docker import remove_images
from kubeup.components.settings import EXITS, NOTHING, Settings, owned
from kubeup.model.cluster import Program, Runtime
from kubeup.model.resources import Action, SideEffect
from kubeup.release.artifacts import ReleaseRow
from kubeup.release.catalog import GITHUB

CRI_DOCKERD = Program("cri_dockerd", "0.4.3")
SOCKET = "/run/cri-dockerd.sock"
STATE = "/var/lib/cri-dockerd"


def flags(context: Context) -> Flags:
    return {
        "cni-bin-dir": "/opt/kubeup/cni",
        # What libcni notes of pods' networks: by default among that of other programs, without a name to know it by.
        "cni-cache-dir": f"{STATE}/cni",
        "cni-conf-dir": "/etc/kubeup/cni/net.d",
        "container-runtime-endpoint": f"unix://{SOCKET}",
        "network-plugin": "cni",
        "pod-infra-container-image": pause.name(context.cluster),
        # kubelet alone asks it for exec, logs and port-forward, without TLS: nobody else on the network is to.
        "streaming-bind-addr": "127.0.0.1",
    }


def actions(context: Context) -> tuple[Action, ...]:
    name, upstream = pause.name(context.cluster), pause.upstream(context.cluster)
    return (
        Action(
            id="pause-image",
            asked_as="pause-image in Docker",
            title="pause image",
            component="cri-dockerd",
            check=f"docker image inspect {sh(name)}",
            apply=f"docker load -i {context.store.get('pause', '')} && docker tag {sh(upstream, name)}",
            undo=remove_images((name, upstream)),
        ),
    )


SETTINGS = Settings(
    flags={
        **owned(
            NOTHING,
            "cni-bin-dir",
            "cni-cache-dir",
            "cni-conf-dir",
            "container-runtime-endpoint",
            "cri-dockerd-root-directory",
            "docker-endpoint",
            "network-plugin",
            "pod-cidr",
        ),
        **owned("say `image_repository:`, or `versions: {pause: ...}`", "pod-infra-container-image"),
        **owned(
            NOTHING,
            "streaming-bind-addr",
            why="who reaches it runs commands in pods, without a password",
        ),
        **owned("take it out", "buildinfo", why=EXITS),
    },
)
COMPONENT = Component(
    name="cri-dockerd",
    roles=WORKER,
    release=ReleaseRow(
        ("cri-dockerd",),
        CRI_DOCKERD,
        GITHUB + "/Mirantis/cri-dockerd/releases/download/v{v}/cri-dockerd-{v}.{arch}.tgz",
        member="cri-dockerd/cri-dockerd",
    ),
    after=("docker", "docker-adopted"),
    flags=flags,
    settings=SETTINGS,
    actions=actions,
    side_effects=(
        SideEffect("docker-pods", "io.kubernetes.pod.uid"),
        SideEffect("tree", STATE),
        SideEffect("tree", SOCKET),
        # Docker's containerd makes these with its first container, and again when they are gone.
        SideEffect("folder", "/run/containerd/io.containerd.runtime.v2.task/moby"),
        SideEffect("folder", "/run/containerd/s"),
        *CNI_TRACES,
    ),
    ready=lambda _: f"test -S {SOCKET}",
    runtime=Runtime.DOCKER,
)
