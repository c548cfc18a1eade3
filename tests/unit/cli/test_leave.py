"""Nodes that left the profile: who is asked, what becomes of their pods, their Node objects and their machines."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kubeup.commands.leave import MARK
from kubeup.components.node_objects import REVISION
from kubeup.model.facts import Facts, Said, running
from kubeup.model.facts.record import Record
from tests.support.recorded import SNAPSHOT, Answer, Kubeup
from tests.unit.cli.conftest import FIRST, SECOND, THIRD, told

DRAINED = Answer("gone\ndone\n")
HELD = Answer(
    "held default/web-1 web\nleft default/web-1\nleft default/alone\n", 1, "error when evicting pods/web-1: 429"
)
QUESTION = "node5 is of the cluster, and not in the profile any more"


@pytest.fixture
def left(built: Kubeup) -> Kubeup:
    """node5 left the profile a.yaml; its Node object, with kubeup's mark, and its machine are there."""
    assert built("up", "a.yaml", "--no-validate").exit_code == 0
    for host in built.nodes:
        built.nodes[host].applied.clear()
    of_cluster(built)
    built.nodes[FIRST].answers[MARK] = DRAINED
    built.profile("a", FIRST, SECOND)
    return built


def of_cluster(kubeup: Kubeup, mark: str = REVISION, more: str = "", ready: bool = True) -> None:
    """What the API says: node3, node4 and node5 are nodes; node5 with these annotations."""
    lines = "".join(f"node node{n}\npod_cidr 10.244.{n - 3}.0/24\n" for n in (3, 4, 5))
    lines += f'address {THIRD}\nready {ready}\nannotation {mark} "x"\n{more}'
    facts = kubeup.nodes[FIRST].facts
    known = facts.said[running.NODES].text
    objects = [block for block in known.split("node ")[1:] if not block.startswith("node5")]
    text = "".join(f"node {block}" for block in objects) + lines[lines.index("node node5") :]
    kubeup.nodes[FIRST].facts = replace(facts, said={**facts.said, running.NODES: Said(text)})


def test_a_plan_shows_who_leaves_and_how(left: Kubeup) -> None:
    done = left("plan", "a.yaml")
    assert done.exit_code == 0, done.output
    assert (
        f"node5\n  leaves   cordon, drain, undo its machine ({THIRD}), delete its Node object\n"
        "They are not in the profile any more: `kubeup up` asks before it removes them.\n"
    ) in done.stdout
    assert "not-in-profile" not in done.stderr
    assert json.loads(left("plan", "a.yaml", "-o", "json").stdout)["leaving"] == ["node5"]
    assert left("plan", "a.yaml", "--check").exit_code == 1
    assert MARK not in left.nodes[FIRST].asked
    assert not left.touched


def test_nobody_is_there_to_be_asked_and_nothing_is_touched(left: Kubeup) -> None:
    done = left("up", "a.yaml", "--no-validate")
    assert done.exit_code == 2
    assert told(done.stderr) == (
        f"error: {QUESTION}, and there is nobody to ask; nothing was touched\n"
        "fix: kubeup up --remove drains and removes what left the profile; or put it back into the profile\n"
    )
    assert MARK not in left.nodes[FIRST].asked
    assert not left.touched


