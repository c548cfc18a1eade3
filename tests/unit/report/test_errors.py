"""Failures on a screen: what happened, where, what was seen, what to type."""

from __future__ import annotations

from kubeup.model.errors import FleetError, KubeupError, NodeError, PreflightError
from kubeup.report import errors
from tests.unit.report.conftest import Shown


def test_a_failure_shows_evidence_and_what_to_type(shown: Shown) -> None:
    error = KubeupError("it does not work", evidence=["one", "two\nlines"], fix="kubeup up")
    assert shown(errors.show, error) == "error: it does not work\n  | one\n  | two\n  | lines\nfix: kubeup up"


def test_failures_of_several_nodes_come_together(shown: Shown) -> None:
    cause = NodeError("node4", "kubelet.service", "did not get ready", evidence=["no such flag"], fix="mend the flag")
    assert shown(errors.show, FleetError("1 of 2 nodes failed", (cause,), fix="again")) == (
        "error: 1 of 2 nodes failed\n"
        "  node4: kubelet.service: did not get ready\n"
        "    | no such flag\n"
        "    fix: mend the flag\n"
        "fix: again"
    )


def test_problems_of_preflight_stand_as_they_are(shown: Shown) -> None:
    error = PreflightError("1 problem before the start", evidence=["node3: swap is on\n  fix: swapoff -a"])
    assert shown(errors.show, error) == "error: 1 problem before the start\nnode3: swap is on\n  fix: swapoff -a"


def test_brackets_in_messages_are_no_markup(shown: Shown) -> None:
    assert "[bold]x[/]" in shown(errors.show, KubeupError("[bold]x[/]", fix="[red]y"))


def test_what_all_nodes_met_alike_is_told_once(shown: Shown) -> None:
    """An SSH configuration that cannot be read, say."""
    causes = [NodeError("all nodes", "ssh configuration", "cannot be used", evidence=["line 2"]) for _ in range(3)]
    told = shown(errors.show, FleetError("3 of 3 nodes did not answer", causes))
    assert told.count("all nodes: ssh configuration: cannot be used") == 1
