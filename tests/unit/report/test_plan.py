"""A plan on a screen and as JSON: what changes, why, and no secret."""

from __future__ import annotations

import json
from dataclasses import replace

from kubeup.model.cluster import Override
from kubeup.model.facts import Facts, FileFact, Owned
from kubeup.model.resources import File, Unit
from kubeup.plan.steps import (
    Level,
    NodePlan,
    Plan,
    RestorePath,
    RevertSideEffect,
    SetMeta,
    Start,
    Step,
    Stop,
    Undo,
    WriteFile,
)
from kubeup.plan.waves import Gate, Wave
from kubeup.planning.removals import empty_diff
from kubeup.report import data, plan
from tests.support.plans import built, two_nodes
from tests.support.plans import plan as planned
from tests.unit.report.conftest import Shown


def wrote(file: File, before: bytes | None = None) -> Plan:
    was = FileFact(file.path) if before is None else FileFact(file.path, "file", content=before)
    return Plan("demo", (NodePlan("node3", 1, levels=(Level(0, "kubelet", (WriteFile(file, was),)),)),))


def test_nothing_to_do_is_one_line(shown: Shown) -> None:
    assert shown(plan.show, Plan("demo", ())) == "Nothing to do: every node is as the profile says."


def test_a_bare_node_is_told_with_what_is_sent_created_started_and_done(shown: Shown) -> None:
    cluster = two_nodes()
    text = shown(plan.show, Plan("demo", (planned(cluster, cluster.nodes[0]), replace(EMPTY, node="node4"))))
    for line in (
        f"  send     kubelet {cluster.versions.kubernetes} (1.0 kB)",
        "  create   /etc/kubernetes/kubelet.yaml",
        "  start    kubelet.service: ",
        "node4\n  nothing to do",
        "Plan: 1 of 2 nodes change: ",
    ):
        assert line in text
    assert "PRIVATE KEY" not in text


EMPTY = NodePlan("node3", 1)


def test_a_changed_file_comes_with_its_diff_and_a_reason(shown: Shown) -> None:
    text = shown(plan.show, wrote(File("/etc/x", b"one\nnew\n", why="a flag"), b"one\nold\n"))
    assert "  change   /etc/x  (a flag)\n" in text
    assert "           --- /etc/x (now)\n           +++ /etc/x (then)\n" in text
    assert "           -old\n           +new\n" in text


def test_secrets_and_what_is_made_later_are_not_shown(shown: Shown) -> None:
    assert "(secret, not shown)" in shown(plan.show, wrote(File("/etc/x.key", b"very secret", secret=True)))
    assert "very secret" not in shown(plan.show, wrote(File("/etc/x.key", b"very secret", secret=True)))
    later = File("/etc/x.crt", None, source="leaf:/etc/x.crt:crt")
    assert "(made when this is carried out, not shown)" in shown(plan.show, wrote(later))


def test_steps_that_undo_are_told_in_words() -> None:
    owned = Owned("file", "/etc/default/docker", "0" * 64, had_original=True)
    told: dict[Step, str] = {
        Stop("kubelet.service", "absent"): "stop     kubelet.service",
        Undo("cluster-objects"): "undo     cluster-objects",
        RevertSideEffect("link", "cni0", "no=>"): "clear    link cni0",
        RevertSideEffect("link", "docker0", "yes=>"): "",
        RestorePath(owned, edited=False): "restore  /etc/default/docker",
        RestorePath(replace(owned, had_original=False), edited=False): "remove   /etc/default/docker",
        RestorePath(owned, edited=True): "restore  /etc/default/docker  (edited by someone: kept beside it)",
    }
    assert {step: plan.words(step) for step in told} == told


def test_for_scripts_it_is_json_with_files_units_and_bytes() -> None:
    cluster = two_nodes()
    facts, shared = built(cluster, cluster.nodes[1])
    changed = replace(cluster, overrides={"kubelet": Override(flags={"v": ("3",)})})
    told = json.loads(data.plan(Plan("demo", (EMPTY, planned(changed, changed.nodes[1], facts, shared)))))
    assert (told["cluster"], told["changed"]) == ("demo", True)
    first, second = told["nodes"]
    assert (first["name"], first["answered"], first["changed"], first["bytes"]) == ("node3", True, False, 0)
    assert first["files"] == first["units"] == first["steps"] == []
    assert (second["files"], second["units"]) == (["/etc/default/kubelet"], ["kubelet.service"])
    assert second["bytes"] > 0


def test_taking_down_is_a_plan_as_well(shown: Shown) -> None:
    cluster = two_nodes()
    facts: Facts = built(cluster, cluster.nodes[1])[0]
    text = shown(plan.show, Plan("demo", (empty_diff("node4", facts),)))
    assert text.index("stop     kubelet.service") < text.index("remove   /etc/kubernetes/kubelet.yaml")


def turn(node: str, *rolling: str, mends: bool = False) -> Wave:
    return Wave(0, (node,), rolling=rolling, restarts=() if mends else rolling, after=("etcd.service",))


