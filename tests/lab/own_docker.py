"""A Docker of the node's own, with options and a container at work."""

from __future__ import annotations

import base64

from kubeup.components.pause import PAUSE
from kubeup.release.artifacts import ArtifactRef
from kubeup.sources.cache import cache_root, path_of
from kubeup.sources.golang import machine_arch
from tests.lab.conftest import Cluster

NAME = f"registry.k8s.io/pause:{PAUSE.version}"


SEEN = """
docker inspect -f '{{.Name}} {{.State.Pid}} {{.RestartCount}}' mine
systemctl show -p MainPID -p ActiveEnterTimestamp docker containerd
stat -c '%n %i' /run/nri/nri.sock
pgrep -af 'shim.* -namespace [m]oby' | sort
sha256sum /etc/default/docker /etc/docker/daemon.json
docker ps --format '{{.Names}}'
docker network ls --format '{{.Name}}' | sort
"""


def start_container(cluster: Cluster, node: str = "node4") -> str:
    """A node gets a Docker with options of its own and a container at work; what it looks like."""
    archive = path_of(cache_root(), ArtifactRef("pause", PAUSE.version, machine_arch())).read_bytes()
    cluster.on(node, 'mkdir -p /etc/docker; echo \'{"log-level": "warn"}\' >/etc/docker/daemon.json')
    cluster.on(node, "echo 'DOCKER_OPTS=\"--registry-mirror=http://mirror.example:5000\"' >/etc/default/docker")
    cluster.on(node, "systemctl start docker", limit=120)
    script = f"base64 -d <<'END' | docker load\n{base64.encodebytes(archive).decode()}END\n"
    loaded = cluster.feed(node, script)
    assert NAME in loaded, loaded
    started = cluster.on(node, f"docker run -d --name mine --network none {NAME}")
    found = cluster.on(node, SEEN)
    assert "/mine" in found, started
    return found
