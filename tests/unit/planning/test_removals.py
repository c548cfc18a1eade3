"""What down takes back: a node's own record in, steps out."""

from __future__ import annotations

from dataclasses import replace

from kubeup.plan.steps import (
    DeleteState,
    RestorePath,
    Stop,
)
from kubeup.planning.removals import empty_diff
from tests.support.plans import BARE, built, two_nodes


def test_down_stops_units_in_reverse_gives_every_path_back_and_forgets_last() -> None:
    cluster = two_nodes()
    facts, _ = built(cluster, cluster.nodes[1])
    found = empty_diff("node4", facts)
    stops = [step.unit for step in found.steps if isinstance(step, Stop)]
    assert stops == list(facts.record.units)[::-1]
    assert {step.owned.path for step in found.steps if isinstance(step, RestorePath)} == set(facts.record.owned)
    assert isinstance(found.steps[-1], DeleteState)
    kinds = [type(step) for step in found.steps]
    assert kinds.index(RestorePath) > max(index for index, kind in enumerate(kinds) if kind is Stop)


def test_down_knows_what_was_edited_meanwhile() -> None:
    cluster = two_nodes()
    facts, _ = built(cluster, cluster.nodes[1])
    path = "/etc/kubernetes/kubelet.yaml"
    files = {**facts.files, path: replace(facts.files[path], sha256="0" * 64)}
    found = empty_diff("node4", replace(facts, files=files))
    assert [step.owned.path for step in found.steps if isinstance(step, RestorePath) and step.edited] == [path]


def test_down_on_a_bare_node_does_nothing() -> None:
    assert empty_diff("node4", BARE).empty


def test_down_takes_away_what_an_up_brought_that_was_cut_off_before_its_first_step() -> None:
    assert empty_diff("node4", replace(BARE, home=True)).steps == (DeleteState(False),)
