"""docker: the node's own where it has one, left as it is; absent, upstream's static release with a unit of kubeup's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubeup.components import docker_daemon
from kubeup.components.base import WORKER, Component, Context, Template, sh
from kubeup.model.cluster import Program, Runtime, Value
from kubeup.model.resources import Directory, File, SideEffect
from kubeup.release.artifacts import ReleaseRow

DOCKER = Program("docker", "28.5.2", way_back="patch")
"""The newest that Debian has; upstream maintains 29 alone, on which pods run, too, where it was there already."""
CONTAINERD_STORE = 29
"""The first one to keep images in containerd's store by itself, where an image's id is another one than elsewhere:
https://docs.docker.com/engine/release-notes/29/"""
FOLDER = "/opt/kubeup/docker"
BINARIES = (
    "docker:dockerd",
    "docker:docker",
    "docker:containerd",
    "docker:containerd-shim-runc-v2",
    "docker:ctr",
    "docker:runc",
    "docker:docker-init",
    "docker:docker-proxy",
)
READY = "docker version"


def remove_images(names: Iterable[str]) -> str:
    """Shell that takes images out of a Docker that stays; one that goes takes all of its images along.

    One that is gone already, for kubelet collected it or somebody removed it, is none the worse.
    """
    return f"""\
! systemctl is-active --quiet docker.service || {{
    failed=
    for name in {sh(*dict.fromkeys(names))}; do
        said=$(docker image rm "$name" 2>&1) || case $said in *"No such image"*) ;; *) failed="$failed$said " ;; esac
    done
    [ -z "$failed" ] || {{ echo "$failed" >&2; false; }}
}}"""


def is_ours(context: Context) -> bool:
    """True where Docker is absent, or is the one that kubeup installed."""
    return not context.facts.docker.version or docker_daemon.UNIT_PATH in context.facts.record.owned


def options(context: Context) -> tuple[File, ...]:
    return docker_daemon.merge(context.cluster, context.facts).files


def values(context: Context) -> Mapping[str, Value]:
    major = int(context.cluster.versions.of(DOCKER).partition(".")[0])
    return {"features": ("containerd-snapshotter=false",) if major >= CONTAINERD_STORE else ()}


COMPONENT = Component(
    name="docker",
    roles=WORKER,
    release=ReleaseRow(
        BINARIES,
        DOCKER,
        "download.docker.com/linux/static/stable/{docker_arch}/docker-{v}.tgz",
        member="docker/{plain}",
    ),
    links={
        **{name: f"{FOLDER}/{name.removeprefix('docker:')}" for name in BINARIES},
        "docker:docker": "/usr/local/bin/docker",
    },
    templates=(Template("docker.default", docker_daemon.DEFAULTS),),
    values=values,
    files=options,
    asks=lambda _: docker_daemon.ASKED,
    reads=("/etc/default/docker",),
    reloads=docker_daemon.RELOADED,
    directories=(Directory("/var/lib/docker", 0o710, owned_recursively=True),),
    side_effects=(
        SideEffect("link", "docker0"),
        SideEffect("apparmor", "docker-default"),
        SideEffect("shims", "/run/docker/containerd/daemon"),
        SideEffect("tree", "/run/docker"),
        SideEffect("folder", "/run/containerd/s"),
        SideEffect("folder", "/run/containerd"),
        SideEffect("chain-prefix", "DOCKER"),
        # dockerd sets FORWARD to drop where it switches forwarding on by itself.
        SideEffect("link-rules", "docker0"),
        SideEffect("forward-policy", "filter", "DROP"),
    ),
    ready=lambda _: READY,
    when=is_ours,
    runtime=Runtime.DOCKER,
)
ADOPTED = Component(
    name="docker-adopted",
    unit_name="docker",
    roles=WORKER,
    files=options,
    asks=lambda _: docker_daemon.ASKED,
    reloads=docker_daemon.RELOADED,
    ready=lambda _: READY,
    when=lambda context: not is_ours(context),
    preexisting=True,
    runtime=Runtime.DOCKER,
)
COMPONENTS = (COMPONENT, ADOPTED)
