"""`runtime: docker` on real nodes: one without Docker gets upstream's release, one with a Docker at work keeps it.

cri-dockerd is in none of the registries. What stands in for it here is a script that runs a containerd on cri-dockerd's
socket: kubelet talks to it, so that everything around cri-dockerd is seen at work; its pods are no Docker containers.
With a real one in the release cache, the last test validates the cluster with it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from kubeup import components
from kubeup.components.cri_dockerd import CRI_DOCKERD
from kubeup.components.pause import PAUSE
from kubeup.lab import life
from kubeup.release.artifacts import ArtifactRef
from kubeup.sources import cache
from kubeup.sources.cache import cache_root
from kubeup.sources.golang import machine_arch
from tests.lab.conftest import Cluster
from tests.lab.own_docker import SEEN, start_container
from tests.support import archives
from tests.support.archives import Made, layer
from tests.support.polling import settle

DOCKER = "26.1.5"
OF_DOCKER = {
    "dockerd": "/usr/sbin/dockerd",
    "docker": "/usr/bin/docker",
    "containerd": "/usr/bin/containerd",
    "containerd-shim-runc-v2": "/usr/bin/containerd-shim-runc-v2",
    "ctr": "/usr/bin/ctr",
    "docker-init": "/usr/bin/docker-init",
    "docker-proxy": "/usr/sbin/docker-proxy",
    "runc": "/usr/sbin/runc",
}
STANDIN = "/usr/local/lib/standin"
SCRIPT = f"""#!/bin/sh
mkdir -p /var/lib/cri-dockerd
cat >/var/lib/cri-dockerd/config.toml <<END
version = 3
root = "/var/lib/cri-dockerd/root"
state = "/run/cri-dockerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[grpc]
  address = "/run/cri-dockerd.sock"
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/opt/kubeup/cni"]
  conf_dir = "/etc/kubeup/cni/net.d"
END
PATH={STANDIN}:$PATH exec {STANDIN}/containerd --config /var/lib/cri-dockerd/config.toml
"""
RULES = "nft list ruleset | sed 's/counter packets .* bytes [0-9]*//'; sysctl -n net.ipv4.ip_forward; ip -br link"
OPTIONS = "stat -c '%n %a %U %y' /etc/docker/* /etc/default/docker; cat /etc/docker/daemon.json /etc/default/docker; "
OPTIONS += "ls /etc/systemd/system/docker.service.d; systemctl show -p ExecStart docker | grep -o 'argv.*;.ignore'"
PROCESSES = "docker inspect -f '{{.Name}} {{.State.Pid}} {{.State.StartedAt}}' mine; systemctl show -p MainPID docker"
MERGED = {"insecure_registries": "['appstore:5000']", "registry_mirrors": "{docker.io: ['http://second.example']}"}
READY = "systemctl is-active docker cri-dockerd"
pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)


def path_of(name: str, version: str) -> Path:
    return cache.path_of(cache_root(), ArtifactRef(name, version, machine_arch()))


def copy(cluster: Cluster, source: str, target: str) -> None:
    """scp, either way."""
    subprocess.run(["scp", "-q", "-F", str(life.ssh_config(cluster.name)), source, target], check=True, timeout=120)


@pytest.fixture(scope="module")
def mirror(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder in upstream's layout, and the pins of what is in it. node3 has no Docker afterwards."""
    root = tmp_path_factory.mktemp("mirror")
    binaries = root / "binaries"
    binaries.mkdir()
    for name, path in OF_DOCKER.items():
        copy(cluster, f"node3:{path}", str(binaries / name))
    copy(cluster, "node3:/usr/sbin/runc.real", str(root / "runc.real"))
    arch = {"amd64": "x86_64", "arm64": "aarch64"}[machine_arch()]
    archive = root / f"download.docker.com/linux/static/stable/{arch}/docker-{DOCKER}.tgz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(binaries, "docker")
    version, other = CRI_DOCKERD.version, machine_arch()
    release = root / f"github.com/Mirantis/cri-dockerd/releases/download/v{version}/cri-dockerd-{version}.{other}.tgz"
    release.parent.mkdir(parents=True)
    script = root / "cri-dockerd"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    with tarfile.open(release, "w:gz") as tar:
        tar.add(script, "cri-dockerd/cri-dockerd")
    for node in ("node3", "node4"):
        cluster.on(node, f"mkdir -p {STANDIN}")
        for name, its in (("containerd", "containerd"), ("containerd-shim-runc-v2", "containerd"), ("runc", "runc")):
            copy(cluster, str(path_of(name, components.programs()[its].version)), f"{node}:{STANDIN}/{name}")
    cluster.on("node3", "dpkg --purge docker.io docker-cli docker-buildx containerd runc; rm -rf /var/lib/docker/*")
    # The lab's own wrapper around runc, which the archive has, calls it there.
    copy(cluster, str(root / "runc.real"), "node3:/usr/sbin/runc.real")
    pins = {
        f"docker-{DOCKER}": hashlib.sha256(archive.read_bytes()).hexdigest(),
        f"cri-dockerd-{version}": hashlib.sha256(release.read_bytes()).hexdigest(),
    }
    return root, pins