def test_what_is_agreed_to_by_a_flag_is_drained_deleted_and_undone(left: Kubeup) -> None:
    done = left("up", "a.yaml", "--no-validate", "--remove")
    assert done.exit_code == 0, done.output
    assert MARK in left.nodes[FIRST].asked
    assert THIRD in left.touched
    assert left.nodes[FIRST].asked.count(MARK) == 2, "it is drained before its machine is undone, and deleted after"
    assert "node5 is no node of the cluster any more" in done.stderr
    assert "the machine of node5 is as it was found" in done.stderr


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_is_asked(left: Kubeup, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    done = left("up", "a.yaml", "--no-validate", typed=f"{answer}\n")
    assert done.exit_code == 0, done.output
    assert f"{QUESTION}. Drain and remove it?" in done.stderr
    assert (MARK in left.nodes[FIRST].asked, THIRD in left.touched) == (answer == "y", answer == "y")
    kept = "not removed: node5; it stays in the cluster, and the next `kubeup up` asks again"
    assert (kept in done.stderr) == (answer == "n")


def test_a_pod_that_does_not_go_is_named_with_its_budget_and_the_machine_stays(left: Kubeup) -> None:
    left.nodes[FIRST].answers[MARK] = HELD
    done = left("up", "a.yaml", "--no-validate", "--remove")
    assert done.exit_code == 1
    assert told(done.stderr) == (
        "error: 1 of 1 nodes could not be removed\n"
        "  node5: leaving: its pods did not go within 300 s; it is as it was, and takes pods again\n"
        "    | default/web-1 is held by the PodDisruptionBudget web\n"
        "    | default/alone is still there\n"
        "    fix: see to it that they may go (another replica elsewhere, or a PodDisruptionBudget that allows it), and "
        "run the same command again\n"
        "fix: mend what is said above and run the same command again; it asks again\n"
    )
    assert THIRD not in left.touched


def test_of_a_dead_one_all_but_the_machine_goes_and_how_to_finish_is_told(left: Kubeup) -> None:
    of_cluster(left, ready=False)
    left.nodes[FIRST].answers[MARK] = Answer("not-ready\ngone\ndone\n")
    left.nodes[THIRD].off = True
    done = left("up", "a.yaml", "--no-validate", "--remove")
    assert done.exit_code == 0, done.output
    assert "node5 was not drained: its kubelet gives no sign of life" in done.stderr
    assert (
        "the machine of node5 was not undone, since it did not answer; once it answers: kubeup down PROFILE "
        f"--no-snapshot, where all of PROFILE is `name: a` and `nodes: [root@{THIRD}]`"
    ) in " ".join(done.stderr.split())


def test_another_machine_at_its_address_is_left_alone(left: Kubeup) -> None:
    known: Facts = left.nodes[THIRD].facts
    record: Record = replace(known.record, meta={**known.record.meta, "name": "node9"})
    left.nodes[THIRD].facts = replace(known, record=record)
    done = left("up", "a.yaml", "--no-validate", "--remove")
    assert f"the machine of node5 was not undone: at {THIRD} answers another one" in done.stderr
    assert THIRD not in left.touched


@pytest.mark.parametrize("words", [["--limit", "node4"], []], ids=["a limit", "somebody else's node"])
def test_who_is_not_meant_stays_with_a_warning(left: Kubeup, words: list[str]) -> None:
    if not words:
        of_cluster(left, mark="kubeup.io/other")
    done = left("up", "a.yaml", "--no-validate", *words)
    assert done.exit_code == 0, done.output
    assert "warning: node5: it is a node of the cluster, and the profile does not have it" in done.stderr
    assert MARK not in left.nodes[FIRST].asked


def test_a_node_that_does_not_answer_and_nobody_knows_by_name_is_taken_for_nobody_else(left: Kubeup) -> None:
    left.nodes["five"] = left.nodes.pop(THIRD)
    left.nodes["five"].off = True
    left.profile("a", FIRST, SECOND, "five")
    done = left("plan", "a.yaml")
    assert json.loads(left("plan", "a.yaml", "-o", "json").stdout)["leaving"] == []
    assert "leaves" not in done.stdout


def test_what_a_run_that_was_killed_had_cordoned_takes_pods_again(left: Kubeup) -> None:
    of_cluster(left, more=f'unschedulable yes\nannotation {MARK} "cordoned"\n')
    left.profile("a", FIRST, SECOND, THIRD)
    done = left("up", "a.yaml", "--no-validate")
    assert done.exit_code == 0, done.output
    assert MARK in left.nodes[FIRST].asked
    assert "node5 takes pods again: a run that was broken off had cordoned it" in done.stderr


@pytest.fixture
def whole(left: Kubeup) -> Kubeup:
    """node5 is in the profile again, and an API server of node3's works."""
    left.profile("a", FIRST, SECOND, THIRD)
    return left


def test_down_of_one_worker_takes_it_out_of_the_cluster_first(whole: Kubeup) -> None:
    done = whole("down", "a.yaml", "--yes", "--limit", "node5")
    assert done.exit_code == 0, done.output
    assert MARK in whole.nodes[FIRST].asked
    assert "node5 is no node of the cluster any more" in done.stderr
    assert whole.touched == {THIRD}
    assert "Out of the cluster a: node5." in done.stdout


def test_down_of_one_whose_pods_do_not_go_undoes_nothing(whole: Kubeup) -> None:
    whole.nodes[FIRST].answers[MARK] = HELD
    done = whole("down", "a.yaml", "--yes", "--limit", "node5", "--drain-timeout", "7")
    assert done.exit_code == 1
    assert told(done.stderr) == (
        "error: node5: leaving: its pods did not go within 7 s; it is as it was, and takes pods again\n"
        "  | default/web-1 is held by the PodDisruptionBudget web\n"
        "  | default/alone is still there\n"
        "fix: see to it that they may go (another replica elsewhere, or a PodDisruptionBudget that allows it), and run "
        "the same command again\n"
    )
    assert not whole.touched


def test_down_of_a_dead_worker_takes_all_of_it_but_the_machine_out(whole: Kubeup) -> None:
    """It is called as the others know it. Who else does not answer is not asked for."""
    whole.nodes[FIRST].answers[MARK] = Answer("not-ready\ndone\n")
    whole.nodes[THIRD].off = whole.nodes[SECOND].off = True
    refused = whole("down", "a.yaml", "--yes", "--limit", "node5")
    assert refused.exit_code == 1
    assert "1 nodes did not answer; nothing was undone" in refused.stderr
    assert "--skip-unreachable" in refused.stderr
    assert MARK not in whole.nodes[FIRST].asked
    done = whole("down", "a.yaml", "--yes", "--limit", "node5", "--skip-unreachable")
    assert done.exit_code == 0, done.output
    assert "node5 was not drained: its kubelet gives no sign of life" in done.stderr
    assert "node5 is no node of the cluster any more" in done.stderr
    assert f"not undone, since it did not answer: {THIRD}: connecting" in done.stderr
    assert f"not undone, since it did not answer: {SECOND}" not in done.stderr
    assert "Nothing changed" not in done.stderr
    assert done.stdout == "Out of the cluster a: node5.\n"
    assert not whole.touched


def test_down_of_one_worker_needs_no_answer_of_another(whole: Kubeup) -> None:
    whole.nodes[SECOND].off = True
    done = whole("down", "a.yaml", "--yes", "--limit", "node5")
    assert done.exit_code == 0, done.output
    assert "Out of the cluster a: node5." in done.stdout


def test_down_of_all_or_of_a_cluster_that_does_not_answer_drains_nobody(whole: Kubeup) -> None:
    assert whole("down", "a.yaml", "--yes", "--no-snapshot").exit_code == 0
    assert MARK not in whole.nodes[FIRST].asked
    facts = whole.nodes[FIRST].facts
    silent = {**facts.said, running.NODES: Said(why="connection refused")}
    whole.nodes[FIRST].facts = replace(facts, said=silent)
    assert whole("down", "a.yaml", "--yes", "--limit", "node5").exit_code == 0
    assert MARK not in whole.nodes[FIRST].asked


def test_down_of_a_control_plane_node_alone_asks_and_saves_a_snapshot_first(
    whole: Kubeup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    whole.nodes[FIRST].answers[SNAPSHOT] = Answer("kubeup-snapshot 11\nall of etcd")
    question = "Take node3 out of the cluster a, with its member's data of etcd?"
    no = whole("down", "a.yaml", "--limit", "node3", typed="n\n")
    assert (no.exit_code, question in no.stderr, whole.touched) == (1, True, set())
    yes = whole("down", "a.yaml", "--limit", "node3", typed="y\n")
    assert yes.exit_code == 0, yes.output
    assert whole.touched == {FIRST}
    (snapshot,) = (whole.home / "state/kubeup/snapshots").iterdir()
    assert snapshot.read_bytes() == b"all of etcd"
