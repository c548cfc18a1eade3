"""The README's own profile in the world, unchanged: default sources, nothing at hand, what upstream serves as it does.

Below it stands what this lab's kernel needs, and nothing else. The README's machines are 192.168.0.13 and .14, and so
are these.
"""

from __future__ import annotations

import ipaddress
import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeup.components.flannel import FLANNEL
from kubeup.components.pause import PAUSE
from kubeup.lab import model
from tests.lab import world
from tests.lab.conftest import CTR, PREFIX, SUBNETS, Cluster, bare, kubelet
from tests.lab.world import World

README = (Path(__file__).parents[2] / "README.md").read_text()
THEIRS = "192.168.0.0/24"
MIB = 1 << 20
PAUSED = f"registry.k8s.io/pause:{PAUSE.version}"
FLANNELD = f"ghcr.io/flannel-io/flannel:v{FLANNEL.version}"
pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two bare nodes and the README's profile."""
    (profile,) = (text for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "flannel_net" in text)
    subnet = THEIRS
    if not world.free(THEIRS):
        subnet = SUBNETS["debian"]
        profile = profile.replace(THEIRS[:-4], subnet[:-4])
        warnings.warn(
            f"{THEIRS} is in use on this machine: the README's machines are in {subnet} instead", stacklevel=1
        )
    lab = model.Lab(f"{PREFIX}w", ipaddress.IPv4Network(subnet))
    with bare(lab, tmp_path_factory.mktemp(lab.name)) as found:
        assert all(f"root@{address}" in profile for address in found.addresses)
        (found.home / "profile.yaml").write_text(f"{profile}kubelet: {kubelet()}\n")
        yield found


@pytest.fixture(scope="module")
def around(stranger: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world.around(stranger, tmp_path_factory.mktemp("world")) as found:
        found.is_trusted_by("node3", "node4")
        found.is_all_the_operator_has()
        yield found


def up(cluster: Cluster, title: str) -> dict[str, int]:
    """``kubeup up`` out of an empty cache; what the operator sent to each node, images aside, which come over SSH."""
    begin = time.monotonic()
    done = cluster.json("up")
    took = time.monotonic() - begin
    health, nodes = done["health"], done["nodes"]
    assert isinstance(health, dict)
    assert isinstance(nodes, list)
    assert health["healthy"] is True, health
    cache = Path(cluster.extra["KUBEUP_CACHE"]) / "release"
    images = sum(
        path.stat().st_size for name in ("pause", "image_coredns") for path in cache.glob(f"{name}/*/*/{name}")
    )
    assert images > 0
    sent = {str(node["name"]): int(node["bytes"]) - images for node in nodes}
    told = ", ".join(f"{name} {size / MIB:.2f} MiB" for name, size in sent.items())
    print(f"\n{title}: up {took:.1f} s; the operator sent {told}, and {images / MIB:.0f} MiB of images to each")
    return sent


def second_plan_is_empty(cluster: Cluster) -> None:
    planned = cluster.kubeup("plan")
    assert planned.returncode == 0, planned.stderr
    assert "Nothing to do" in planned.stdout, planned.stdout


def test_nodes_download_by_themselves_and_the_operator_sends_next_to_nothing(stranger: Cluster, around: World) -> None:
    sent = up(stranger, "nodes online")
    assert all(size < 2 * MIB for size in sent.values()), sent
    by_nodes = around.asked_by_nodes()
    print(f"nodes downloaded {sum(one.size for one in by_nodes) / MIB:.0f} MiB by themselves")
    fetched = {(one.client, one.path.rpartition("/")[2]) for one in by_nodes if one.host == "cdn.dl.k8s.io"}
    assert {name for client, name in fetched if client == stranger.addresses[1]} == {"kubelet", "kube-proxy", "kubectl"}
    assert (stranger.addresses[0], "kube-apiserver") in fetched
    assert [one for one in around.requests() if one.status >= 400] == []
    # What every node can fetch never passes through the operator's machine.
    operator = [one for one in around.requests() if one.client not in stranger.addresses]
    assert [one.path for one in operator if one.host == "cdn.dl.k8s.io" and one.size > MIB] == []


def test_the_second_plan_is_empty_and_asks_no_site(stranger: Cluster, around: World) -> None:
    before = len(around.requests())
    second_plan_is_empty(stranger)
    assert len(around.requests()) == before


def test_a_node_pulls_from_upstreams_registries_as_ever(stranger: Cluster, around: World) -> None:
    """containerd's own client: redirects, and a token for what it asks for."""
    for name in (PAUSED, FLANNELD):
        said = stranger.on("node4", f"{CTR} images pull {name} 2>&1 | tail -n 3; {CTR} images ls -q", limit=120)
        assert name in said.split(), said
    stranger.on("node4", f"{CTR} images rm {FLANNELD}")


def test_where_only_the_operator_is_online_all_of_it_comes_over_ssh(stranger: Cluster, around: World) -> None:
    assert stranger.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    stranger.extra["KUBEUP_CACHE"] = str(stranger.home / "another cache")
    before = len(around.asked_by_nodes())
    with around.is_out_of_the_nodes_reach():
        sent = up(stranger, "only the operator online")
        assert all(size > 200 * MIB for size in sent.values()), sent
        second_plan_is_empty(stranger)
    assert len(around.asked_by_nodes()) == before
