"""Addons on a screen and as JSON."""

from __future__ import annotations

import json

from kubeup.commands.addons import Change, Installed
from kubeup.report import addons
from tests.support.plans import two_nodes
from tests.unit.report.conftest import Shown

CLUSTER = two_nodes(addons=("dns", "metrics-server"), addons_by_hand=("metrics-server",))
FOUND = {"dns": Installed("dns", "1.2.3", 1, 2), "team": Installed("team", "-")}


def test_each_addon_is_a_line_with_what_is_there_and_who_asked(shown: Shown) -> None:
    lines = {line.split()[0]: line.split() for line in shown(addons.show, CLUSTER, FOUND).split("\n") if line.strip()}
    assert lines["ADDON"][:4] == ["ADDON", "INSTALLED", "AVAILABLE", "PODS"]
    assert lines["dns"][1] == "1.2.3"
    assert lines["dns"][3:5] == ["1/2", "profile"]
    assert lines["metrics-server"][1] == "-"
    assert lines["metrics-server"][4:6] == ["by", "hand"]
    assert lines["team"] == ["team", "yes", "-", "-", "-", "your", "own"]
    assert lines["storage"][4] == "-"


def test_for_scripts_it_is_json() -> None:
    rows = {row["name"]: row for row in json.loads(addons.as_json(CLUSTER, FOUND))["addons"]}
    assert (rows["dns"]["installed"], rows["dns"]["ready"], rows["dns"]["wanted"]) == ("1.2.3", 1, 2)
    assert rows["storage"]["installed"] is None
    assert rows["team"]["available"] is None


def test_what_became_of_each_is_a_line(shown: Shown) -> None:
    changes = [Change("a", 3, 1, 2), Change("b", same=4), Change("c", gone=True)]
    assert shown(addons.show_changes, CLUSTER, changes) == (
        "a: runs; 3 new, 1 changed, 2 as they were\nb: runs; nothing changed (4 objects)\nc: taken away"
    )
    told = json.loads(addons.changes_json(changes))
    assert told["changed"] is True
    assert told["addons"][2] == {"name": "c", "new": 0, "changed": 0, "unchanged": 0, "gone": True}
    assert json.loads(addons.changes_json(changes[1:2]))["changed"] is False
