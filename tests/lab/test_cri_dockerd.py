"""`runtime: docker` with a real cri-dockerd, on Docker that was there: pods work, and afterwards nothing differs.

cri-dockerd is in none of the registries; these tests run where one lies in the release cache.
"""

from __future__ import annotations

import pytest

from kubeup.components.cri_dockerd import CRI_DOCKERD
from kubeup.node.agent import snapshot
from kubeup.release.artifacts import ArtifactRef
from kubeup.sources.cache import cache_root, path_of
from kubeup.sources.golang import machine_arch
from tests.lab.conftest import Cluster
from tests.lab.own_docker import SEEN, start_container
from tests.lab.snapshots import differences, look
from tests.support.polling import settle

REAL = path_of(cache_root(), ArtifactRef("cri-dockerd", CRI_DOCKERD.version, machine_arch()))
pytestmark = [
    pytest.mark.parametrize("cluster", ["debian"], indirect=True),
    pytest.mark.skipif(not REAL.exists(), reason="no cri-dockerd lies in the release cache, and no registry has one"),
]
FORWARDED = """
export KUBECONFIG=/etc/kubernetes/admin.conf
kubectl -n kube-system port-forward deployment/coredns 19153:9153 >/dev/null 2>&1 &
for _ in $(seq 50); do
    curl -fsS --max-time 2 http://127.0.0.1:19153/metrics 2>/dev/null | grep -m 1 -o coredns_build_info && break
    sleep 0.2
done
kill $!
"""


@pytest.fixture(scope="module")
def docker(cluster: Cluster) -> str:
    """Both nodes have a Docker at work; node4's has a container of its own."""
    cluster.on("node3", "systemctl start docker", limit=120)
    cluster.profile(runtime="docker", addons="[dns]")
    return start_container(cluster)


@pytest.fixture(scope="module")
def before(cluster: Cluster, docker: str) -> list[snapshot.Things]:
    return [look(cluster, node) for node in (0, 1)]


def test_pods_are_containers_of_docker(cluster: Cluster, docker: str, before: list[snapshot.Things]) -> None:
    done = cluster.kubeup("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Cluster validation succeeded" in done.stdout
    assert "logs of containers grow without end" in done.stderr
    assert cluster.kubectl("get nodes -o wide").count("docker://") == 2
    running = cluster.on("node3", "docker ps --format '{{.Names}}'") + cluster.on(
        "node4", "docker ps --format '{{.Names}}'"
    )
    assert "k8s_coredns_coredns" in running
    assert cluster.on("node4", SEEN).split("docker network")[0].startswith(docker.split("\n")[0])
    assert cluster.json("up")["changed"] is False


def test_a_port_is_forwarded_where_socat_is(cluster: Cluster) -> None:
    """cri-dockerd runs the node's own socat for it."""
    if not cluster.on("node3", "command -v socat"):
        assert "coredns" not in cluster.on("node3", FORWARDED)
        return
    assert "coredns_build_info" in cluster.on("node3", FORWARDED)


def test_docker_keeps_the_images_of_addons_where_none_of_their_pods_is(cluster: Cluster) -> None:
    """kubelet's garbage collection does the same as `docker image rm`, without force."""
    (image,) = cluster.on("node3", "docker images --format '{{.Repository}}:{{.Tag}}' | grep coredns").split()
    cluster.kubectl("-n kube-system scale deployment coredns --replicas=0")
    cluster.kubectl("-n kube-system wait --for=delete pod -l k8s-app=kube-dns --timeout=60s")
    remove = f"docker image rm {image} 2>&1 || true"
    # kubelet may still have the container of a pod that ended.
    gone = "! docker ps -a --format '{{.Names}}' | grep k8s_coredns_ || "
    gone += "docker rm -f $(docker ps -aq --filter name=k8s_coredns_)"
    cluster.on("node4", gone)
    assert "is using its referenced image" in cluster.on("node4", remove)
    cluster.on("node4", "docker rm kubeup-image-coredns")
    assert cluster.json("up", "--no-validate")["changed"] is True
    assert "is using its referenced image" in cluster.on("node4", remove)
    cluster.kubectl("-n kube-system scale deployment coredns --replicas=2")
    cluster.kubectl("-n kube-system rollout status deployment coredns --timeout=60s")


def test_nobody_else_on_the_network_reaches_its_exec_server(cluster: Cluster) -> None:
    """It asks for no certificate."""
    listening = cluster.on("node3", "ss -Hltnp | grep cri-dockerd")
    assert listening
    assert all(line.split()[3].startswith("127.0.0.1:") for line in listening.strip().split("\n")), listening


def test_down_leaves_no_difference(cluster: Cluster, docker: str, before: list[snapshot.Things]) -> None:
    done = cluster.kubeup("down", "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "could not be undone" not in done.stderr
    settle(lambda: not cluster.on("node4", "pgrep cri-dockerd"), 10, "cri-dockerd to be gone")
    for node in (0, 1):
        assert differences(before[node], look(cluster, node)) == ""
    assert cluster.on("node4", SEEN) == docker
