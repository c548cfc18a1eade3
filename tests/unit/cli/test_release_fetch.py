"""``kubeup release fetch`` by a profile that says nothing of binaries, from upstream's sites as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kubeup import profile
from kubeup.cli.release import _wanted, release_group
from kubeup.sources.cache import find
from tests.support.authority import Authority
from tests.support.internet import HOSTS, publish
from tests.support.upstream import Upstream, serving

SILENT = "nodes: [root@192.168.200.13, root@192.168.200.14]\nroles: ai i\n"


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """This machine reaches it through a proxy that opens TLS, whose authority SSL_CERT_FILE names."""
    authority = Authority("Example Inspection Root")
    (tmp_path / "root.pem").write_text(authority.pem)
    with serving(Upstream(tmp_path / "internet")) as found:
        found.tls = authority.server(tmp_path, *HOSTS)
        monkeypatch.setenv("https_proxy", found.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
        monkeypatch.setenv("KUBEUP_CACHE", str(tmp_path / "cache"))
        for name in ("no_proxy", "NO_PROXY", "GITHUB_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield found


@pytest.mark.parametrize("runtime", ["", "runtime: docker\n"])
def test_a_first_run_needs_no_pin(internet: Upstream, tmp_path: Path, runtime: str) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(SILENT + runtime)
    wanted = _wanted(profile.load(path).cluster, "amd64")
    publish(internet, wanted)
    done = CliRunner().invoke(release_group, ["fetch", str(path)])
    assert done.exit_code == 0, done.output
    assert [one for one in wanted if find(tmp_path / "cache", one) is None] == []
    internet.requests.clear()
    assert CliRunner().invoke(release_group, ["fetch", str(path)]).exit_code == 0
    assert internet.requests == []


def test_a_minor_is_the_patch_that_upstream_has_today(internet: Upstream, tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(f'{SILENT}kubernetes: "1.36"\n')
    internet.put("dl.k8s.io/release/stable-1.36.txt", b"v1.36.11")
    cluster = profile.load_text(f"{SILENT}kubernetes: 1.36.11\n", "profile.yaml").cluster
    publish(internet, _wanted(cluster, "amd64"))
    done = CliRunner().invoke(release_group, ["fetch", str(path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "cache/release/kubelet/1.36.11/amd64/kubelet").exists()
    listed = CliRunner().invoke(release_group, ["list", str(path)]).stdout
    assert "1.36.11" in listed
