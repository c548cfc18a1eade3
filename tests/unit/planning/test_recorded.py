"""What a cluster was built with stays until the profile asks for something else."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup import components
from kubeup.model.cluster import KUBERNETES
from kubeup.model.facts import Record
from kubeup.planning import recorded, resolve
from kubeup.preflight import end_of_life
from kubeup.release.artifacts import Artifact
from tests.support.plans import BARE, two_nodes

DOCKERD = components.artifact("docker:dockerd", "28.5.2", "amd64")


def remembering(**meta: str) -> Record:
    return Record(meta={"cluster": "demo", **{key.replace("__", "/"): value for key, value in meta.items()}})


@pytest.mark.parametrize(
    ("asked", "of_nodes", "stays"),
    [
        ("1.36", ["1.36.2"], "1.36.2"),
        ("1.36", [], ""),
        ("1.37", ["1.36.2"], ""),
        ("1.36.9", ["1.36.2"], "1.36.9"),
        ("", ["1.36.2"], "1.36.2"),
        ("", [], ""),
        # An upgrade that broke off goes on.
        ("1.37", ["1.36.2", "1.37.1"], "1.37.1"),
        ("1.36", ["1.36.9", "1.36.10"], "1.36.10"),
    ],
)
def test_the_patch_that_runs_stays_until_another_is_asked_for(asked: str, of_nodes: list[str], stays: str) -> None:
    assert recorded.stays(asked, of_nodes) == stays


def test_a_cluster_that_runs_a_patch_keeps_it_though_kubeup_knows_a_newer_one() -> None:
    cluster = two_nodes(kubernetes_asked="1.36")
    facts = {node.host: replace(BARE, record=remembering(kubernetes="1.36.1")) for node in cluster.nodes}
    assert resolve.resolve(cluster, facts).versions.kubernetes == "1.36.1"


def test_a_first_download_is_recorded_and_read_back() -> None:
    cluster = two_nodes()
    facts = {node.host: BARE for node in cluster.nodes}
    first = Artifact(DOCKERD, "a" * 64, 9, Path("dockerd"), "official", first_sum="b" * 64)
    meta = dict(recorded.meta(cluster, cluster.control_plane[0], [first]))
    assert meta["first-sum/docker-28.5.2-amd64"] == "b" * 64
    assert dict(recorded.meta(cluster, cluster.nodes[1], [first])) == {"first-sum/docker-28.5.2-amd64": "b" * 64}
    facts[cluster.control_plane[0].host] = replace(BARE, record=Record(meta=meta))
    assert resolve.resolve(cluster, facts).first_sums == {"docker-28.5.2-amd64": "b" * 64}


@pytest.mark.parametrize(
    ("version", "day", "warned"),
    [
        ("1.34.4", datetime.date(2026, 10, 28), True),
        ("1.34.4", datetime.date(2026, 10, 27), False),
        ("1.37.2", datetime.date(2026, 10, 28), False),
    ],
)
def test_end_of_life_is_a_warning_with_its_date(version: str, day: datetime.date, warned: bool) -> None:
    cluster = two_nodes()
    cluster = replace(cluster, versions=cluster.versions.with_(KUBERNETES, version))
    found = end_of_life(cluster, day)
    assert [("2026-10-27" in one.message, one.severity, 'kubernetes: "1.35"' in one.fix) for one in found] == (
        [(True, "warning", True)] if warned else []
    )
