"""Pulling an image of the user's from a registry: a real HTTP server on loopback."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeup.image_store import registry
from kubeup.images.archive_reader import read
from kubeup.images.names import Reference
from kubeup.model.cluster import Proxy
from kubeup.model.errors import ReleaseError
from kubeup.model.events import Event, Working
from kubeup.sources.site import Site, UnavailableError
from tests.support.archives import Made, layer, sha256
from tests.support.upstream import Upstream, serving

NAME = Reference("registry.example.com", "team/app", "1")
IMAGE = Made(str(NAME), (layer("low", 300_000), layer("high", 5_000)))
PACKED = [gzip.compress(one, 1, mtime=0) for one in IMAGE.layers]
BLOBS = "v2/team/app/blobs"


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with serving(Upstream(tmp_path / "registry")) as site:
        put(site, IMAGE, PACKED)
        yield site


def put(site: Upstream, image: Made, packed: list[bytes]) -> None:
    for blob in (image.config, *packed):
        site.put(f"{BLOBS}/sha256:{sha256(blob)}", blob)
    layers = [{"digest": f"sha256:{sha256(one)}", "size": len(one)} for one in packed]
    config = {"digest": f"sha256:{sha256(image.config)}", "size": len(image.config)}
    manifest = json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode()
    site.put("v2/team/app/manifests/1", manifest)


def pull(site: Upstream, target: Path, said: list[Event] | None = None) -> None:
    registry.pull(Site(site.url, Proxy()), NAME, "amd64", target, (said if said is not None else []).append)


def test_an_image_comes_with_its_layers_as_the_registry_has_them(upstream: Upstream, tmp_path: Path) -> None:
    said: list[Event] = []
    pull(upstream, tmp_path / "images/amd64.tar", said)
    (found,) = read(tmp_path / "images/amd64.tar")
    assert found.names == (IMAGE.name,)
    assert found.id == IMAGE.id
    assert [one.sha256 for one in found.layers] == [sha256(one) for one in PACKED]
    total = sum(map(len, PACKED))
    last = said[-1]
    assert isinstance(last, Working)
    assert (last.done, last.total, last.bytes) == (total, total, True)


def test_the_same_tag_again_brings_only_what_changed(upstream: Upstream, tmp_path: Path) -> None:
    target = tmp_path / "amd64.tar"
    pull(upstream, target)
    first = target.read_bytes()
    pull(upstream, target)
    assert target.read_bytes() == first
    newer = Made(IMAGE.name, (IMAGE.layers[0], layer("newer")))
    put(upstream, newer, [PACKED[0], gzip.compress(newer.layers[1], 1, mtime=0)])
    pull(upstream, target)
    assert read(target)[0].id == newer.id
    assert len(upstream.asked(sha256(PACKED[0]))) == 1, "the layer below was there"


def test_a_layer_that_is_not_what_it_should_be_is_refused(upstream: Upstream, tmp_path: Path) -> None:
    target = tmp_path / "amd64.tar"
    pull(upstream, target)
    whole = target.read_bytes()
    target.unlink()
    place = f"{BLOBS}/sha256:{sha256(PACKED[0])}"
    for wrong in (b"", PACKED[0][:-1] + b"x", PACKED[0] + b"x"):
        upstream.put(place, wrong)
        with pytest.raises(ReleaseError, match="not what it should be"):
            pull(upstream, target)
    upstream.put(place, PACKED[0])
    upstream.breaks[f"/{place}"] = 1000
    with pytest.raises((UnavailableError, ReleaseError)):
        pull(upstream, target)
    assert list(tmp_path.glob("*.tar*")) == []
    pull(upstream, target)
    assert target.read_bytes() == whole
