"""The world on loopback, out of a cache whose programs are a few bytes each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubeup.release.artifacts import ArtifactRef
from tests.support import archives
from tests.support.archives import Made, layer
from tests.support.authority import Authority
from tests.world import proxy, server
from tests.world.images import Images
from tests.world.server import Log
from tests.world.shelf import Shelf
from tests.world.sites import Sites

LOOPBACK = ("127.0.0.1", 0)


@dataclass(frozen=True)
class World:
    """cache: where its programs are from. proxy: the way in, for this machine does not know its names."""

    cache: Path
    sites: Sites
    log: Log
    proxy: str
    authority: Path

    def has(self, wanted: Iterable[ArtifactRef]) -> None:
        """A program of some bytes for each, or an image of two layers, in the version that is asked for."""
        for one in wanted:
            name = one.name.replace(":", "_")
            path = self.cache / "release" / name / one.version / one.arch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            is_image = one.row is not None and bool(one.row.image)
            image = Made(one.name, (layer(f"low {one.name}"), layer(f"high {one.name}", 3000)), one.arch)
            path.write_bytes(archives.docker(image) if is_image else f"{one.title}\n".encode() * 500)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    cache, log = tmp_path / "built", Log(tmp_path / "log")
    shelf = Shelf(cache, tmp_path / "shelf")
    sites = Sites(shelf, Images(shelf, tmp_path / "blobs"))
    authority = Authority("The World's Own Root")
    pem = tmp_path / "authority.pem"
    pem.write_text(authority.pem)
    with ExitStack() as stack:
        contexts = server.by_name(authority, tmp_path, sites.hosts)
        port = stack.enter_context(server.serving(LOOPBACK, sites.answer, log, contexts))
        way_in = stack.enter_context(proxy.serving(LOOPBACK, proxy.to_one_place(sites.hosts, (LOOPBACK[0], port))))
        yield World(cache, sites, log, f"http://{LOOPBACK[0]}:{way_in}", pem)
