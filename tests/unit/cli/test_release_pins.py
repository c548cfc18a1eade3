"""``kubeup release pins``: what it prints can be pasted, and is enough for who requires pins."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kubeup import profile
from kubeup.cli.release import _wanted, release_group
from kubeup.model.resources import sha256
from kubeup.release.artifacts import Download
from kubeup.release.catalog import fill, row_of
from kubeup.sources import cache
from kubeup.sources.search import for_cluster

PROFILE = 'nodes: [root@192.168.200.13]\nroles: ai\nkubernetes: "1.36"\nsources: [cache]\nruntime: docker\n'


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which everything lies, as if it had come from upstream."""
    root = tmp_path / "cache"
    monkeypatch.setenv("KUBEUP_CACHE", str(root))
    for one in _wanted(profile.load_text(PROFILE, "profile.yaml").cluster, "amd64"):
        row, content = row_of(one), one.title.encode()
        file = tmp_path / "file"
        file.write_bytes(content)
        url = fill(row.url, one)
        downloads = (Download(f"https://{url}", sha256(url.encode()), fill(row.member, one)),) if row.member else ()
        cache.take_in(root, one, file, "official", downloads)
    return root


def test_what_it_prints_can_be_pasted_and_is_enough(filled: Path, tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(PROFILE)
    done = CliRunner().invoke(release_group, ["pins", str(path)])
    assert done.exit_code == 0, done.output
    assert "  kubelet-1.36.3-amd64: " in done.stdout
    assert sum(line.startswith("  docker-") for line in done.stdout.split("\n")) == 1
    path.write_text(f"{PROFILE}require_pins: true\n{done.stdout}")
    cluster = profile.load(path).cluster
    assert len(for_cluster(cluster, _wanted(cluster, "amd64"), emit=lambda _: None)) > 20


@pytest.mark.parametrize("roles", ["ai i i", "ai ai i"])
def test_a_bundle_says_what_is_not_in_it(filled: Path, tmp_path: Path, roles: str) -> None:
    """haproxy is the distribution's, and needed where workers reach several API servers."""
    path = tmp_path / "profile.yaml"
    nodes = ", ".join(f"root@192.168.200.{number}" for number in (13, 14, 15))
    path.write_text(PROFILE.replace("root@192.168.200.13", nodes).replace("roles: ai", f"roles: {roles}"))
    done = CliRunner().invoke(release_group, ["bundle", str(path), "-o", str(tmp_path / "kubeup.tar")])
    assert done.exit_code == 0, done.output
    told = "not in it: haproxy, which must be on 192.168.200.15 (apt-get install haproxy)"
    assert (told in done.output) == (roles == "ai ai i")
