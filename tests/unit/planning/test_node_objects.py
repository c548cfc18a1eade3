"""Who joins is one object; what the cluster has is left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from kubeup import profile
from kubeup.model.cluster import Cluster, Taint
from kubeup.model.facts import Facts, NodeObject, Said, running
from kubeup.model.listing import listed
from kubeup.model.resources import Action
from kubeup.plan.steps import NodePlan, RunAction, SetMeta, Start, Step, WriteFile
from tests.support.plans import desired, node_objects_of, told, two_nodes
from tests.support.second_up import machine, plans, up

FIRST, SECOND, THIRD = "m0", "m1", "m2"
OBJECT = "node-objects"


def cluster(*hosts: str, roles: str = "ai i i", labels: str = "", more: str = "") -> Cluster:
    said = {host: host for host in hosts} | ({THIRD: f"{{host: {THIRD}, labels: {{{labels}}}}}"} if labels else {})
    text = f"nodes: [{', '.join(said[host] for host in hosts)}]\nroles: {' '.join(roles.split()[: len(hosts)])}\n"
    return profile.load_text(f"{text}addons: []\n{more}", "demo.yaml").cluster


def living(*hosts: str, roles: str = "ai i i") -> dict[str, Facts]:
    """The three machines, of which these are a cluster."""
    machines = {f"m{number}": machine(number) for number in range(3)}
    return machines | up(cluster(*hosts, roles=roles), machines)


def by_node(found: tuple[NodePlan, ...]) -> Mapping[str, tuple[Step, ...]]:
    return {plan.node: plan.steps for plan in found}


def actions(plan: tuple[Step, ...]) -> list[Action]:
    return [step.action for step in plan if isinstance(step, RunAction)]


@pytest.mark.parametrize("roles", ["ai i i", "ai ai i"], ids=["beside a worker", "beside a second master"])
def test_who_joins_is_one_object_of_the_lead_and_touches_nobody_else(roles: str) -> None:
    machines = living(FIRST, SECOND, roles=roles)
    steps = by_node(plans(cluster(FIRST, SECOND, THIRD, roles=roles), machines))
    assert steps["machine1"] == ()
    (applied,) = actions(steps["machine0"])
    assert applied.title == "Node object machine2"
    assert {step.key for step in steps["machine0"] if isinstance(step, SetMeta)} == {"nodes", "subnets"}
    assert not [step for step in steps["machine0"] if isinstance(step, Start | WriteFile)]
    assert steps["machine2"]


def test_a_limit_to_who_joins_makes_its_object_too_and_nothing_else() -> None:
    machines = living(FIRST, SECOND)
    said = cluster(FIRST, SECOND, THIRD, labels="disk: ssd")
    machines[FIRST] = replace(machines[FIRST], units={})
    machines[SECOND] = replace(machines[SECOND], units={})
    steps = by_node(plans(said, machines, THIRD))
    assert steps["machine1"] == ()
    assert [type(step) for step in steps["machine0"]] == [SetMeta, SetMeta, RunAction]
    assert actions(steps["machine0"])[0].title == "Node object machine2"
    assert by_node(plans(said, machines, SECOND))["machine0"] == ()


def test_a_limit_needs_an_api_server_that_has_worked() -> None:
    machines = {f"m{number}": machine(number) for number in range(3)}
    assert by_node(plans(cluster(FIRST, SECOND, THIRD), machines, THIRD))["machine0"] == ()


def test_a_changed_label_is_one_object_and_the_same_labels_in_another_order_are_none() -> None:
    before = cluster(FIRST, SECOND, THIRD, labels="disk: ssd, rack: a")
    machines = {f"m{number}": machine(number) for number in range(3)}
    machines |= up(before, machines)
    for labels, titles in (("rack: a, disk: ssd", []), ("disk: hdd, rack: a", ["Node object machine2"])):
        found = by_node(plans(cluster(FIRST, SECOND, THIRD, labels=labels), machines))
        assert [one.title for one in actions(found["machine0"])] == titles
        assert found["machine1"] == found["machine2"] == ()


def test_an_object_that_somebody_deleted_comes_back_with_the_subnet_that_its_node_recorded() -> None:
    machines = living(FIRST, SECOND, THIRD)
    objects = [one for one in known(machines) if one.name != "machine1"]
    lost = {**machines, FIRST: replace(machines[FIRST], said={running.NODES: Said(as_text(objects))})}
    (applied,) = actions(by_node(plans(cluster(FIRST, SECOND, THIRD), lost))["machine0"])
    assert '"podCIDR": "10.244.1.0/24"' in applied.apply
    assert applied.title == "Node object machine1"


def known(machines: Mapping[str, Facts]) -> tuple[NodeObject, ...]:
    return running.nodes(machines[FIRST].said[running.NODES].text)


def as_text(objects: list[NodeObject]) -> str:
    lines = []
    for one in objects:
        lines += [f"node {one.name}", f"pod_cidr {one.pod_cidr}"]
        lines += [f'annotation {key} "{value}"' for key, value in one.annotations.items()]
    return "\n".join(lines)


def test_a_subnet_that_a_living_object_has_is_never_changed() -> None:
    machines = living(FIRST, SECOND)
    text = machines[FIRST].said[running.NODES].text.replace("10.244.1.0/24", "10.244.77.0/24")
    machines[FIRST] = replace(machines[FIRST], said={running.NODES: Said(text)})
    (applied,) = actions(by_node(plans(cluster(FIRST, SECOND), machines))["machine0"])
    assert '"podCIDR": "10.244.77.0/24"' in applied.apply
    assert "10.244.1.0/24" not in applied.apply


def test_where_nobody_could_tell_all_are_applied_in_one_call() -> None:
    machines = living(FIRST, SECOND, THIRD)
    machines[FIRST] = replace(machines[FIRST], said={running.NODES: Said(why="connection refused")})
    (applied,) = actions(by_node(plans(cluster(FIRST, SECOND, THIRD), machines))["machine0"])
    assert applied.title == "Node objects machine0, machine1, machine2"
    assert applied.apply.count("kubectl") == 1
    assert " delete " not in applied.apply


def test_the_nodes_of_the_control_plane_show_it_and_no_other_does() -> None:
    said = two_nodes()
    control_plane, worker = node_objects_of(desired(said, said.nodes[0]))
    assert control_plane["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] == ""
    assert not [label for label in worker["metadata"]["labels"] if "node-role" in label]


def test_an_object_says_what_a_profile_says_of_its_node() -> None:
    said = replace(two_nodes().nodes[0], labels={"x": "it's"}, taints=(Taint("a", "b", "NoSchedule"),))
    (one,) = node_objects_of(desired(two_nodes(nodes=(said,)), said))
    assert one["spec"]["taints"] == [{"key": "a", "value": "b", "effect": "NoSchedule"}]
    assert one["metadata"]["labels"]["x"] == "it's"
    assert told([one]).startswith("node node3\npod_cidr 172.16.0.0/24\nannotation kubeup.io/revision ")


def test_many_names_are_told_by_the_first_the_last_and_their_number() -> None:
    assert listed([f"node{number}" for number in (3, 4, 5, 6)]) == "node3, node4, node5, node6"
    assert listed([f"node{number}" for number in range(3, 31)]) == "node3, node4, ... node30 (28 nodes)"