@pytest.fixture(scope="module")
def options(cluster: Cluster) -> str:
    """node4 has a Docker with options and a container of its own from here on."""
    start_container(cluster)
    return cluster.on("node4", OPTIONS)


def profile(cluster: Cluster, mirror: tuple[Path, dict[str, str]], tmp: Path, **more: str) -> None:
    """With a cache of its own: what stands in for a release must not be taken for one later."""
    root, pins = mirror
    own = tmp / "cache"
    own.mkdir(exist_ok=True)
    for path in (cache_root() / "release").iterdir():
        if path.name.startswith(("docker_", "cri-dockerd")) or (own / "release" / path.name).exists():
            continue
        (own / "release").mkdir(exist_ok=True)
        (own / "release" / path.name).symlink_to(path)
    cluster.extra["KUBEUP_CACHE"] = str(own)
    text = ", ".join(f"{name}: {digest}" for name, digest in pins.items())
    cluster.profile(
        runtime="docker",
        sources=f"[cache, 'file://{root}']",
        versions=f"{{docker: {DOCKER}}}",
        pins=f"{{{text}}}",
        **more,
    )


@pytest.fixture(scope="module")
def bare(cluster: Cluster, mirror: tuple[Path, dict[str, str]]) -> str:
    """The rules, links and forwarding of node3 before."""
    return cluster.on("node3", RULES)


def test_an_absent_docker_is_installed_and_one_at_work_is_left_alone(
    cluster: Cluster, mirror: tuple[Path, dict[str, str]], bare: str, options: str, tmp_path: Path
) -> None:
    assert "docker0" not in bare
    assert "not found" in cluster.on("node3", "docker version")
    assert "restart" not in options
    seen = cluster.on("node4", SEEN)
    profile(cluster, mirror, tmp_path)
    done = cluster.kubeup("up", "--no-validate")
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = cluster.kubectl("get nodes")
    assert nodes.count(" Ready ") == 2, nodes
    # kubeup's unit and settings, upstream's programs.
    assert DOCKER in cluster.on("node3", "docker version --format '{{.Server.Version}}'")
    assert "/opt/kubeup/docker/dockerd" in cluster.on("node3", "systemctl show -p ExecStart docker")
    assert "max-size=10m" in cluster.on("node3", "cat /etc/default/docker")
    pause = f"registry.k8s.io/pause:{PAUSE.version}"
    assert pause in cluster.on("node3", "docker image ls --format '{{.Repository}}:{{.Tag}}'")
    started = cluster.on("node3", f"docker run -d --network none --name probe {pause} && docker rm -f probe")
    assert started.endswith("probe\n"), started
    # The other's Docker: same processes, same container, not restarted, its options as they were.
    assert cluster.on("node4", SEEN) == seen
    assert "/opt/kubeup/docker" not in cluster.on("node4", "systemctl cat docker; ls /opt/kubeup")
    again = cluster.json("up", "--no-validate")
    assert again["changed"] is False
    assert cluster.on("node4", SEEN) == seen


