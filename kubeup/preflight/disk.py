"""The disks that kubeup's programs, kubelet's data and the runtime's images lie on: room for them, and how mounted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubeup.model.cluster import Cluster, Runtime
from kubeup.model.facts import Disk, Facts
from kubeup.model.facts.disks import KUBELET, STORE
from kubeup.plan.steps import Plan
from kubeup.preflight.problem import PreflightProblem, Subject, problem

DEFAULTS = {"nodefs.available": 10, "imagefs.available": 15}
"""In percent. https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#hard-eviction-thresholds"""
LOWER = 5
PROGRAMS, IMAGES, LOGS = 1_500_000_000, 1_000_000_000, 500_000_000
"""Bytes that a new node wants in kubeup's store, for images, and for what kubelet keeps."""
# kubelet forgets the defaults of all others once one is said: that of memory is said, too.
OTHERWISE = (
    "; or kubelet: {config: {evictionHard: "
    f"{{nodefs.available: {LOWER}%, imagefs.available: {LOWER}%, memory.available: 100Mi}}}}}}"
)


def image_folder(cluster: Cluster, facts: Facts) -> str:
    """Where the runtime that is to run pods keeps images; kubeup's own containerd does so in kubeup's folder."""
    return facts.docker.images if cluster.runtime is Runtime.DOCKER else STORE


def room(s: Subject) -> Iterator[PreflightProblem]:
    """Of a node that is new; one line a disk, with all that it lacks room for."""
    if s.facts.record.exists:
        return
    wanted: dict[str, int] = {}
    lies_there: dict[str, str] = {}
    for folder, size in ((STORE, PROGRAMS), (image_folder(s.cluster, s.facts), IMAGES), (KUBELET, LOGS)):
        mount = s.facts.disk(folder).mount
        wanted[mount] = wanted.get(mount, 0) + size
        lies_there.setdefault(mount, folder)
    for mount, folder in lies_there.items():
        free = s.facts.disk(folder).free
        if mount and free < wanted[mount]:
            yield s.problem(
                "disk-full",
                f"there are {free / 10**9:.1f} GB free on {mount}, and kubeup needs {wanted[mount] / 10**9:g} GB there "
                f"(for {folder})",
                _make_room(mount),
            )


def mounts(s: Subject) -> Iterator[PreflightProblem]:
    for folder, (mount, options) in s.facts.mounted.items():
        where = f"{folder} is" if mount == folder else f"{folder} is on {mount}, which is"
        if "ro" in options:
            yield s.problem(
                "read-only",
                f"{where} mounted read-only",
                f"mount -o remount,rw {mount} on the node; dmesg says whether its disk is failing",
            )
        elif "noexec" in options and folder == STORE:
            yield s.problem(
                "noexec",
                f"{where} mounted noexec: programs that lie there cannot run",
                f"mount -o remount,exec {mount} on the node, and take noexec out of its line in /etc/fstab",
            )


def docker_disk(s: Subject) -> Iterator[PreflightProblem]:
    """cri-dockerd tells kubelet of the disk of Docker's root folder (its core/imagefs_linux.go, 0.4.3)."""
    docker = s.facts.docker
    watched, used = s.facts.disk(docker.root).mount, s.facts.disk(docker.images).mount
    if s.cluster.runtime is Runtime.DOCKER and s.node.is_worker and watched and used and watched != used:
        yield s.problem(
            "docker-disk",
            f"its Docker keeps images in {docker.images} on {used}, and kubelet watches {watched}, on which "
            f"{docker.root} is: when {used} is full, it removes nothing",
            f"put both on one disk; or watch it: df -h {docker.images}",
        )


def pressure(cluster: Cluster, plan: Plan, facts: Mapping[str, Facts]) -> tuple[PreflightProblem, ...]:
    """Nodes whose disks will have less room than kubelet wants. A profile that says its own thresholds knows."""
    override = cluster.override("kubelet")
    if "evictionHard" in override.config or "eviction-hard" in override.flags:
        return ()
    found = []
    for machine, node in zip(cluster.nodes, plan.nodes, strict=True):
        if machine.is_worker and machine.endpoint in facts:
            stored = sum(binary.size for binary in node.binaries)
            found += list(_pressure(cluster, node.node, facts[machine.endpoint], stored))
    return tuple(found)


def _pressure(cluster: Cluster, title: str, about: Facts, stored: int) -> Iterator[PreflightProblem]:
    """stored: bytes that kubeup is about to bring."""
    below: dict[Disk, list[str]] = {}
    for folder, name in ((KUBELET, "nodefs.available"), (image_folder(cluster, about), "imagefs.available")):
        disk = about.disk(folder)
        if disk.size and 100 * _left(about, disk, stored) < DEFAULTS[name] * disk.size:
            below.setdefault(disk, []).append(f"{name} < {DEFAULTS[name]}%")
    for disk, names in below.items():
        free = _left(about, disk, stored)
        yield problem(
            "disk-pressure",
            title,
            f"{disk.mount} will have {free / 10**9:.1f} of {disk.size / 10**9:.1f} GB free "
            f"({100 * free // disk.size} %): kubelet will evict pods and take no new ones",
            _make_room(disk.mount) + (OTHERWISE if 100 * free > LOWER * disk.size else ""),
            (f"kubelet's own thresholds: {', '.join(names)}",),
        )


def _left(about: Facts, disk: Disk, stored: int) -> int:
    return max(0, disk.free - (stored if about.disk(STORE).mount == disk.mount else 0))


def _make_room(mount: str) -> str:
    return f"make room on the node: df -h {mount}; apt-get clean; journalctl --vacuum-size=100M"
