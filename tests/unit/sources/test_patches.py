"""The newest patch of a minor version: asked from the sources in order, else what is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.model.cluster import Source
from kubeup.release.artifacts import ReleaseEvent, Tried
from kubeup.release.kubernetes import MINORS
from kubeup.sources import patches
from tests.support.plans import two_nodes
from tests.support.upstream import Upstream, serving

TABLE = MINORS["1.36"].patch


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Upstream]:
    with serving(Upstream(tmp_path / "mirror")) as found:
        yield found


def newest(root: Path, *sources: Source) -> tuple[str, list[ReleaseEvent]]:
    told: list[ReleaseEvent] = []
    cluster = replace(two_nodes(), sources=sources)
    return patches.newest(cluster, "1.36", told.append, root), told


def test_a_mirror_serves_what_upstream_says_at_the_same_path(mirror: Upstream, tmp_path: Path) -> None:
    mirror.put("dl.k8s.io/release/stable-1.36.txt", b"v1.36.11")
    assert newest(tmp_path, Source("cache"), Source("mirror", mirror.url)) == ("1.36.11", [])


def test_the_next_source_is_asked_and_then_what_is_known_is_taken(mirror: Upstream, tmp_path: Path) -> None:
    second = Source("mirror", f"{mirror.url}/second")
    mirror.put("second/dl.k8s.io/release/stable-1.36.txt", b"v1.36.7\n")
    found, told = newest(tmp_path, Source("mirror", mirror.url), second)
    assert found == "1.36.7"
    assert [event.source for event in told if isinstance(event, Tried)] == [mirror.url]
    found, told = newest(tmp_path, Source("mirror", mirror.url))
    assert found == TABLE
    assert [event.reason for event in told if isinstance(event, Tried)] == [
        f"{mirror.url}/dl.k8s.io/release/stable-1.36.txt answered 404 Not Found"
    ]


@pytest.mark.parametrize("content", [b"<html>log in</html>", b"v1.37.1", b"v1.36.1-rc.0"])
def test_an_answer_that_is_no_patch_of_it_is_none(mirror: Upstream, tmp_path: Path, content: bytes) -> None:
    mirror.put("dl.k8s.io/release/stable-1.36.txt", content)
    assert newest(tmp_path, Source("mirror", mirror.url))[0] == TABLE


def test_where_nobody_is_asked_the_newest_of_the_cache_is_taken(tmp_path: Path) -> None:
    for version in ("1.36.9", "1.36.10", "1.37.1"):
        (tmp_path / "release/kubelet" / version).mkdir(parents=True)
    assert newest(tmp_path, Source("cache"), Source("go"))[0] == "1.36.10"
