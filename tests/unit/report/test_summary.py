"""What a command did, on a screen and as JSON."""

from __future__ import annotations

import json

from kubeup.execution.job import NodeOutcome, Outcome
from kubeup.report import data, summary
from tests.unit.report.conftest import HEALTHY, Shown

DONE = Outcome(
    True,
    (
        NodeOutcome("node3", 4, 2_500_000, ("/etc/a", "/etc/b"), ("kubelet.service",)),
        NodeOutcome("node4", 1, 0, (), ()),
    ),
    {"staging": 1.25, "all": 3.0},
)


def test_each_node_is_a_line_and_each_phase_has_its_seconds(shown: Shown) -> None:
    assert shown(summary.show, DONE) == (
        "NODE    FILES   UNITS   ROUND TRIPS     SENT\n"
        "node3       2       1             4   2.5 MB\n"
        "node4       0       0             1      0 B\n"
        "   1.2 s  staging"
    )


def test_what_was_undone_has_no_files_and_units(shown: Shown) -> None:
    assert shown(summary.show, DONE, undone=True).split("\n")[0] == "NODE    ROUND TRIPS     SENT"


def test_nothing_changed_is_one_line(shown: Shown) -> None:
    unchanged = Outcome(False, DONE.nodes)
    assert shown(summary.show, unchanged) == "Nothing changed: 2 nodes asked, 5 round trips."


def test_for_scripts_it_is_json_with_health_where_it_was_looked_at() -> None:
    told = json.loads(data.outcome(DONE, None))
    assert told["changed"] is True
    assert told["nodes"][0] == {
        "name": "node3",
        "round_trips": 4,
        "bytes": 2_500_000,
        "files": ["/etc/a", "/etc/b"],
        "units": ["kubelet.service"],
    }
    assert "health" not in told
    assert json.loads(data.outcome(DONE, HEALTHY))["health"]["healthy"] is True
