"""Docker 29 at work on both nodes: it keeps images in containerd's way, and kubeup leaves it as it is all the same."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from kubeup.components.cri_dockerd import CRI_DOCKERD
from kubeup.node.agent import snapshot
from kubeup.release.artifacts import ArtifactRef
from kubeup.sources.cache import cache_root, path_of
from kubeup.sources.golang import machine_arch
from tests.lab import docker_29
from tests.lab.conftest import Cluster, kubelet
from tests.lab.own_docker import SEEN, start_container
from tests.lab.snapshots import differences, look
from tests.support import archives
from tests.support.archives import Made, layer
from tests.support.polling import settle

# Building Docker's engine takes minutes, and the registries lack cri-dockerd.
pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(3600),
    pytest.mark.parametrize("cluster", ["debian"], indirect=True),
]
REAL = path_of(cache_root(), ArtifactRef("cri-dockerd", CRI_DOCKERD.version, machine_arch()))
needs_cri_dockerd = pytest.mark.skipif(
    not REAL.exists(), reason="no cri-dockerd lies in the release cache, and no registry has one"
)
NODES = ("node3", "node4")
# kubelet collects images every five minutes (pkg/kubelet/kubelet.go, ImageGCPeriod).
COLLECTED_SECONDS = 420


@pytest.fixture(scope="module")
def docker(cluster: Cluster) -> str:
    """Both nodes have a Docker 29 at work; node4's has a container of its own. What that looks like."""
    cluster.profile()
    for node in NODES:
        said = docker_29.install(cluster, node)
        assert said.startswith(f"{docker_29.VERSION} [[driver-type io.containerd.snapshotter.v1]]"), said
    return start_container(cluster)


@pytest.fixture(scope="module")
def before(cluster: Cluster, docker: str) -> list[snapshot.Things]:
    return [look(cluster, node) for node in (0, 1)]


def down_without_a_difference(cluster: Cluster, docker: str, before: list[snapshot.Things]) -> None:
    done = cluster.kubeup("down", "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "could not be undone" not in done.stderr
    settle(lambda: not cluster.on("node4", "pgrep cri-dockerd"), 10, "cri-dockerd to be gone")
    for node in (0, 1):
        assert differences(before[node], look(cluster, node)) == ""
    assert cluster.on("node4", SEEN) == docker


def test_containerd_runs_beside_it(cluster: Cluster, docker: str, before: list[snapshot.Things]) -> None:
    done = cluster.kubeup("up")
    assert "Cluster validation succeeded" in done.stdout, done.stdout + done.stderr
    assert cluster.kubectl("get nodes -o wide").count("containerd://") == 2
    assert cluster.on("node4", SEEN) == docker
    down_without_a_difference(cluster, docker, before)


@needs_cri_dockerd
def test_where_the_profile_leaves_it_open_pods_run_on_it_and_a_second_up_has_nothing_to_do(
    cluster: Cluster, docker: str, before: list[snapshot.Things]
) -> None:
    # An image that nobody used for a minute is collected: what one disk of a whole machine's can show.
    path = cluster.profile(addons="[dns]", kubelet=kubelet("imageMinimumGCAge: 30s", "imageMaximumGCAge: 1m"))
    path.write_text(path.read_text().replace("runtime: containerd\n", ""))
    done = cluster.kubeup("up")
    assert "Cluster validation succeeded" in done.stdout, done.stdout + done.stderr
    assert "container runtime: docker (the profile leaves the choice to kubeup" in done.stderr
    assert cluster.kubectl("get nodes -o wide").count(f"docker://{docker_29.VERSION}") == 2
    assert cluster.json("up")["changed"] is False
    shown = cluster.kubeup("images", "check")
    assert "All 2 images are on every node, the same ones." in shown.stdout, shown.stdout + shown.stderr


@needs_cri_dockerd
def test_kubelet_counts_the_disk_that_its_images_lie_on(cluster: Cluster) -> None:
    stats = json.loads(cluster.kubectl("get --raw /api/v1/nodes/node4/proxy/stats/summary"))
    images = stats["node"]["runtime"]["imageFs"]
    size = int(cluster.on("node4", "df -B1 --output=size /var/lib/containerd | tail -n 1"))
    held = cluster.on("node4", "docker system df --format '{{.Type}} {{.Size}}' | sed -n 's/^Images //p'")
    megabytes = float(held.strip().removesuffix("MB"))
    assert images["capacityBytes"] == size
    assert images["usedBytes"] / 1e6 == pytest.approx(megabytes, rel=0.02)


@needs_cri_dockerd
def test_images_are_pushed_and_a_layer_travels_once(cluster: Cluster) -> None:
    base = layer("base", 5_000_000)
    own, app = (Made(f"lab.example/{name}:1", (base, layer(name))) for name in ("own", "app"))
    archive = cluster.home / "archive.tar"

    def sent(*images: Made) -> list[int]:
        archive.write_bytes(archives.docker(*images))
        found: Any = cluster.json("images", "push", str(archive))
        return [node["bytes"] for node in found["nodes"]]

    assert [5_000_000 < size < 5_200_000 for size in sent(own)] == [True, True]
    assert [0 < size < 100_000 for size in sent(own, app)] == [True, True]
    assert sent(own, app) == [0, 0]
    for node in NODES:
        packed = f"docker create --name whole {app.name} x >/dev/null; docker export whole | tar -t; docker rm whole"
        assert {"base", "app"} <= set(cluster.on(node, packed).split())


@needs_cri_dockerd
def test_what_nobody_uses_is_collected_and_what_pods_run_on_stays(cluster: Cluster) -> None:
    names = "docker image ls --format '{{.Repository}}'"
    assert "lab.example/app" in cluster.on("node4", names)
    settle(lambda: "lab.example/app" not in cluster.on("node4", names), COLLECTED_SECONDS, "kubelet to collect")
    assert {"registry.k8s.io/coredns/coredns", "registry.k8s.io/pause"} <= set(cluster.on("node4", names).split())
    assert re.search(r"^/mine \d+ 0$", cluster.on("node4", SEEN), re.MULTILINE)


@needs_cri_dockerd
def test_down_leaves_no_difference(cluster: Cluster, docker: str, before: list[snapshot.Things]) -> None:
    """Images that kubelet has collected are among what is undone; the helper asserts."""
    down_without_a_difference(cluster, docker, before)
