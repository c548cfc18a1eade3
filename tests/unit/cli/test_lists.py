"""Commands that only look: lists of addons, images and binaries, and two snapshots of a node compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.recorded import ADDONS, IMAGES, Answer, Kubeup
from tests.unit.cli.conftest import FIRST, SECOND

PAUSE = "registry.k8s.io/pause:3.10.2"


@pytest.fixture
def listing(demo: Kubeup) -> Kubeup:
    """dns runs with one pod of two; node4 lacks the pause image."""
    demo.nodes[FIRST].answers |= {
        ADDONS: Answer("v dns 1.14.7\nw dns 2 1\ndone\n"),
        IMAGES: Answer(f"image\t{PAUSE}\tsha256:{'1' * 64}\ndone\n"),
    }
    demo.nodes[SECOND].answers[IMAGES] = Answer("done\n")
    return demo


def test_addons_are_listed_with_what_is_there_and_what_there_is(listing: Kubeup) -> None:
    done = listing("addons", "list")
    assert done.exit_code == 0, done.output
    lines = {line.split()[0]: line.split() for line in done.stdout.split("\n") if line.strip()}
    assert lines["dns"][1] == "1.14.7"
    assert "1/2" in lines["dns"]
    assert lines["storage"][1] == "-"
    assert not listing.touched


def test_addons_are_json_for_scripts(listing: Kubeup) -> None:
    rows = {row["name"]: row for row in json.loads(listing("addons", "list", "-o", "json").stdout)["addons"]}
    assert (rows["dns"]["installed"], rows["dns"]["ready"], rows["dns"]["wanted"]) == ("1.14.7", 1, 2)
    assert rows["storage"]["installed"] is None


def test_an_api_that_does_not_answer_is_no_empty_list(listing: Kubeup) -> None:
    listing.nodes[FIRST].answers[ADDONS] = Answer("", status=1, stderr="The connection was refused")
    done = listing("addons", "list")
    assert done.exit_code == 1
    assert "the API does not answer" in done.stderr
    assert "The connection was refused" in done.stderr


def test_images_are_listed_node_by_node(listing: Kubeup) -> None:
    done = listing("images", "list")
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stdout.split("\n") if line.startswith(PAUSE.rpartition(":")[0])]
    assert line.split()[1:] == ["pause", "yes", "missing"]


def test_a_check_of_images_ends_in_1_where_one_is_missing(listing: Kubeup) -> None:
    assert listing("images", "check").exit_code == 1
    listing.nodes[SECOND].answers = listing.nodes[FIRST].answers
    done = listing("images", "check")
    assert done.exit_code == 0, done.output
    assert "All 1 images are on every node" in done.stdout


def test_a_runtime_that_is_dead_is_told_and_the_other_nodes_are_listed(listing: Kubeup) -> None:
    listing.nodes[SECOND].answers[IMAGES] = Answer("dead\tfailed\n")
    done = listing("images", "list")
    assert "node4: images: its container runtime does not answer" in done.stdout
    told = json.loads(listing("images", "list", "-o", "json").stdout)
    assert told["images"][0]["nodes"] == {"node3": "yes", "node4": "?"}


def test_binaries_are_listed_with_what_lies_in_the_cache(listing: Kubeup) -> None:
    done = listing("release", "list", "profile.yaml")
    assert done.exit_code == 0, done.output
    lines = {line.split()[0]: line.split() for line in done.stdout.split("\n") if line.strip()}
    assert lines["NAME"][:2] == ["NAME", "VERSION"]
    assert lines["kubelet"][2] == "no"
    assert done.stdout.strip().endswith("sources: cache")


def snapshot(path: Path, *things: str) -> str:
    path.write_text("".join(f"{thing}\n" for thing in (*things, "end\t\t")).replace(" ", "\t"))
    return str(path)


def test_what_differs_between_two_snapshots_is_a_line_each(kubeup: Kubeup) -> None:
    before = snapshot(kubeup.home / "before", "file /etc/a 1", "file /etc/b 1", "unit x.service on")
    after = snapshot(kubeup.home / "after", "file /etc/a 2", "unit x.service on", "link cni0 up")
    done = kubeup("node", "compare", before, after)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "changed  file /etc/a  1 -> 2",
        "gone     file /etc/b  1",
        "new      link cni0  up",
    ]
    assert "3 differences" in done.stderr
    same = kubeup("node", "compare", before, before)
    assert (same.exit_code, same.stdout) == (0, "")
    assert "nothing differs" in same.stderr


def test_a_snapshot_that_was_cut_off_or_is_not_there_is_refused(kubeup: Kubeup) -> None:
    whole = snapshot(kubeup.home / "whole", "file /etc/a 1")
    (kubeup.home / "half").write_text("file\t/etc/a\t1\n")
    for other, words in (("half", "no whole snapshot"), ("nowhere", "nowhere cannot be read")):
        done = kubeup("node", "compare", whole, other)
        assert done.exit_code == 1
        assert words in done.stderr
