"""Machines that have a Docker of their own, and a cluster that wants something of it."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from kubeup.components import docker_daemon
from kubeup.model.cluster import Cluster, Network, Node, Proxy, Registries, Role
from kubeup.model.facts import DockerFact, Facts, FileFact
from kubeup.model.resources import sha256

DEBIAN = DockerFact(
    version="26.1.5",
    running=True,
    exec_start="/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS",
    environment_files=(f"-{docker_daemon.DEFAULTS}",),
)
CE = replace(DEBIAN, exec_start="/usr/bin/dockerd -H fd://", environment_files=())
NETWORK = Network(
    ipaddress.IPv4Network("172.16.0.0/16"), ipaddress.IPv4Network("100.0.0.0/16"), ipaddress.IPv4Address("100.0.0.2")
)
CLUSTER = Cluster("demo", (Node("n", frozenset({Role.CONTROL_PLANE, Role.WORKER}), "n", "192.168.200.13"),), NETWORK)
PROXY = Proxy("http://u:secret@10.0.0.1:3128", "http://u:secret@10.0.0.1:3128")


def wishing(mirrors: tuple[str, ...] = (), insecure: tuple[str, ...] = (), proxy: Proxy | None = None) -> Cluster:
    registries = Registries({"docker.io": mirrors} if mirrors else {}, insecure)
    return replace(CLUSTER, registries=registries, proxy=proxy or Proxy())


def file(path: str, text: str) -> FileFact:
    return FileFact(path, "file", 0o644, "root:root", len(text), sha256(text.encode()), "", text.encode())


def facts(docker: DockerFact = DEBIAN, daemon: str | None = None, defaults: str | None = None) -> Facts:
    files = {docker_daemon.DAEMON: daemon, docker_daemon.DEFAULTS: defaults}
    return Facts(docker=docker, files={path: file(path, text) for path, text in files.items() if text is not None})
