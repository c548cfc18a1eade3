"""`kubeup images` on real nodes without a registry: what is sent, what is not, and what a fault leaves."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kubeup import addons
from kubeup.components.pause import PAUSE
from kubeup.image_store.fetch import own_path
from kubeup.model.cluster import Versions
from kubeup.sources.golang import machine_arch
from tests.lab import registry
from tests.lab.conftest import CTR, Cluster
from tests.lab.fault_point import Point
from tests.lab.faults import Faults
from tests.support import archives
from tests.support.archives import Made, layer

pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)
MB = 1_000_000
BASE = layer("base", 20 * MB)
ONE, TWO, THREE = (Made(f"lab.example/app:{name}", (BASE, layer(f"top-{name}"))) for name in ("1", "2", "3"))
COREDNS = addons.IMAGES["coredns"].reference(Versions())


@pytest.fixture(scope="module")
def running(cluster: Cluster) -> Cluster:
    """Two nodes, and images of the user's in the profile."""
    cluster.profile(images=f"[{ONE.name}, '{COREDNS}']")
    done = cluster.kubeup("up", "--no-validate")
    assert done.returncode == 0, done.stdout + done.stderr
    return cluster


def push(cluster: Cluster, content: bytes, *more: str) -> dict[str, Any]:
    """Push one archive as a file; what came to each node."""
    path = cluster.home / "archive"
    path.write_bytes(content)
    return told(cluster, "push", str(path), *more)


def told(cluster: Cluster, *arguments: str) -> dict[str, Any]:
    found = cluster.json("images", *arguments)
    return {node["name"]: node for node in found["nodes"]}  # type: ignore[attr-defined]


def states(cluster: Cluster) -> dict[str, dict[str, str]]:
    found: Any = cluster.json("images", "list")
    return {image["name"]: image["nodes"] for image in found["images"]}


def ids(cluster: Cluster, node: str) -> str:
    """Names and the digests of configs, as kubelet sees them."""
    return cluster.on(node, f"{CTR} images ls -q; {CTR} content ls -q")


def test_what_is_needed_and_where_each_node_stands(running: Cluster) -> None:
    found = states(running)
    pause = f"registry.k8s.io/pause:{PAUSE.version}"
    assert found[pause] == {"node3": "yes", "node4": "yes"}
    assert found[ONE.name] == {"node3": "missing", "node4": "missing"}
    checked = running.kubeup("images", "check")
    assert checked.returncode == 1
    assert ONE.name in checked.stdout
    assert pause not in checked.stdout


def test_a_layer_travels_once_whatever_archive_it_is_in(running: Cluster) -> None:
    sent = push(running, archives.docker(ONE))
    assert [20 * MB < node["bytes"] < 20.2 * MB for node in sent.values()] == [True, True], sent
    again = push(running, archives.docker(ONE))
    assert [node["bytes"] for node in again.values()] == [0, 0]
    # Another image on the same base, in another format, packed.
    sent = push(running, gzip.compress(archives.oci(TWO), 1))
    assert [node["bytes"] < 0.1 * MB for node in sent.values()] == [True, True], sent
    for node in ("node3", "node4"):
        there = ids(running, node)
        assert ONE.name in there
        assert TWO.name in there
        assert f"sha256:{ONE.id}" in there
        assert f"sha256:{TWO.id}" in there
    # Nothing is kept twice.
    assert archives.sha256(BASE) not in running.on("node3", "find /var/lib/kubeup/store /var/lib/kubeup/incoming")


