"""The machine's own Docker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.version import Version

from kubeup.components import docker_daemon
from kubeup.model.cluster import Cluster, Runtime
from kubeup.model.facts import Facts
from kubeup.plan.steps import Plan
from kubeup.preflight.problem import PreflightProblem, Subject, problem, version


def docker(s: Subject) -> Iterator[PreflightProblem]:
    if s.cluster.runtime is not Runtime.DOCKER or not s.node.is_worker:
        return
    found = s.facts.docker
    if not s.facts.socat:
        yield s.problem(
            "no-socat", "socat is missing: `kubectl port-forward` needs it on Docker", "apt-get install socat"
        )
    if found.source == "snap":
        yield s.problem(
            "docker-snap",
            "its Docker is a snap, which cri-dockerd cannot use",
            "snap remove docker && apt-get install docker.io; or runtime: containerd",
        )
    elif found.version and version(found.version) < Version("23"):
        yield s.problem(
            "docker-old",
            f"its Docker is {found.version}, and cri-dockerd needs 23 or newer",
            "install a newer Docker; or runtime: containerd",
        )
    elif found.version and docker_daemon.remaps_users(s.facts):
        yield s.problem(
            "docker-userns",
            "its Docker maps users (userns-remap): pods on the host's network cannot run on it",
            f"take userns-remap out of {docker_daemon.DAEMON} or Docker's command line; or runtime: containerd",
        )
    elif docker_daemon.logs_grow(s.facts):
        yield s.problem(
            "docker-log-size",
            "its Docker lets the logs of containers grow without end: kubelet cannot rotate them through cri-dockerd "
            "(cri-dockerd#150), and the disk fills",
            f'"log-opts": {{"max-size": "10m", "max-file": "5"}} in {docker_daemon.DAEMON}, and a restart of it when '
            "its containers may be interrupted; it counts for those made afterwards",
        )


def docker_settings(s: Subject) -> Iterator[PreflightProblem]:
    if s.cluster.runtime is not Runtime.DOCKER or not s.node.is_worker:
        return
    others = sorted(set(s.cluster.registries.mirrors) - {"docker.io"})
    if others:
        yield s.problem(
            "docker-mirrors",
            f"Docker takes mirrors of docker.io only: those of {', '.join(others)} do nothing here",
            "runtime: containerd, or name the mirror in the images' own names (image_repository for kubeup's)",
        )
    for found in docker_daemon.merge(s.cluster, s.facts).conflicts:
        yield s.problem("docker-options", found.message, found.fix, found.evidence, severity=found.severity)


def restarts(cluster: Cluster, plan: Plan, facts: Mapping[str, Facts]) -> tuple[PreflightProblem, ...]:
    """Restarts of a Docker that is the machine's own, while containers of the user's run on it."""
    found = []
    for machine, node in zip(cluster.nodes, plan.nodes, strict=True):
        about = facts.get(machine.endpoint, Facts())
        for start in node.starts:
            if start.unit.preexisting and start.restart and not start.reload and about.docker.containers:
                found.append(
                    problem(
                        "docker-restart",
                        node.node,
                        f"its Docker has to be restarted ({', '.join(start.why)}), and containers run on it",
                        "kubeup up --restart-docker",
                        about.docker.containers,
                    )
                )
    return tuple(found)
