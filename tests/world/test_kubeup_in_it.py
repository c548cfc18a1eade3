"""What kubeup asks for, and where the world's own table has it: the two come from different sources."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from kubeup import addons, profile
from kubeup.cli.release import _wanted, release_group
from kubeup.components.flannel import FLANNEL
from kubeup.sources.cache import find
from tests.support.machines import bare
from tests.support.recorded import Kubeup, RecordedNode
from tests.world.conftest import World
from tests.world.exchange import Asked

NODES = "nodes: [root@192.168.200.13, root@192.168.200.14]\nroles: ai i\n"
ALL = (
    f"addons: [{', '.join(one.name for one in addons.ALL)}]\n"
    "load_balancer_addresses: [192.168.200.240-192.168.200.250]\n"
)


@pytest.fixture(autouse=True)
def kubeup(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubeup:
    """On a machine that reaches the world, with nothing in its cache."""
    own = {"KUBEUP_CACHE": "cache", "KUBECONFIG": "kubeconfig", "XDG_STATE_HOME": "state"}
    for name, value in own.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("https_proxy", world.proxy)
    monkeypatch.setenv("SSL_CERT_FILE", str(world.authority))
    for name in ("http_proxy", "no_proxy", "NO_PROXY", "HTTPS_PROXY", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Kubeup(tmp_path)


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
@pytest.mark.parametrize("runtime", ["containerd", "docker"])
def test_all_that_kubeup_can_want_is_where_upstream_has_it(
    world: World, tmp_path: Path, runtime: str, arch: str
) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(f"{NODES}runtime: {runtime}\n{ALL}")
    cluster = profile.load(path).cluster
    world.has(_wanted(cluster, "amd64"))
    done = CliRunner().invoke(release_group, ["fetch", str(path), "--arch", arch])
    assert done.exit_code == 0, done.output
    # An official image stands in for a file that is not where kubeup thinks it is.
    assert "taken out of the image" not in " ".join(done.output.split()), done.output
    lacking = [one.title for one in _wanted(cluster, arch) if find(tmp_path / "cache", one) is None]
    assert lacking == []
    assert [f"{one.host}{one.path}" for one in world.log.requests() if one.status >= 400 and one.status != 401] == []


def test_what_arrives_is_what_was_built(world: World, tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(NODES)
    wanted = _wanted(profile.load(path).cluster, "amd64")
    world.has(wanted)
    assert CliRunner().invoke(release_group, ["fetch", str(path)]).exit_code == 0
    programs = [one for one in wanted if one.row and not one.row.image]
    assert len(programs) > 15
    for one in programs:
        there = Path("release") / one.name / one.version / "amd64" / one.name
        assert (tmp_path / "cache" / there).read_bytes() == (world.cache / there).read_bytes(), one.title


def test_a_minor_is_the_newest_patch_that_upstream_has(world: World, tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(f'{NODES}kubernetes: "1.36"\n')
    newest = profile.load_text(f"{NODES}kubernetes: 1.36.11\n", "profile.yaml").cluster
    world.has(_wanted(newest, "amd64"))
    done = CliRunner().invoke(release_group, ["fetch", str(path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "cache/release/kubelet/1.36.11/amd64/kubelet").exists()


def test_a_plan_for_arm64_machines_is_of_arm64_files_and_takes_only_what_nodes_cannot_fetch(
    world: World, kubeup: Kubeup
) -> None:
    (kubeup.home / "profile.yaml").write_text(NODES)
    cluster = profile.load(kubeup.home / "profile.yaml").cluster
    world.has(_wanted(cluster, "amd64"))
    for number in (3, 4):
        machine = bare(number, arch="arm64", downloader="curl")
        kubeup.nodes[f"192.168.200.{10 + number}"] = RecordedNode(machine)
    planned = kubeup("plan")
    assert planned.exit_code == 0, planned.output
    asked = {f"{one.host}{one.path}" for one in world.log.requests()}
    of_arch = {url.rpartition("/")[2] for url in asked if "amd64" in url or "x86_64" in url}
    # One list of all architectures' sums, and a list of all files of a release, are all that is not of arm64 alone.
    assert of_arch == set()
    assert f"cdn.dl.k8s.io/release/v{cluster.versions.kubernetes}/bin/linux/arm64/kubelet" in asked
    sent = sum(one.size for one in world.log.requests() if one.host == "cdn.dl.k8s.io")
    # Sums, and no programs: 64 bytes each.
    assert sent == 6 * 64


def test_where_githubs_requests_are_used_up_it_is_said_until_when_and_an_image_vouches_for_flanneld(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(NODES)
    cluster = profile.load(path).cluster
    world.has(_wanted(cluster, "amd64"))
    version = cluster.versions.of(FLANNEL)
    release = f"/repos/flannel-io/flannel/releases/tags/v{version}"
    for _ in range(61):
        refused = world.sites.answer(Asked("GET", "api.github.com", release, {}, {"user-agent": "others"}, "127.0.0.1"))
    until = datetime.datetime.fromtimestamp(int(refused.headers["x-ratelimit-reset"]), datetime.timezone.utc)
    done = CliRunner().invoke(release_group, ["fetch", str(path)])
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    assert (
        f"taken out of the image ghcr.io/flannel-io/flannel:v{version} "
        f"(GitHub's requests of this hour are used up until {until:%H:%M} UTC; "
        "with GITHUB_TOKEN in the environment there are more)"
    ) in told
    there = Path(f"release/flanneld/{version}/amd64/flanneld")
    assert (tmp_path / "cache" / there).read_bytes() == (world.cache / there).read_bytes()
