"""The node's own Docker."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class DockerFact:
    """The node's own Docker. version empty: none. source: apt, snap or other. root: where its data lies.

    images: where its images lie: containerd's folder, where it keeps them in containerd's way (its default from 29 on,
    https://docs.docker.com/engine/storage/containerd/), else below root.

    exec_start, environment, environment_files: what its unit and drop-ins say, kubeup's own drop-in left out: the
    command line, NAME=VALUE lines (which may hold a password), and files with a leading "-" where they may be absent.
    """

    version: str = ""
    running: bool = False
    source: str = ""
    cgroup_driver: str = ""
    containers: tuple[str, ...] = ()
    exec_start: str = ""
    environment: tuple[str, ...] = ()
    environment_files: tuple[str, ...] = ()
    root: str = "/var/lib/docker"
    images: str = "/var/lib/docker"


@dataclass(frozen=True)
class DockerFacts:
    docker: DockerFact = field(default_factory=DockerFact)


def parse(answer: Answer) -> DockerFacts:
    version, cgroup_driver, root, status = (*answer.text("docker_info").split(" ", 3), "", "", "", "")[:4]
    root = root or DockerFact.root
    version = version or answer.match("dockerd_version", r"^Docker version ([0-9.]*)")
    return DockerFacts(
        DockerFact(
            version=version,
            running=bool(answer.text("docker_running")),
            source=answer.text("docker_source") or ("other" if version else ""),
            cgroup_driver=cgroup_driver,
            containers=answer.texts("docker_container"),
            exec_start="".join(_settings(answer, "ExecStart")[-1:]),
            environment=_settings(answer, "Environment"),
            environment_files=_settings(answer, "EnvironmentFile"),
            root=root,
            images="/var/lib/containerd" if "io.containerd.snapshotter" in status else root,
        )
    )


def _settings(answer: Answer, name: str) -> tuple[str, ...]:
    """A setting of Docker's unit as systemd takes it together: an empty one takes back what was said before."""
    said: list[str] = []
    for line in answer.texts("docker_unit"):
        setting, _, value = (part.strip() for part in line.partition("="))
        if setting == name:
            said = [*said, value] if value else []
    return tuple(said)
