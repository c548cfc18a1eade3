"""``kubeup down`` as a whole: who is touched, what the operator keeps, what is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.cli.state import State
from kubeup.model.errors import ConnectError, NodeError
from kubeup.model.facts import Record
from kubeup.pki import kubeconfig
from tests.support.machines import bare
from tests.support.probe_reply import probe_reply
from tests.support.recorded import PROBE, SNAPSHOT, Answer, Kubeup, RecordedNode
from tests.unit.cli.conftest import FIRST, SECOND


def has_context(demo: Kubeup) -> bool:
    return kubeconfig.has(demo.kubeconfig, "demo", f"https://{FIRST}:6443")


def remembered(demo: Kubeup) -> bool:
    return (demo.home / "state/kubeup/demo.yaml").exists()


@pytest.fixture(autouse=True)
def was_brought_up(demo: Kubeup) -> None:
    State(demo.home / "state/kubeup").remember("demo", Path("profile.yaml"))


def test_a_whole_cluster_goes_and_so_does_what_the_operator_had_of_it(demo: Kubeup) -> None:
    done = demo("down", "--yes")
    assert done.exit_code == 0, done.output
    assert demo.touched == {FIRST, SECOND}
    assert "The cluster demo is down." in done.stdout
    assert not has_context(demo)
    assert not remembered(demo)
    (snapshot,) = (demo.home / "state/kubeup/snapshots").iterdir()
    assert snapshot.read_bytes() == b"all of etcd"
    assert snapshot.stat().st_mode & 0o777 == 0o600


def test_a_kubeconfig_that_cannot_be_read_is_told_and_the_nodes_are_undone(demo: Kubeup) -> None:
    demo.kubeconfig.write_text("{")
    done = demo("down", "--yes")
    assert done.exit_code == 0, done.output
    assert demo.touched == {FIRST, SECOND}
    assert "the context demo may still be in your kubeconfig: " in done.stderr
    assert not remembered(demo)
    assert demo.kubeconfig.read_text() == "{"


def test_a_node_on_which_nothing_is_leaves_the_operator_the_living_cluster(demo: Kubeup) -> None:
    demo.nodes[SECOND] = RecordedNode(bare(4))
    done = demo("down", "--yes", "--limit", "node4")
    assert done.exit_code == 0, done.output
    assert "Nothing to do" in done.stderr
    assert not demo.touched
    assert has_context(demo)


def test_a_cluster_of_which_nothing_is_left_is_the_operator_s_no_more_either(demo: Kubeup) -> None:
    demo.nodes |= {FIRST: RecordedNode(bare(3)), SECOND: RecordedNode(bare(4))}
    done = demo("down", "--yes")
    assert done.exit_code == 0, done.output
    assert "the context demo is gone from " in done.stderr
    assert not has_context(demo)


def test_one_node_alone_goes_and_the_cluster_stays_the_operator_s(demo: Kubeup) -> None:
    done = demo("down", "--yes", "--limit", "node4")
    assert done.exit_code == 0, done.output
    assert demo.touched == {SECOND}
    assert SNAPSHOT not in demo.nodes[FIRST].asked
    assert has_context(demo)
    assert remembered(demo)


@pytest.mark.parametrize("names", [["node5"], ["node4", "node5"], ["node4,node5"]])
def test_a_name_that_is_no_node_s_is_wrong_use_and_touches_nothing(demo: Kubeup, names: list[str]) -> None:
    done = demo("down", "--yes", *(word for name in names for word in ("--limit", name)))
    assert done.exit_code == 2
    assert "the profile has no node node5" in done.stderr
    assert "it has: node3, node4" in done.stderr
    assert not demo.touched
    assert has_context(demo)
    assert remembered(demo)


def test_nodes_on_which_nothing_is_are_left_alone(demo: Kubeup) -> None:
    for number, node in enumerate(demo.nodes.values(), 3):
        node.facts = bare(number)
    done = demo("down", "--yes")
    assert done.exit_code == 0
    assert "Nothing to do: kubeup has nothing on these nodes." in done.stderr
    assert not demo.touched


def test_a_node_of_which_half_is_known_is_none_on_which_nothing_is(demo: Kubeup) -> None:
    """Its record did not come along; without it, nothing of kubeup's seems to be there."""
    half = probe_reply(replace(demo.nodes[SECOND].facts, record=Record(), home=False)).decode("latin-1")
    broken = "tar: var/lib/kubeup/record: Cannot open: Input/output error"
    demo.nodes[SECOND].answers[PROBE] = Answer(half, status=1, stderr=broken)
    done = demo("down", "--yes", "--no-snapshot")
    assert done.exit_code == 1
    assert f"{SECOND}: asking: what was asked of the node could not all be read" in done.stderr
    assert broken in done.stderr
    assert not demo.touched


def test_nobody_is_there_to_be_asked(demo: Kubeup) -> None:
    done = demo("down")
    assert done.exit_code == 2
    assert "kubeup down --yes" in done.stderr
    assert not demo.touched


def test_a_node_that_does_not_answer_stops_it_unless_it_is_to_be_passed_over(demo: Kubeup) -> None:
    demo.nodes[SECOND].off = True
    done = demo("down", "--yes", "--no-snapshot")
    assert done.exit_code == 1
    assert "1 nodes did not answer; nothing was undone" in done.stderr
    assert not demo.touched
    done = demo("down", "--yes", "--no-snapshot", "--skip-unreachable")
    assert done.exit_code == 0, done.output
    assert demo.touched == {FIRST}
    assert f"The cluster demo is down but for {SECOND}." in done.stdout
    assert has_context(demo), "there is something left of it"


