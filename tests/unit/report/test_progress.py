"""What goes on, as lines where nobody looks."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from kubeup.model.errors import NodeError
from kubeup.model.events import Failed, Finished, Note, Phase, Skipped, Working
from kubeup.release.artifacts import ArtifactRef, Got, Tried
from kubeup.report.progress import View, size

KUBELET, KUBECTL = (ArtifactRef(name, "1.37.2", "amd64") for name in ("kubelet", "kubectl"))


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (93_400_000, "93.4 MB"), (2.5e9, "2.5 GB")]
)
def test_sizes_are_as_people_read_them(count: float, text: str) -> None:
    assert size(count) == text


def test_what_matters_is_a_line_and_what_only_moves_is_none() -> None:
    out = io.StringIO()
    with View(Console(file=out, width=100, color_system=None), live=False) as view:
        for event in (
            Phase("staging [1]"),
            Working("node3", "sending", 1, 2, bytes=True),
            Finished("node3", "staging", 1.0),
            Finished("node3", "asked", 0.0),
            Failed("node4", NodeError("node4", "staging", "no room")),
            Skipped("node5", "node4 failed"),
            Note("kept as /etc/x.mine", "node3"),
        ):
            view.emit(event)
    lines = [line.strip() for line in out.getvalue().split("\n") if line]
    assert lines[0].endswith("s  staging [1]")
    assert lines[1:] == [
        "node3: done",
        "node4: staging: no room",
        "node5: not touched further: node4 failed",
        "node3: kept as /etc/x.mine",
    ]


def test_a_node_that_is_behind_says_what_it_is_done_with() -> None:
    out = io.StringIO()
    with View(Console(file=out, width=100, color_system=None), live=False) as view:
        for event in (
            Phase("staging"),
            Finished("node3", "staging", 1.0),
            Phase("level 0: etcd", beside=True),
            Finished("node4", "staging", 60.0),
            Finished("node3", "level 0: etcd", 1.0),
        ):
            view.emit(event)
    told = [line.strip().partition("s  ")[2] or line.strip() for line in out.getvalue().split("\n") if line]
    assert told == ["staging", "node3: done", "level 0: etcd", "node4: done (staging)", "node3: done"]


def test_a_node_that_is_still_at_work_stays_in_sight_when_others_go_on() -> None:
    out = io.StringIO()
    view = View(Console(file=out, width=100, color_system=None), live=False)

    def table() -> str:
        console = Console(file=io.StringIO(), width=100, color_system=None)
        with console.capture() as captured:
            console.print(view.table())
        return captured.get()

    for event in (Phase("staging"), Working("node3", "storing etcd"), Working("node4", "storing etcd")):
        view.emit(event)
    view.emit(Finished("node3", "staging", 1.0))
    view.emit(Phase("level 0: etcd", beside=True))
    assert "node4  storing etcd" in table()
    assert "node3" not in table()
    view.emit(Working("node5", "waiting for node4"))
    assert "node5  waiting for node4" in table()
    view.emit(Phase("validating"))
    assert table().strip() == ""


def test_a_site_that_is_not_there_is_told_once() -> None:
    out = io.StringIO()
    with View(Console(file=out, width=100, color_system=None), live=False) as view:
        for wanted in (KUBELET, KUBECTL):
            view.emit_release(Tried(wanted, "dl.k8s.io", "no such host"))
        view.emit_release(Got(KUBELET, "a mirror", 93_400_000))
    assert out.getvalue().count("no such host") == 1
    assert "93.4 MB from a mirror" in out.getvalue()
