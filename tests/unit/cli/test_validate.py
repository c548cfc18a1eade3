"""``kubeup validate`` as a whole: what nodes answer, and the verdict, its exit code and its words."""

from __future__ import annotations

import json

import pytest

from kubeup.model.errors import NodeError
from tests.support.machines import bare
from tests.support.recorded import CONTROL_PLANE, PODS, REACH, Answer, Kubeup
from tests.support.validate_answers import CONTROL_PLANE as WORDS
from tests.support.validate_answers import FIRST, REACHED, SECOND, changed, text
from tests.support.validate_answers import PODS as PROBED


@pytest.fixture
def healthy(demo: Kubeup) -> Kubeup:
    demo.nodes[FIRST].answers |= {
        CONTROL_PLANE: Answer(text(changed(WORDS))),
        PODS: Answer(text(changed(PROBED)) + "held\n", held="cleaned\n"),
        REACH: Answer(text(changed(REACHED, ("nodeport", SECOND, "ok")))),
    }
    demo.nodes[SECOND].answers[REACH] = Answer(
        text(changed(REACHED, ("nodeport", SECOND, "ok"), without=[f"nodeport {FIRST}"]))
    )
    return demo


def test_a_healthy_cluster_is_told_as_one(healthy: Kubeup) -> None:
    done = healthy("validate")
    assert done.exit_code == 0, done.output
    assert "Cluster validation succeeded" in done.stdout
    assert f"Kubernetes API: https://{FIRST}:6443" in done.stdout
    assert not healthy.touched


def test_all_checks_are_shown_when_asked_for(healthy: Kubeup) -> None:
    assert "[exec/node4]" not in healthy("validate").stdout
    assert "kubectl exec works on node4  [exec/node4]" in healthy("validate", "--all").stdout


def test_for_scripts_it_is_json(healthy: Kubeup) -> None:
    told = json.loads(healthy("validate", "-o", "json").stdout)
    assert (told["cluster"], told["healthy"], told["server"]) == ("demo", True, f"https://{FIRST}:6443")
    assert [one["name"] for one in told["components"]] == ["controller-manager", "scheduler", "etcd-0"]
    assert [one["ready"] for one in told["nodes"]] == [True, True]
    assert {check["status"] for check in told["checks"]} == {"ok"}
    assert len({check["id"] for check in told["checks"]}) == len(told["checks"])


def test_to_read_only_no_pod_is_made(healthy: Kubeup) -> None:
    assert healthy("validate", "--read-only").exit_code == 0
    assert PODS not in healthy.nodes[FIRST].asked
    assert REACH not in healthy.nodes[SECOND].asked


@pytest.mark.parametrize("said", ["", text(changed(PROBED)[:3])], ids=["before a word", "in the middle"])
def test_a_line_that_is_lost_while_pods_are_made_is_no_success(healthy: Kubeup, said: str) -> None:
    """Pods, services, exec and logs were not looked at then, and what was not seen is not well."""
    lost = NodeError("node3", "shell", "the connection was lost", fix="run it again")
    healthy.nodes[FIRST].answers[PODS] = Answer(said, lost=lost)
    done = healthy("validate")
    assert done.exit_code == 1
    assert "Cluster validation FAILED" in done.stdout
    assert "the line to node3 was lost while probe pods were made" in done.stdout
    assert "node3: shell: the connection was lost" in done.stdout


def test_a_line_that_is_lost_when_all_was_seen_is_a_warning_about_what_may_have_stayed(healthy: Kubeup) -> None:
    healthy.nodes[FIRST].answers[PODS] = Answer(text(changed(PROBED)) + "held\n")
    done = healthy("validate")
    assert done.exit_code == 0
    assert "it is not certain that the probe pods are gone again from node3" in done.stdout


def test_a_node_that_is_off_is_a_failed_check_and_the_rest_is_looked_at(healthy: Kubeup) -> None:
    healthy.nodes[SECOND].off = True
    healthy.nodes[FIRST].answers[REACH] = Answer(text(changed(REACHED, without=["pod node4"])))
    told = json.loads(healthy("validate", "-o", "json").stdout)
    assert told["healthy"] is False
    failed = {check["id"] for check in told["checks"] if check["status"] == "failed"}
    assert f"node-answers/{SECOND}" in failed
    assert "kube-apiserver/node3" not in failed


def test_an_answer_that_hides_a_slow_api_is_no_success(healthy: Kubeup) -> None:
    words = changed(WORDS, ("unseen", "services, policies and pods"))
    healthy.nodes[FIRST].answers[CONTROL_PLANE] = Answer(text(words))
    done = healthy("validate", "--read-only")
    assert done.exit_code == 1
    assert "the API gave no answer about services, policies and pods" in done.stdout


def test_a_service_of_which_nothing_was_said_is_no_success(healthy: Kubeup) -> None:
    """Nobody can try it then, and all the rest is well."""
    rows = changed(PROBED, without=["service 100.0.7.7"])
    healthy.nodes[FIRST].answers[PODS] = Answer(text(rows) + "held\n", held="cleaned\n")
    done = healthy("validate")
    assert done.exit_code == 1
    assert "the API on node3 gave no answer about the service before the probe pods" in done.stdout


def test_what_a_node_does_not_say_of_what_it_reaches_is_no_success(healthy: Kubeup) -> None:
    healthy.nodes[FIRST].answers[REACH] = Answer(text(changed(REACHED, without=["pod node4", f"nodeport {FIRST}"])))
    told = json.loads(healthy("validate", "-o", "json").stdout)
    assert told["healthy"] is False
    assert [(one["id"], one["message"]) for one in told["checks"] if one["status"] != "ok"] == [
        ("node-port/node3/node3", "node3 did not say whether it reaches a NodePort of node3"),
        ("node-port/node3/node4", "node3 did not say whether it reaches a NodePort of node4"),
        ("pod-reached/node3/node4", "node3 did not say whether it reaches the pod on node4"),
    ]


def test_machines_without_a_cluster_are_told_what_to_do(demo: Kubeup) -> None:
    for number, node in enumerate(demo.nodes.values(), 3):
        node.facts = bare(number)
    done = demo("validate")
    assert done.exit_code == 1
    assert "kubeup has built no cluster on these nodes" in done.stderr
    assert "kubeup up profile.yaml" in done.stderr
