"""Control-plane nodes that join a living etcd: what is planned where, in which order, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from kubeup import profile
from kubeup.commands.up import make_plan
from kubeup.model.cluster import Cluster
from kubeup.model.errors import KubeupError
from kubeup.model.facts import Facts, Said, running
from kubeup.plan.steps import Plan, RunAction, Start
from kubeup.plan.waves import Trip
from kubeup.planning import resolve
from tests.support.living import HOSTS, PROFILE, built, with_members
from tests.support.plans import NOW, artifacts


def three(roles: str) -> Cluster:
    text = PROFILE.replace("nodes: [root@192.168.200.13, root@192.168.200.14]", f"nodes: [{NODES}]")
    return profile.load_text(text.replace("roles: ai i", f"roles: {roles}"), "demo.yaml").cluster


NODES = ", ".join(f"root@{host}" for host in HOSTS)


def planned(said: Cluster, living: Mapping[str, Facts], *limit: str) -> Plan:
    cluster = resolve.resolve(said, living)
    told = resolve.gather_cluster(cluster, living)
    return make_plan(cluster, living, told, artifacts(cluster), NOW, frozenset(limit))


LIVING = with_members(built(three("ai i i")))


def of_etcd(plan: Plan, number: int) -> list[str]:
    """What happens to etcd and to the API server on a machine, in order."""
    words = []
    for step in plan.nodes[number].steps:
        if isinstance(step, RunAction) and step.action.id.startswith("etcd-"):
            words.append(step.action.id)
        if isinstance(step, Start) and step.unit.component in ("etcd", "kube-apiserver"):
            words.append(step.unit.component)
    return words


def test_who_joins_is_added_starts_is_promoted_and_only_then_serves() -> None:
    plan = planned(three("ai ai ai"), LIVING)
    assert [of_etcd(plan, number) for number in range(3)] == [
        [],
        ["etcd-join", "etcd", "etcd-promote", "kube-apiserver"],
        ["etcd-join", "etcd", "etcd-promote", "kube-apiserver"],
    ]


def test_one_after_the_other() -> None:
    plan = planned(three("ai ai ai"), LIVING)
    waves = [wave for wave in plan.waves if wave.level == 0 and "etcd" in wave.rolling]
    assert [wave.nodes for wave in waves] == [("node4",), ("node5",)]
    assert Trip(0, "node4") in waves[1].follows


def test_nothing_says_who_the_others_are_but_what_the_machine_finds_out() -> None:
    (text,) = [
        put.file.content
        for put in planned(three("ai ai ai"), LIVING).nodes[1].files
        if put.file.path == "/etc/default/etcd-bootstrap"
    ]
    assert text is not None
    assert b"ETCD_INITIAL_CLUSTER_STATE=existing" in text
    assert b"ETCD_INITIAL_CLUSTER=" not in text


def test_a_limited_up_lets_one_join() -> None:
    plan = planned(three("ai ai ai"), LIVING, "node5")
    assert [bool(of_etcd(plan, number)) for number in range(3)] == [False, False, True]


def test_a_second_plan_has_nothing_of_it() -> None:
    living = with_members(built(three("ai ai ai")))
    plan = planned(three("ai ai ai"), living)
    assert [of_etcd(plan, number) for number in range(3)] == [[], [], []]


def test_a_learner_that_has_its_data_is_promoted() -> None:
    living = with_members(built(three("ai ai ai")))
    first = living[HOSTS[0]]
    found = json.loads(first.said[running.MEMBERS].text)
    found["members"][2]["isLearner"] = True
    said = {**first.said, running.MEMBERS: Said(json.dumps(found))}
    plan = planned(three("ai ai ai"), {**living, HOSTS[0]: replace(first, said=said)})
    assert of_etcd(plan, 2) == ["etcd-promote"]


def test_a_machine_that_lost_its_data_comes_anew() -> None:
    living = with_members(built(three("ai ai ai")))
    bare = replace(living[HOSTS[2]], kept_data=(), said={})
    plan = planned(three("ai ai ai"), {**living, HOSTS[2]: bare})
    assert of_etcd(plan, 2)[0] == "etcd-join"
    assert [of_etcd(plan, number) for number in (0, 1)] == [[], []]


def test_a_member_that_moves_is_told_of_before_it_restarts() -> None:
    living = with_members(built(three("ai ai ai")))
    moved = three("ai ai ai")
    nodes = tuple(replace(node, address="10.0.0.14") if node.host == HOSTS[1] else node for node in moved.nodes)
    plan = planned(replace(moved, nodes=nodes), living)
    assert of_etcd(plan, 1) == ["etcd-move", "etcd", "kube-apiserver"]
    assert [of_etcd(plan, number) for number in (0, 2)] == [[], []]


def test_without_a_quorum_nobody_joins() -> None:
    living = with_members(built(three("ai ai i")))
    well = Said(json.dumps([{"Status": {"header": {"member_id": 1}, "leader": 1}}]))
    said = {**living[HOSTS[0]].said, running.MEMBERS_WELL: well}
    ill = {**living, HOSTS[0]: replace(living[HOSTS[0]], said=said), HOSTS[1]: replace(living[HOSTS[1]], said={})}
    with pytest.raises(
        KubeupError, match="node5 cannot join: members of etcd are not well: node4; nothing was touched"
    ):
        planned(three("ai ai ai"), ill)


def test_who_leaves_is_told_with_its_member() -> None:
    living = with_members(built(three("ai ai ai")))
    nodes = "".join(f"node node{number}\npod_cidr 10.244.{number}.0/24\n" for number in (3, 4, 5))
    said = {**living[HOSTS[0]].said, running.NODES: Said(nodes)}
    living = {**living, HOSTS[0]: replace(living[HOSTS[0]], said=said)}
    demoted = planned(three("ai i ai"), living).leaving
    assert [(one.name, one.member, one.stays) for one in demoted] == [("node4", "2", True)]
    two = profile.load_text(PROFILE.replace("ai i", "ai ai"), "demo.yaml").cluster
    gone = planned(two, {host: living[host] for host in HOSTS[:2]}).leaving
    assert [(one.name, one.member, one.is_node) for one in gone] == [("node5", "3", True)]
