"""Images that are pulled for the cluster itself: registries are real HTTP servers on loopback."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeup import components
from kubeup.addons import IMAGES
from kubeup.model.cluster import Source, Versions
from kubeup.model.errors import ReleaseError
from kubeup.release.catalog import fill
from kubeup.sources import image_builds
from kubeup.sources.go_builds import RECIPES
from kubeup.sources.search import resolve
from tests.support.archives import contents
from tests.support.upstream import Upstream, serving

PAUSE = components.artifact("pause", "3.10.2", "arm64")


HOST = "registry.k8s.io/v2/pause"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Upstream]:
    """pause for two architectures, laid out as the registry protocol names its parts."""
    with serving(Upstream(tmp_path / "registry")) as site:
        entries = []
        for arch in ("amd64", "arm64"):
            layer = b"".join((arch.encode(), b" pause ", bytes(1024)))
            config = json.dumps({"architecture": arch, "os": "linux", "rootfs": {"diff_ids": [digest(layer)]}}).encode()
            packed = gzip.compress(layer)
            for blob in (config, packed):
                site.put(f"{HOST}/blobs/{digest(blob)}", blob)
            manifest = json.dumps(
                {"schemaVersion": 2, "config": {"digest": digest(config)}, "layers": [{"digest": digest(packed)}]}
            ).encode()
            site.put(f"{HOST}/manifests/{digest(manifest)}", manifest)
            entries.append({"digest": digest(manifest), "platform": {"os": "linux", "architecture": arch}})
        site.put(f"{HOST}/manifests/3.10.2", json.dumps({"schemaVersion": 2, "manifests": entries}).encode())
        yield site


def test_pause_is_pulled_for_its_architecture_and_becomes_an_archive(registry: Upstream, tmp_path: Path) -> None:
    (artifact,) = resolve([PAUSE], [Source("mirror", registry.url)], root=tmp_path / "cache")
    found = contents(artifact.path.read_bytes())
    (manifest,) = json.loads(found["manifest.json"])
    assert manifest["RepoTags"] == ["registry.k8s.io/pause:3.10.2"]
    assert found[manifest["Layers"][0]].startswith(b"arm64 pause ")
    assert json.loads(found[manifest["Config"]])["architecture"] == "arm64"
    (again,) = resolve([PAUSE], [Source("mirror", registry.folder.as_uri())], root=tmp_path / "other")
    assert again.sha256 == artifact.sha256


def test_a_registry_that_wants_a_token_is_asked_for_one_once(registry: Upstream, tmp_path: Path) -> None:
    registry.token = "for-anybody"
    (artifact,) = resolve([PAUSE], [Source("mirror", registry.url)], root=tmp_path / "cache")
    assert contents(artifact.path.read_bytes())
    (asked,) = registry.asked("/token")
    assert "scope=repository%3Ax%3Apull" in asked
    assert "service=registry" in asked


@pytest.mark.parametrize("name", IMAGES)
def test_an_addons_image_has_upstreams_name(name: str) -> None:
    image = IMAGES[name]
    row = image.row
    (wanted,) = row.wanted(Versions(), "amd64")
    assert fill(row.image, wanted) == image.reference(Versions())
    host, _, path = image.repository.partition("/")
    url = fill(row.url, wanted)
    assert url.startswith(f"{'registry-1.docker.io' if host == 'docker.io' else host}/v2/{path}/manifests/")
    assert not row.module or row.module in {**RECIPES, **image_builds.BUILDS}


def test_a_pin_of_pause_is_of_its_archive(registry: Upstream, tmp_path: Path) -> None:
    source = Source("mirror", registry.url)
    (artifact,) = resolve([PAUSE], [source], root=tmp_path / "cache")
    resolve([PAUSE], [source], root=tmp_path / "second", pins={"pause-3.10.2-arm64": artifact.sha256})
    with pytest.raises(ReleaseError) as caught:
        resolve([PAUSE], [source], root=tmp_path / "third", pins={"pause-3.10.2-arm64": "0" * 64})
    assert caught.value.evidence[1] == f"sha256 of what came: {artifact.sha256}"


def test_a_part_that_is_not_what_its_digest_says_is_refused(registry: Upstream, tmp_path: Path) -> None:
    for blob in (registry.folder / HOST / "blobs").iterdir():
        blob.write_bytes(blob.read_bytes() + b"!")
    with pytest.raises(ReleaseError) as caught:
        resolve([PAUSE], [Source("mirror", registry.url)], root=tmp_path / "cache")
    assert caught.value.message == "what a registry sent is not what it should be"
    assert [line.partition(":")[0] for line in caught.value.evidence[1:]] == [
        "sha256 of what came",
        "sha256 expected",
    ]


def test_an_architecture_that_is_not_there_is_told_with_those_that_are(registry: Upstream, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError) as caught:
        resolve(
            [components.artifact("pause", "3.10.2", "s390x")], [Source("mirror", registry.url)], root=tmp_path / "cache"
        )
    assert caught.value.message == "registry.k8s.io/pause:3.10.2 is not there for linux/s390x"
    assert caught.value.evidence == ("there is: linux/amd64, linux/arm64",)


def test_a_page_instead_of_a_manifest_is_told(registry: Upstream, tmp_path: Path) -> None:
    registry.put(f"{HOST}/manifests/3.10.2", b"<html>please log in</html>")
    with pytest.raises(ReleaseError, match=r"the manifest of 3\.10\.2 is no manifest"):
        resolve([PAUSE], [Source("mirror", registry.url)], root=tmp_path / "cache")