def test_who_restarts_in_turn_is_one_line_with_the_reason(shown: Shown) -> None:
    one = wrote(File("/etc/x", b"new\n"))
    waves = (Wave(0, ("node6", "node7")), turn("node3", "etcd"), turn("node5", "etcd"), turn("node4", "etcd"))
    assert "\nOne after the other: node3, node5, node4 (etcd restarts).\nPlan: 1 of 1" in shown(
        plan.show, replace(one, waves=waves)
    )


def test_what_is_mended_first_and_what_restarts_differently_is_told() -> None:
    mended = turn("node5", "etcd", mends=True)
    both = turn("node3", "etcd", "kube-apiserver")
    assert plan.order((mended, both, turn("node4", "kube-apiserver"))) == [
        "First: node5 (etcd starts).",
        "Then, one after the other: node3 (etcd, kube-apiserver restart), node4 (kube-apiserver restarts).",
    ]
    assert plan.order((mended, both)) == [
        "First: node5 (etcd starts).",
        "Then: node3 (etcd, kube-apiserver restart).",
    ]


def test_where_all_go_together_no_order_is_told() -> None:
    first = Wave(0, ("node3", "node4", "node5"), rolling=("etcd",))
    assert plan.order((first, Wave(1, ("node3", "node4", "node5")))) == []
    assert plan.order((turn("node3", "etcd"),)) == []


def test_scripts_are_told_the_waves_too() -> None:
    gate = Gate("waiting for the others", "true", "nobody else is well", "mend them")
    one = replace(wrote(File("/etc/x", b"new\n")), waves=(replace(turn("node3", "etcd"), before=(gate,)),))
    assert json.loads(data.plan(one))["waves"] == [
        {
            "level": 0,
            "nodes": ["node3"],
            "restarts": ["etcd"],
            "before": ["waiting for the others"],
            "after": ["etcd.service"],
        }
    ]


def flag(number: int, *, edited: bool = False) -> NodePlan:
    """nodeN of which one flag changes, beside a line of its own."""
    name = f"node{number}"
    now, then = f"--node={name}\n--v={7 if edited else 1}\n", f"--node={name}\n--v=3\n"
    file = File("/etc/default/kubelet", then.encode(), component="kubelet")
    unit = Unit("kubelet.service", "kubelet")
    steps = (WriteFile(file, FileFact(file.path, "file", content=now.encode())), Start(unit, ("a flag",), restart=True))
    return NodePlan(name, 1, levels=(Level(1, "kubelet", steps),), own=(name, f"10.0.0.{number}"))


def test_a_plan_of_thirty_nodes_fits_a_screen(shown: Shown) -> None:
    nodes = [flag(number, edited=number == 9) for number in range(3, 33)]
    nodes[1], nodes[2] = (NodePlan(name, 1) for name in ("node4", "node5"))
    assert shown(plan.show, Plan("demo", tuple(nodes))) == (
        "node3\n"
        "  change   /etc/default/kubelet\n"
        "           --- /etc/default/kubelet (now)\n"
        "           +++ /etc/default/kubelet (then)\n"
        "           @@ -1,3 +1,3 @@\n"
        "            --node=node3\n"
        "           ---v=1\n"
        "           +--v=3\n"
        "\n"
        "  restart  kubelet.service: a flag\n"
        "node6, node7, ... node32 (26 nodes)\n"
        "  the same as node3, each with its own name and addresses\n"
        "node4, node5\n"
        "  nothing to do\n"
        "node9\n"
        "  change   /etc/default/kubelet\n"
        "           --- /etc/default/kubelet (now)\n"
        "           +++ /etc/default/kubelet (then)\n"
        "           @@ -1,3 +1,3 @@\n"
        "            --node=node9\n"
        "           ---v=7\n"
        "           +--v=3\n"
        "\n"
        "  restart  kubelet.service: a flag\n"
        "Plan: 28 of 30 nodes change: 28 files, 28 units, 555 B to send."
    )


def test_what_is_literally_the_same_is_told_as_such(shown: Shown) -> None:
    same = replace(wrote(File("/etc/x", b"new\n")).nodes[0], node="node4")
    text = shown(plan.show, Plan("demo", (*wrote(File("/etc/x", b"new\n")).nodes, same)))
    assert "\nnode4\n  the same as node3\nPlan: " in text


def test_another_node_s_name_or_address_is_no_name_of_one_s_own(shown: Shown) -> None:
    """10.0.0.1 is not within 10.0.0.11."""
    one, two = (
        replace(wrote(File("/etc/x", f"peer={peer}\n".encode())).nodes[0], node=name, own=(name, address))
        for name, address, peer in (("n1", "10.0.0.1", "10.0.0.11"), ("n2", "10.0.0.2", "10.0.0.21"))
    )
    assert "the same" not in shown(plan.show, Plan("demo", (one, two)))


def test_a_node_of_which_only_the_record_changes_is_not_told_by_its_name_alone(shown: Shown) -> None:
    noted = NodePlan("node3", 1, levels=(Level(0, "", (SetMeta("nodes", "a=b"),)),))
    assert "node3\n  note     what the cluster is by now, in its record\n" in shown(plan.show, Plan("demo", (noted,)))