def test_another_cluster_s_nodes_are_refused(demo: Kubeup) -> None:
    demo.profile("other", FIRST, SECOND)
    done = demo("down", "other.yaml", "--yes")
    assert done.exit_code == 1
    assert "node3 belongs to the cluster demo, not to other; nothing was touched" in done.stderr
    assert not demo.touched


def test_an_etcd_that_gives_no_snapshot_is_told_with_its_reason(demo: Kubeup) -> None:
    reason = '{"level":"fatal","error":"etcdserver: mvcc: database space exceeded"}'
    demo.nodes[FIRST].answers[SNAPSHOT] = Answer("", status=1, stderr=reason)
    done = demo("down", "--yes")
    assert "no snapshot of etcd could be taken" in done.stderr
    assert "etcdserver: mvcc: database space exceeded" in done.stderr
    assert "kubeup down --no-snapshot" in done.stderr


def snapshots(demo: Kubeup) -> list[str]:
    folder = demo.home / "state/kubeup/snapshots"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


@pytest.mark.parametrize(
    "answer",
    [
        Answer("kubeup-snapshot 11\nall of", lost=NodeError("node3", "shell", "the connection was lost")),
        Answer("kubeup-snapshot 11\nall of", status=2, stderr="tar: etcd.db: Input/output error"),
        Answer("all of etcd"),
    ],
    ids=["a line that is lost", "a disk that fails", "no word of its size"],
)
def test_half_a_snapshot_is_none_and_nothing_of_it_stays(demo: Kubeup, answer: Answer) -> None:
    demo.nodes[FIRST].answers[SNAPSHOT] = answer
    done = demo("down", "--yes")
    assert done.exit_code == 1
    assert "no snapshot of etcd could be taken; nothing was touched" in done.stderr
    assert not demo.touched
    assert snapshots(demo) == []


def test_a_disk_of_the_operator_s_that_takes_no_snapshot_is_told(demo: Kubeup) -> None:
    (demo.home / "state/kubeup/snapshots").write_text("a file where the folder should be")
    done = demo("down", "--yes")
    assert done.exit_code == 1
    assert "the snapshot could not be written to " in done.stderr
    assert "XDG_STATE_HOME=FOLDER kubeup down" in done.stderr
    assert not demo.touched


def test_without_a_snapshot_nobody_is_asked_whether_to_go_on(demo: Kubeup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only --no-snapshot says that the cluster's objects may be lost."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    demo.nodes[FIRST].answers[SNAPSHOT] = Answer("", status=1, stderr="nothing listens on 127.0.0.1:2379")
    done = demo("down", typed="y\ny\ny\n")
    assert done.exit_code == 1
    assert "kubeup down --no-snapshot" in done.stderr
    assert not demo.touched


def test_yes_does_not_mean_without_a_snapshot(demo: Kubeup) -> None:
    demo.nodes[FIRST].answers[SNAPSHOT] = Answer("", status=1, stderr="nothing listens on 127.0.0.1:2379")
    done = demo("down", "--yes")
    assert done.exit_code == 1
    assert "nothing was touched" in done.stderr
    assert "start etcd on a control-plane node and try again" in done.stderr
    assert "kubeup down --no-snapshot" in done.stderr
    assert not demo.touched
    assert has_context(demo)
    assert remembered(demo)
    done = demo("down", "--yes", "--no-snapshot")
    assert done.exit_code == 0, done.output
    assert demo.touched == {FIRST, SECOND}


def test_for_scripts_it_is_json(demo: Kubeup) -> None:
    told = json.loads(demo("down", "--yes", "-o", "json").stdout)
    assert told["changed"] is True
    assert [node["name"] for node in told["nodes"]] == ["node3", "node4"]
    assert all(node["bytes"] > 0 for node in told["nodes"])


def test_a_worker_knows_that_down_began_before_the_control_plane_goes(demo: Kubeup) -> None:
    """Else an `up` could not tell it from one whose control plane was lost."""
    done = demo("down", "--yes", "-o", "json")
    assert done.exit_code == 0, done.output
    first, second = demo.nodes[FIRST].applied, demo.nodes[SECOND].applied
    assert ["set-meta\tdown\tbegun" in steps for steps in second] == [True, True]
    assert "delete-state" not in second[0]
    assert len(first) == 1
    assert [node["round_trips"] for node in json.loads(done.stdout)["nodes"]] == [3, 3]


def test_where_a_worker_cannot_be_told_that_down_began_nothing_is_undone(demo: Kubeup) -> None:
    demo.nodes[SECOND].breaks = ConnectError("node4", "down begins", "the connection was lost")
    done = demo("down", "--yes")
    assert done.exit_code == 1
    assert "1 nodes could not be told that `down` begins; nothing was undone" in done.stderr
    assert demo.touched == {SECOND}
    assert len(demo.nodes[SECOND].applied) == 1


def test_a_down_that_keeps_the_data_begins_nothing_of_the_kind(demo: Kubeup) -> None:
    assert demo("down", "--yes", "--keep-data").exit_code == 0
    assert all("down\tbegun" not in steps for node in demo.nodes.values() for steps in node.applied)


def test_a_worker_that_is_taken_out_alone_is_told_in_the_same_trip(demo: Kubeup) -> None:
    assert demo("down", "--yes", "--limit", "node4").exit_code == 0
    assert len(demo.nodes[SECOND].applied) == 1