def test_what_docker_can_read_while_it_runs_is_merged_without_a_restart(
    cluster: Cluster, mirror: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    seen = cluster.on("node4", PROCESSES)
    profile(cluster, mirror, tmp_path, insecure_registries="['appstore:5000']")
    planned = cluster.kubeup("plan")
    assert "reload   docker.service: /etc/docker/daemon.json changes" in planned.stdout, planned.stdout + planned.stderr
    assert '+  "insecure-registries"' in planned.stdout
    done = cluster.kubeup("up", "--no-validate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.on("node4", PROCESSES) == seen
    info = cluster.on("node4", "docker info")
    assert "appstore:5000" in info
    assert "http://mirror.example:5000/" in info
    assert json.loads(cluster.on("node4", "cat /etc/docker/daemon.json")) == {
        "log-level": "warn",
        "insecure-registries": ["appstore:5000"],
    }
    assert cluster.json("up", "--no-validate")["changed"] is False


def test_a_restart_is_asked_for_and_the_containers_are_named(
    cluster: Cluster, mirror: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    """Its own mirror is on the command line, and Docker takes an option from one place only."""
    seen = cluster.on("node4", PROCESSES)
    profile(cluster, mirror, tmp_path, **MERGED)
    refused = cluster.kubeup("up", "--no-validate")
    assert refused.returncode == 1
    assert "node4: its Docker has to be restarted" in refused.stderr
    assert "| mine" in refused.stderr
    assert "kubeup up --restart-docker" in refused.stderr
    assert cluster.on("node4", PROCESSES) == seen
    done = cluster.kubeup("up", "--no-validate", "--restart-docker")
    assert done.returncode == 0, done.stdout + done.stderr
    info = cluster.on("node4", "docker info")
    assert info.index("http://mirror.example:5000/") < info.index("http://second.example/")
    assert cluster.json("up", "--no-validate")["changed"] is False


def test_a_reboot_brings_both_dockers_back_with_the_merged_options(
    cluster: Cluster, mirror: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    """Its owner had not enabled the one of node4: cri-dockerd's unit wants it."""
    for node in ("node3", "node4"):
        life.reboot(cluster.name, node)
    settle(lambda: cluster.kubectl("get nodes").count(" Ready ") == 2, 180, "both nodes to be Ready again")
    for node in ("node3", "node4"):
        settle(lambda node=node: cluster.on(node, READY) == "active\nactive\n", 60, f"{node}'s Docker")  # type: ignore[misc]
    profile(cluster, mirror, tmp_path, **MERGED)
    settle(lambda: "Nothing to do" in cluster.kubeup("plan").stdout, 60, "all units to be as they were")
    assert cluster.json("up", "--no-validate")["changed"] is False
    info = cluster.on("node4", "docker info")
    assert info.index("http://mirror.example:5000/") < info.index("http://second.example/")


def test_images_are_pushed_to_docker_and_a_layer_travels_once(cluster: Cluster) -> None:
    """node4's user had one of them before; down leaves that one."""
    base = layer("base", 5_000_000)
    own, app, other = (Made(f"lab.example/{name}:1", (base, layer(name))) for name in ("own", "app", "other"))
    path = cluster.home / "archive.tar"
    path.write_bytes(archives.docker(own))
    copy(cluster, str(path), "node4:/tmp/own.tar")
    cluster.on("node4", "docker load -i /tmp/own.tar; rm /tmp/own.tar")
    path.write_bytes(archives.docker(own, app))
    sent = pushed(cluster, path)
    assert sent["node3"]["images"] == [own.name, app.name]
    assert 5_000_000 < sent["node3"]["bytes"] < 5_200_000
    assert sent["node4"]["images"] == [app.name]
    assert sent["node4"]["bytes"] < 100_000, "the base lies in its Docker already"
    assert [node["bytes"] for node in pushed(cluster, path).values()] == [0, 0]
    path.write_bytes(archives.oci(other, packed=True))
    assert [node["bytes"] < 100_000 for node in pushed(cluster, path).values()] == [True, True]
    for node in ("node3", "node4"):
        found = cluster.on(node, "docker image inspect -f '{{.Id}}' lab.example/own:1 lab.example/app:1")
        assert found.split() == [f"sha256:{own.id}", f"sha256:{app.id}"]


def pushed(cluster: Cluster, path: Path) -> dict[str, Any]:
    found: Any = cluster.json("images", "push", str(path))
    return {node["name"]: node for node in found["nodes"]}


def test_down_takes_the_installed_docker_away_and_leaves_the_other(cluster: Cluster, bare: str, options: str) -> None:
    assert "policy drop" in cluster.on("node3", RULES), "Docker closes FORWARD where it switches forwarding on"
    done = cluster.kubeup("down", "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.on("node4", OPTIONS) == options
    assert cluster.on("node4", "docker image ls --format '{{.Repository}}' 'lab.example/*'") == "lab.example/own\n"
    info = cluster.on("node4", "docker info")
    assert "http://mirror.example:5000/" in info
    assert "second.example" not in info
    assert "appstore" not in info
    left = cluster.on(
        "node3",
        "ls -d /opt/kubeup /var/lib/docker/* /etc/default/docker /etc/systemd/system/docker.service "
        "/usr/local/bin/docker /run/docker.sock /run/cri-dockerd.sock /var/lib/cri-dockerd 2>/dev/null; "
        "pgrep -l 'dockerd|containerd'",
    )
    assert left == ""
    assert cluster.on("node3", RULES) == bare


def test_the_real_one_carries_pods(cluster: Cluster, mirror: tuple[Path, dict[str, str]]) -> None:
    if not path_of("cri-dockerd", CRI_DOCKERD.version).exists():
        pytest.skip("no cri-dockerd lies in the release cache, and no registry has one")
    root, pins = mirror
    cluster.extra.pop("KUBEUP_CACHE", None)
    cluster.profile(
        runtime="docker",
        sources=f"[cache, 'file://{root}']",
        versions=f"{{docker: {DOCKER}}}",
        pins=f"{{docker-{DOCKER}: {pins[f'docker-{DOCKER}']}}}",
    )
    done = cluster.kubeup("up")
    assert "Cluster validation succeeded" in done.stdout, done.stdout + done.stderr
    assert cluster.kubeup("down", "--yes", "--no-snapshot").returncode == 0
