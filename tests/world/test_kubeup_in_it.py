"""What kubeup asks for, and where the world's own table has it: the two come from different sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kubeup import addons, profile
from kubeup.cli.release import _wanted, release_group
from kubeup.sources.cache import find
from tests.world.conftest import World

NODES = "nodes: [root@192.168.200.13, root@192.168.200.14]\nroles: ai i\n"
ALL = (
    f"addons: [{', '.join(one.name for one in addons.ALL)}]\n"
    "load_balancer_addresses: [192.168.200.240-192.168.200.250]\n"
)


@pytest.fixture(autouse=True)
def operator(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", world.proxy)
    monkeypatch.setenv("SSL_CERT_FILE", str(world.authority))
    monkeypatch.setenv("KUBEUP_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "no_proxy", "NO_PROXY", "HTTPS_PROXY", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


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
