"""The README's profile in the world, by the ways that people have: a proxy, a mirror, a bastion; where GitHub's limit
is used up; files for another architecture."""

from __future__ import annotations

import datetime
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeup.components.flannel import FLANNEL
from kubeup.lab import life
from kubeup.sources.cache import cache_root
from tests.lab import world
from tests.lab.conftest import CTR, Cluster
from tests.lab.world import MIB, World
from tests.support.polling import settle
from tests.world.__main__ import MIRROR_PORT, PROXY_PORT

pytestmark = [pytest.mark.soak, pytest.mark.story]
FLANNELD = f"ghcr.io/flannel-io/flannel:v{FLANNEL.version}"
DOCKER = "26.1.5"
BUILT = cache_root() / f"release/docker_dockerd/{DOCKER}"
WITHOUT_DOCKER = """
cp /usr/sbin/runc.real /root/ 2>/dev/null
dpkg --purge docker.io docker-cli docker-buildx containerd runc
rm -rf /var/lib/docker/*
[ ! -e /root/runc.real ] || mv /root/runc.real /usr/sbin/
docker version 2>&1
"""
RELEASE = f"https://api.github.com/repos/flannel-io/flannel/releases/tags/v{FLANNEL.version}"


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The README's two machines, and node5, which is none of the cluster's."""
    with world.readme_machines(tmp_path_factory.mktemp("home"), more=1) as found:
        yield found


@pytest.fixture(scope="module")
def around(stranger: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world.around(stranger, tmp_path_factory.mktemp("world")) as found:
        found.is_trusted_by("node3", "node4")
        found.is_all_the_operator_has()
        yield found


@pytest.fixture
def profile(stranger: Cluster, tmp_path: Path) -> Iterator[Path]:
    """The README's, to be added to; a new cache; afterwards all is as it was."""
    path = stranger.home / "profile.yaml"
    before = path.read_text()
    stranger.extra["KUBEUP_CACHE"] = str(tmp_path / "cache")
    yield path
    stranger.kubeup("down", "--yes", "--no-snapshot")
    path.write_text(before)


def test_by_a_proxy_alone_nodes_download_as_ever(stranger: Cluster, around: World, profile: Path) -> None:
    proxy = f"http://{around.gateway}:{PROXY_PORT}"
    profile.write_text(f"{profile.read_text()}proxy: {{http: '{proxy}', https: '{proxy}'}}\n")
    with around.is_reached_only_by(PROXY_PORT):
        sent = world.first_up(stranger, "a proxy")
        assert all(size < 2 * MIB for size in sent.values()), sent
        world.second_plan_is_empty(stranger)
        # Pods' images come the same way, with a registry's token.
        stranger.kubectl(f"run pulled --image={FLANNELD}")
        nodes = ("node3", "node4")
        settle(lambda: any(FLANNELD in stranger.on(node, f"{CTR} images ls -q") for node in nodes), 60, FLANNELD)


def test_a_mirror_serves_operator_and_nodes(stranger: Cluster, around: World, profile: Path) -> None:
    mirror = f"http://{around.gateway}:{MIRROR_PORT}"
    profile.write_text(f"{profile.read_text()}sources: [cache, '{mirror}']\n")
    with around.is_reached_only_by(MIRROR_PORT):
        sent = world.first_up(stranger, "a mirror")
        assert all(size < 2 * MIB for size in sent.values()), sent
        world.second_plan_is_empty(stranger)


def test_behind_a_bastion_nothing_is_different(stranger: Cluster, around: World, profile: Path) -> None:
    """The ssh configuration alone says so."""
    config, (first, second, bastion) = life.ssh_config(stranger.name).read_text(), stranger.addresses
    around.is_all_the_operator_has(f"Host {first} {second}\n    ProxyJump root@{bastion}\n{config}")
    sent = world.first_up(stranger, "a bastion")
    assert all(size < 2 * MIB for size in sent.values()), sent
    world.second_plan_is_empty(stranger)
    said = stranger.on("node4", "journalctl -u ssh -o cat | grep -o 'Accepted .* from [0-9.]*'")
    came = [line.rpartition(" ")[2] for line in said.splitlines()]
    assert came[-1] == bastion, said


@pytest.mark.skipif(not BUILT.is_dir(), reason="Docker is in no registry, and not in the cache here")
def test_machines_without_docker_get_it_from_its_own_site(stranger: Cluster, around: World, profile: Path) -> None:
    """And cri-dockerd by the digest that GitHub's API tells. What lies in the cache calls the lab's runc."""
    for node in ("node3", "node4"):
        said = stranger.on(node, WITHOUT_DOCKER)
        assert "not found" in said, said
    profile.write_text(f"{profile.read_text()}runtime: docker\nversions: {{docker: {DOCKER}}}\n")
    sent = world.first_up(stranger, "Docker from its own site")
    assert all(size < 2 * MIB for size in sent.values()), sent
    world.second_plan_is_empty(stranger)
    assert stranger.kubectl("get nodes -o wide").count(f"docker://{DOCKER}") == 2
    asked = {(one.client, one.host) for one in around.asked_by_nodes()}
    assert {(address, "download.docker.com") for address in stranger.addresses[:2]} <= asked


def test_githubs_limit_used_up_is_said_with_its_end_and_an_image_vouches(
    stranger: Cluster, around: World, profile: Path
) -> None:
    ask = f"for _ in $(seq 61); do curl -s -o /dev/null -D - {RELEASE}; done | tail -n 20"
    last = subprocess.run([*stranger.within, "sh", "-c", ask], capture_output=True, text=True, check=True, timeout=120)
    assert re.search(r"x-ratelimit-remaining: 0", last.stdout), last.stdout
    (reset,) = set(re.findall(r"x-ratelimit-reset: (\d+)", last.stdout))
    until = datetime.datetime.fromtimestamp(int(reset), datetime.timezone.utc)
    done = stranger.kubeup("release", "fetch", "profile.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in (done.stdout + done.stderr).splitlines() if "used up" in line]
    print("\n" + "\n".join(told))
    assert len(told) == 1
    assert f"taken out of the image {FLANNELD}" in told[0]
    assert f"used up until {until:%H:%M} UTC" in told[0]


def test_files_for_arm64_machines_are_fetched_and_listed(stranger: Cluster, around: World, profile: Path) -> None:
    done = stranger.kubeup("release", "fetch", "profile.yaml", "--arch", "arm64")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = stranger.kubeup("release", "list", "profile.yaml", "--arch", "arm64")
    print("\n" + listed.stdout)
    folder = Path(stranger.extra["KUBEUP_CACHE"]) / "release"
    assert not list(folder.glob("*/*/amd64/*"))
    assert len([path for path in folder.glob("*/*/arm64/*") if path.suffix != ".json"]) > 15
