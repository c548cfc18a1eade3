"""Images on a screen and as JSON: what is needed against what is there."""

from __future__ import annotations

import json

from kubeup.image_store.push import Pushed
from kubeup.image_store.required import RequiredImage
from kubeup.image_store.survey import NodeImages
from kubeup.model.errors import NodeError
from kubeup.report import images
from tests.support.plans import two_nodes
from tests.unit.report.conftest import Shown

CLUSTER = two_nodes()
FIRST, SECOND = (node.host for node in CLUSTER.nodes)
NEEDED = [RequiredImage("a/app:1", "images"), RequiredImage("a/pause:3", "pause")]


def table(first: dict[str, str], second: dict[str, str] | None) -> images.Table:
    had = {FIRST: NodeImages(first), **({SECOND: NodeImages(second)} if second is not None else {})}
    failures = {} if second is not None else {SECOND: NodeError("node4", "images", "its runtime does not answer")}
    return images.table(CLUSTER, NEEDED, had, {}, failures)


def test_images_stand_against_nodes(shown: Shown) -> None:
    found = table({"a/app:1": "x", "a/pause:3": "p"}, {"a/pause:3": "p"})
    assert shown(images.show, found) == (
        "IMAGE       FOR      node3   node4\na/app:1     images   yes     missing\na/pause:3   pause    yes     yes"
    )


def test_a_check_shows_only_what_is_amiss_and_what_to_type(shown: Shown) -> None:
    text = shown(images.show, table({"a/app:1": "x", "a/pause:3": "p"}, {"a/pause:3": "p"}), check=True)
    assert "a/pause:3" not in text
    assert "kubeup images pull brings what is missing" in text
    every = {"a/app:1": "x", "a/pause:3": "p"}
    assert shown(images.show, table(every, every), check=True) == "All 2 images are on every node, the same ones."


def test_one_name_for_two_images_and_a_node_that_does_not_answer_are_told(shown: Shown) -> None:
    found = images.table(
        CLUSTER,
        NEEDED[:1],
        {FIRST: NodeImages({"a/app:1": "x"}), SECOND: NodeImages({"a/app:1": "y"})},
        {"a/app:1": frozenset({"x"})},
        {},
    )
    assert "a/app:1   images   yes     another" in shown(images.show, found)
    lost = table({"a/app:1": "x", "a/pause:3": "p"}, None)
    assert not lost.complete
    assert "a/app:1     images   yes     ?" in shown(images.show, lost)
    assert "node4: images: its runtime does not answer" in shown(images.show, lost)


def test_for_scripts_it_is_json() -> None:
    told = json.loads(images.as_json(table({"a/app:1": "x", "a/pause:3": "p"}, {"a/pause:3": "p"})))
    assert (told["cluster"], told["complete"]) == ("demo", False)
    assert told["images"][0]["nodes"] == {"node3": "yes", "node4": "missing"}
    assert told["images"][0]["for"] == "images"


def test_what_a_push_brought_is_a_line_a_node(shown: Shown) -> None:
    done = {FIRST: Pushed(("a/app:1",), 2_000_000, 1.5, 1.0), SECOND: Pushed((), 0, 0.5, 0.0)}
    assert shown(images.pushed, CLUSTER, done, ["a/app:1"]) == (
        "NODE      IMAGES     SENT   SECONDS\nnode3     1 of 1   2.0 MB       1.5\nnode4   had them      0 B       0.5"
    )
    told = json.loads(images.pushed_json(CLUSTER, done, {}, ["a/app:1"]))
    assert told["nodes"][0] == {
        "name": "node3",
        "images": ["a/app:1"],
        "bytes": 2000000,
        "seconds": 1.5,
        "sending": 1.0,
    }
    assert told["failures"] == []
