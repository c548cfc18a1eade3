"""Docker 28: it drops what comes to its bridge from elsewhere, and closes FORWARD. Pods talk all the same, and its
containers run on, also when a machine starts again with the control-plane node switched off."""

from __future__ import annotations

import re
import subprocess

import pytest

from kubeup.lab import life
from tests.lab.conftest import Cluster
from tests.lab.own_docker import NAME, SEEN, start_container
from tests.support import debian
from tests.support.polling import settle

pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)
INSTALL = """
cp /usr/sbin/runc /root/runc.wrapper
DEBIAN_FRONTEND=noninteractive dpkg -i --force-all /root/debs/*.deb
# The lab's wrapper around runc, which the package replaced.
real=$(readlink -f "$(command -v runc)")
mv "$real" /usr/sbin/runc.real && cp /root/runc.wrapper "$real"
systemctl disable -q --now docker containerd docker.socket
systemctl start containerd docker && docker version --format '{{.Server.Version}}'
"""


@pytest.fixture(scope="module")
def newer(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """node4 has Docker 28 at work, with a container that has a published port; what it looks like."""
    folder = tmp_path_factory.mktemp("sid")
    packages = debian.download(folder, "sid", "docker.io", "docker-cli", "containerd", "runc")
    cluster.on("node4", "mkdir -p /root/debs")
    argv = ["scp", "-q", "-F", str(life.ssh_config(cluster.name)), *map(str, packages), "node4:/root/debs/"]
    subprocess.run(argv, check=True, timeout=120)
    said = cluster.on("node4", INSTALL, limit=180)
    assert re.search(r"^28\.", said, re.MULTILINE), said
    start_container(cluster)
    ran = cluster.on("node4", f"docker run -d --name published --restart always -p 8090:80 {NAME}")
    assert len(ran.strip().split("\n")[-1]) == 64, ran
    found = cluster.on("node4", SEEN)
    assert re.search(r"^/run/nri/nri.sock \d+$", found, re.MULTILINE), found
    assert found.count("containerd-shim-runc-v2") == 2, found
    return found


def test_pods_talk_beside_docker_28_and_its_containers_run_on(cluster: Cluster, newer: str) -> None:
    assert "policy drop" in cluster.on("node4", "nft list chain ip filter FORWARD")
    cluster.profile()
    done = cluster.kubeup("up")
    assert "Cluster validation succeeded" in done.stdout, done.stdout + done.stderr
    assert cluster.on("node4", SEEN) == newer
    for _ in range(10):
        assert cluster.json("up", "--no-validate")["changed"] is False
    assert cluster.on("node4", SEEN) == newer


def test_docker_and_its_containers_start_with_the_master_switched_off(cluster: Cluster, newer: str) -> None:
    cluster.on("node4", "systemctl enable -q docker containerd")
    life.power_off(cluster.name, "node3")
    life.power_off(cluster.name, "node4")
    life.power_on(cluster.name, "node4")
    running = "docker ps --format '{{.Names}}'"
    settle(lambda: "published" in cluster.on("node4", running), 60, "the user's container to start")
    life.power_on(cluster.name, "node3")
    settle(lambda: cluster.kubeup("validate").returncode == 0, 180, "the cluster to be healthy after a reboot")
    again = cluster.json("up", "--no-validate")
    assert again["changed"] is False
    before = cluster.on("node4", SEEN.replace(" mine", " published"))
    assert cluster.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    assert cluster.on("node4", SEEN.replace(" mine", " published")) == before
