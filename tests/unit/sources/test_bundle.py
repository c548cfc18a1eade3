"""Bundles: the same bytes every time, held to their sums, and clear about what they lack."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from kubeup import components
from kubeup.addons import dns
from kubeup.cli.main import main
from kubeup.cli.release import _wanted
from kubeup.image_store import fetch
from kubeup.model.cluster import Source
from kubeup.model.errors import ReleaseError
from kubeup.profile import load
from kubeup.release.artifacts import Artifact, ArtifactRef, Download
from kubeup.sources import bundle, cache
from kubeup.sources.search import resolve
from tests.support import archives
from tests.support.archives import Made, layer

KUBELET, COREDNS = (
    components.artifact("kubelet", "1.37.2", "amd64"),
    components.artifact("image:coredns", "1.14.7", "amd64"),
)
CONTENTS = {KUBELET: b"kubelet" * 30_000, COREDNS: b"an archive" * 20_000}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A cache with two files."""
    for wanted, content in CONTENTS.items():
        path = tmp_path / "download"
        path.write_bytes(content)
        place = (Download("https://dl.k8s.io/kubelet", "0" * 64),)
        cache.take_in(tmp_path / "cache", wanted, path, "official", place)
    return tmp_path / "cache"


@pytest.fixture
def made(root: Path, tmp_path: Path) -> Path:
    bundle.write(tmp_path / "kubeup.tar", root, entries(root))
    return tmp_path / "kubeup.tar"


def entries(root: Path) -> list[bundle.BundledFile]:
    return [bundle.BundledFile.of(found) for one in CONTENTS if (found := cache.find(root, one))]


def take(made: Path, root: Path, *wanted: ArtifactRef) -> tuple[Artifact, ...]:
    return resolve(wanted or tuple(CONTENTS), [Source("bundle", str(made))], root=root)


def test_the_same_files_make_the_same_bytes(root: Path, made: Path, tmp_path: Path) -> None:
    bundle.write(tmp_path / "again.tar", root, entries(root)[::-1])
    assert (tmp_path / "again.tar").read_bytes() == made.read_bytes()
    with tarfile.open(made) as tar:
        names = tar.getnames()
    assert names[0].startswith("kubeup-bundle-")
    assert names[1:] == sorted(bundle.key_of(one) for one in CONTENTS)


def test_an_empty_cache_gets_everything_and_nodes_are_told_no_site(made: Path, tmp_path: Path) -> None:
    found = take(made, tmp_path / "empty")
    assert [one.path.read_bytes() for one in found] == list(CONTENTS.values())
    assert [one.downloads for one in found] == [(), ()]
    # From then on they lie in the cache, as if they had been fetched.
    made.unlink()
    again = resolve(tuple(CONTENTS), [Source("cache")], root=tmp_path / "empty")
    assert [one.source for one in again] == ["official", "official"]


def test_the_bundle_counts_and_not_what_the_cache_has_of_that_name(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (tmp_path / "file").write_bytes(b"built here")
    cache.take_in(other, KUBELET, tmp_path / "file", "built from its Go module")
    (found,) = take(made, other, KUBELET)
    assert found.path.read_bytes() == CONTENTS[KUBELET]


def test_a_file_of_the_cache_that_changed_is_not_put_into_a_bundle(root: Path, tmp_path: Path) -> None:
    known = entries(root)
    cache.path_of(root, KUBELET).write_bytes(b"x" * len(CONTENTS[KUBELET]))
    with pytest.raises(ReleaseError, match="is damaged"):
        bundle.write(tmp_path / "kubeup.tar", root, known)
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == [], "no half of a bundle stays"


@pytest.mark.parametrize("place", [0.0, 0.0005, 0.2, 0.9])
def test_a_changed_byte_is_refused(made: Path, tmp_path: Path, place: float) -> None:
    content = bytearray(made.read_bytes())
    content[int(len(content) * place) + 1] ^= 1
    made.write_bytes(content)
    with pytest.raises(ReleaseError) as caught:
        take(made, tmp_path / "empty")
    text = " ".join([caught.value.message, *caught.value.evidence])
    assert "is damaged" in text or "no bundle of kubeup's" in text
    left = [path for path in (tmp_path / "empty").rglob("*") if path.name.startswith(".")]
    assert left == []


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7])
def test_a_bundle_that_was_cut_off_is_refused(made: Path, tmp_path: Path, share: float) -> None:
    made.write_bytes(made.read_bytes()[: int(made.stat().st_size * share)])
    with pytest.raises(ReleaseError, match=r"damaged|no bundle of kubeup's|refused"):
        take(made, tmp_path / "empty")


