"""The README's own profile in the world, unchanged: default sources, nothing at hand, what upstream serves as it does.

Below it stands what this lab's kernel needs, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubeup.components.flannel import FLANNEL
from kubeup.components.pause import PAUSE
from tests.lab import world
from tests.lab.conftest import CTR, Cluster
from tests.lab.world import MIB, World

PAUSED = f"registry.k8s.io/pause:{PAUSE.version}"
FLANNELD = f"ghcr.io/flannel-io/flannel:v{FLANNEL.version}"
pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with world.readme_machines(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def around(stranger: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world.around(stranger, tmp_path_factory.mktemp("world")) as found:
        found.is_trusted_by("node3", "node4")
        found.is_all_the_operator_has()
        yield found


def test_nodes_download_by_themselves_and_the_operator_sends_next_to_nothing(stranger: Cluster, around: World) -> None:
    sent = world.first_up(stranger, "nodes online")
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


def test_what_was_downloaded_stays_only_where_it_is_used(stranger: Cluster, around: World) -> None:
    for node in ("node3", "node4"):
        assert stranger.on(node, "find /var/lib/kubeup/incoming -type f -size +1M") == ""


def test_the_second_plan_is_empty_and_asks_no_site(stranger: Cluster, around: World) -> None:
    before = len(around.requests())
    world.second_plan_is_empty(stranger)
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
        sent = world.first_up(stranger, "only the operator online")
        assert all(size > 200 * MIB for size in sent.values()), sent
        world.second_plan_is_empty(stranger)
    assert len(around.asked_by_nodes()) == before
