"""Docker on the nodes stays the user's: its containers run on through `up` and `down`, its options are not touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeup.components.cri_dockerd import CRI_DOCKERD
from kubeup.sources.cache import cache_root
from kubeup.sources.golang import machine_arch
from tests.lab.conftest import Cluster
from tests.lab.own_docker import SEEN, start_container


@pytest.fixture(scope="module")
def seen(cluster: Cluster) -> str:
    return start_container(cluster)


def test_docker_s_containers_run_on_through_up_and_down(cluster: Cluster, seen: str) -> None:
    cluster.profile()
    done = cluster.kubeup("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Cluster validation succeeded" in done.stdout
    assert cluster.on("node4", SEEN) == seen
    assert cluster.json("up")["changed"] is False
    assert cluster.kubeup("down", "--yes").returncode == 0
    assert cluster.on("node4", SEEN) == seen


def test_a_runtime_that_no_source_has_is_said_before_anything_is_touched(
    cluster: Cluster, seen: str, tmp_path: Path
) -> None:
    """cri-dockerd is in none of the registries: without it in the cache there is no `runtime: docker`."""
    (tmp_path / "release").mkdir()
    for path in (cache_root() / "release").iterdir():
        if path.name != "cri-dockerd":
            (tmp_path / "release" / path.name).symlink_to(path)
    cluster.extra["KUBEUP_CACHE"] = str(tmp_path)
    cluster.profile(runtime="docker")
    done = cluster.kubeup("up")
    assert done.returncode == 1
    assert f"cri-dockerd {CRI_DOCKERD.version} ({machine_arch()}):" in done.stderr
    assert "put the file there by hand" in done.stderr
    assert cluster.on("node4", SEEN) == seen
    assert "No such file" in cluster.on("node4", "ls /var/lib/kubeup/record")