def test_what_it_lacks_is_named_with_what_it_has_instead(made: Path, tmp_path: Path) -> None:
    newer, other = components.artifact("kubelet", "1.38.0", "amd64"), components.artifact("etcd", "3.6.16", "arm64")
    with pytest.raises(ReleaseError) as caught:
        take(made, tmp_path / "empty", COREDNS, newer, other)
    text = "\n".join(caught.value.evidence)
    assert "kubelet 1.38.0 (amd64):\n  bundle: it has 1.37.2 (amd64) instead" in text
    assert "etcd 3.6.16 (arm64):\n  bundle: it is not in there" in text
    assert "coredns" not in text
    assert f"kubeup release bundle PROFILE -o {made} --arch amd64 --arch arm64" in caught.value.fix


def test_an_image_that_cannot_be_had_is_said_when_the_bundle_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`up` would leave it to the nodes; those that a bundle is for have nowhere to pull from."""
    monkeypatch.setenv("KUBEUP_CACHE", str(tmp_path / "cache"))
    profile = tmp_path / "profile.yaml"
    profile.write_text("nodes: [root@192.0.2.1]\nroles: ai\nruntime: containerd\nsources: [cache]\n")
    for one in _wanted(load(profile).cluster, "amd64"):
        if one.name != "image:coredns":
            (tmp_path / "file").write_bytes(one.name.encode())
            cache.take_in(tmp_path / "cache", one, tmp_path / "file", "official")
    done = CliRunner().invoke(main, ["release", "bundle", str(profile), "-o", str(tmp_path / "kubeup.tar")])
    assert done.exit_code == 1
    assert "image:coredns" in done.output
    assert f"image_coredns/{dns.COREDNS.version}/amd64/image_coredns" in done.output, "where to put it by hand"
    assert not (tmp_path / "kubeup.tar").exists()


def test_an_image_of_the_users_is_taken_from_the_cache_where_nothing_can_be_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a profile of no node's own: what a bundle holds is settled without asking a machine."""
    monkeypatch.setenv("KUBEUP_CACHE", str(tmp_path / "cache"))
    profile = tmp_path / "profile.yaml"
    profile.write_text("nodes: [root@192.0.2.1]\nroles: ai\nruntime: containerd\nsources: [cache]\nimages: [mine:1]\n")
    refused = CliRunner().invoke(main, ["release", "bundle", str(profile), "-o", str(tmp_path / "kubeup.tar")])
    assert refused.exit_code == 1
    mine = fetch.own_path("docker.io/library/mine:1", "amd64")
    mine.parent.mkdir(parents=True)
    mine.write_bytes(archives.docker(Made("mine:1", (layer("mine"),))))
    root = tmp_path / "cache"
    bundle.write(tmp_path / "kubeup.tar", root, [bundle.BundledFile.of_file(root, mine)])
    content = mine.read_bytes()
    mine.unlink()
    with bundle.opened(tmp_path / "kubeup.tar") as found:
        assert found.take_file(root, mine)
        assert not found.take_file(root, fetch.own_path("docker.io/library/other:1", "amd64"))
    assert mine.read_bytes() == content