def test_standard_input_is_an_archive_too(running: Cluster) -> None:
    """Two images out of a pipe, layers packed by whoever wrote it; the second image has no name of its own."""
    base = layer("in-a-pipe", MB)
    archive = archives.oci(Made("lab.example/piped:1", (base, layer("x"))), packed=True, names=["latest"])
    argv = [str(Path(sys.executable).with_name("kubeup")), "images", "push", "-", "--name", "lab.example/piped:1"]
    done = subprocess.run(
        argv, input=archive, env=running.environment(), cwd=running.home, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"1 of 1" in done.stdout
    assert "lab.example/piped:1" in ids(running, "node4")


def test_a_name_that_means_another_image_is_found_and_put_right(running: Cluster) -> None:
    push(running, archives.docker(ONE))
    running.on("node4", f"{CTR} images tag --force {TWO.name} {ONE.name}")
    checked = running.kubeup("images", "check")
    assert checked.returncode == 1
    assert "another" in checked.stdout
    sent = push(running, archives.docker(ONE))
    assert sent["node3"]["images"] == []
    assert sent["node4"]["images"] == [ONE.name]
    assert sent["node4"]["bytes"] < 0.1 * MB
    assert states(running)[ONE.name] == {"node3": "yes", "node4": "yes"}


def test_a_node_whose_runtime_is_stopped_does_not_stop_the_other(running: Cluster) -> None:
    running.on("node4", "systemctl stop kube-containerd")
    path = running.home / "three.tar"
    path.write_bytes(archives.docker(THREE))
    done = running.kubeup("images", "push", str(path))
    assert done.returncode == 1
    assert THREE.name in ids(running, "node3")
    assert "node4: images: its container runtime does not answer" in done.stderr
    assert "kubeup up starts it again" in done.stderr
    assert running.kubeup("up", "--no-validate").returncode == 0
    sent = told(running, "push", str(path))
    assert sent["node3"]["bytes"] == 0
    assert sent["node4"]["images"] == [THREE.name]


def test_a_push_that_is_killed_goes_on_where_it_was(running: Cluster) -> None:
    large = archives.docker(Made("lab.example/large:1", (layer("large", 80 * MB),)))
    path = running.home / "large.tar"
    path.write_bytes(large)
    Faults(running).strike(Point("bytes", "node3", 1, 50 * MB), "kill", "images", "push", str(path))
    arrived = int(running.on("node3", "cat /var/lib/kubeup/incoming/piece/* | wc -c"))
    assert arrived > 20 * MB
    sent = told(running, "push", str(path))
    assert sent["node3"]["bytes"] < 80 * MB - arrived + 0.1 * MB
    assert "lab.example/large:1" in ids(running, "node3")
    assert "lab.example/large:1" in ids(running, "node4")
    assert running.on("node3", "ls /var/lib/kubeup/incoming/piece 2>/dev/null") == ""


def test_pull_brings_what_the_cluster_needs_and_a_pod_runs_it(running: Cluster) -> None:
    push(running, archives.docker(ONE))
    sent = told(running, "pull")
    assert [node["images"] for node in sent.values()] == [[COREDNS], [COREDNS]]
    assert [node["bytes"] for node in told(running, "pull").values()] == [0, 0]
    checked = running.kubeup("images", "check")
    assert checked.returncode == 0, checked.stdout
    assert "images are on every node, the same ones" in checked.stdout
    overrides = json.dumps({"spec": {"nodeName": "node4"}})
    pod = f"run probe --image={COREDNS} --image-pull-policy=Never --restart=Never --overrides='{overrides}' -- -version"
    running.kubectl(pod)
    running.kubectl("wait --for=jsonpath='{.status.phase}'=Succeeded pod/probe --timeout=60s")
    assert "CoreDNS-" in running.kubectl("logs probe")
    running.kubectl("delete pod probe --now")


def test_a_node_pulls_for_all_what_this_machine_cannot(running: Cluster, tmp_path: Path) -> None:
    """The registry listens where only node4 finds it."""
    registry.install(running, "node4", tmp_path)
    registry.serve(running, "node4", 5000)
    image = Made("127.0.0.1:5000/team/app:1", (layer("pulled", MB),))
    registry.push(f"http://{running.addresses[1]}:5000", "team/app", "1", archives.docker(image))
    kept = own_path(image.name, machine_arch())
    kept.unlink(missing_ok=True)
    done = running.kubeup("images", "pull", image.name)
    kept.unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "node4: pulled 127.0.0.1:5000/team/app:1, which this machine could not" in done.stderr
    assert image.name in ids(running, "node3")
    assert f"sha256:{image.id}" in ids(running, "node3")


def test_what_nobody_can_get_is_said_with_every_reason(running: Cluster) -> None:
    done = running.kubeup("images", "pull", "127.0.0.1:9/app:1")
    assert done.returncode == 1
    for part in ("127.0.0.1:9/app:1 could not be had", "this machine: ", "node3: ", "kubeup images push ARCHIVE"):
        assert part in done.stderr


def test_an_image_for_other_machines_is_refused(running: Cluster) -> None:
    path = running.home / "other.tar"
    path.write_bytes(archives.docker(Made("lab.example/other:1", (layer("other"),), arch="s390x")))
    done = running.kubeup("images", "push", str(path))
    assert done.returncode == 2
    assert "is an image for s390x" in done.stderr


def test_down_takes_images_away_with_the_runtime(running: Cluster) -> None:
    done = running.kubeup("down", "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert running.on("node3", "find /var/lib/kubeup /opt/kubeup -mindepth 1 2>/dev/null") == ""
