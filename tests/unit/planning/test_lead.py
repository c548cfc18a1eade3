"""No file depends on the order in a profile, and what is done once for the cluster is done by one node, whichever."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from kubeup import addons, profile
from kubeup.model.cluster import Cluster, Node, Role
from kubeup.model.facts import Facts, Record, Said, running
from kubeup.plan.steps import RunAction
from kubeup.planning import resolve
from kubeup.planning.lead import lead
from tests.support.plans import BARE, BOTH, two_nodes
from tests.support.second_up import ADDRESSES, machine, plans, up

ROLES = {1: ("ai", "i", "i"), 2: ("ai", "a", "i"), 3: ("ai", "ai", "a")}


def in_order(order: Sequence[int], masters: int) -> Cluster:
    """The same three machines, listed so."""
    hosts = ", ".join(f"m{number}" for number in order)
    roles = " ".join(ROLES[masters][number] for number in order)
    return profile.load_text(f"nodes: [{hosts}]\nroles: {roles}\naddons: [dns]\n", "demo.yaml").cluster


def machines(**changes: Facts) -> dict[str, Facts]:
    return {f"m{number}": machine(number) for number in range(len(ADDRESSES))} | changes


def steps(said: Cluster, after: Mapping[str, Facts]) -> list[tuple[str, object]]:
    return [(plan.node, step) for plan in plans(said, after) for step in plan.steps]


@pytest.mark.parametrize("masters", [1, 2, 3])
@pytest.mark.parametrize("founded", [(0, 1, 2), (2, 0, 1)])
def test_a_profile_that_lists_the_nodes_in_another_order_is_an_empty_plan(
    founded: tuple[int, ...], masters: int
) -> None:
    after = up(in_order(founded, masters), machines())
    assert all(facts.record.owned for facts in after.values())
    for order in itertools.permutations(range(len(ADDRESSES))):
        assert not steps(in_order(order, masters), after), order


def test_subnets_are_given_and_name_servers_asked_by_address_whatever_the_order() -> None:
    """Of machines that know different name servers, one of them none but itself."""
    servers = {"m0": ("10.0.0.53",), "m1": ("127.0.0.1",), "m2": ("10.0.0.54",)}
    facts = {host: replace(one, nameservers=servers[host]) for host, one in machines().items()}
    for order in itertools.permutations(range(len(ADDRESSES))):
        cluster = resolve.resolve(in_order(order, 1), facts)
        assert cluster.dns_upstream == ("10.0.0.53", "10.0.0.54")
        assert next(iter(resolve.pod_cidrs(cluster, {}).items())) == ("machine0", "10.244.0.0/24")


def test_addresses_are_ordered_as_numbers() -> None:
    nodes = tuple(Node(f"10.0.0.{n}", BOTH, f"m{n}", f"10.0.0.{n}") for n in (10, 9, 100))
    assert [node.name for node in two_nodes(nodes=nodes).control_plane] == ["m9", "m10", "m100"]


def control_plane(*ready: bool | None) -> tuple[Cluster, dict[str, Facts]]:
    """A node for each, last address first: whether its API server became ready; None for one that did not answer."""
    nodes = [Node(f"10.0.0.{n}", BOTH, f"m{n}", f"10.0.0.{n}") for n in range(1, len(ready) + 1)]
    units: dict[bool, dict[str, dict[str, str]]] = {True: {"kube-apiserver.service": {}}, False: {}}
    facts = {
        node.endpoint: replace(BARE, record=Record(ready=units[one]))
        for node, one in zip(nodes, ready, strict=True)
        if one is not None
    }
    return two_nodes(nodes=tuple(reversed(nodes))), facts


LEADS: dict[tuple[bool | None, ...], str] = {
    (False, False, False): "m1",
    (True, True, True): "m1",
    (None, True, True): "m2",
    # One that joins, with the lowest address of all.
    (False, True, True): "m2",
    (None, False, True): "m3",
    (None, False, False): "m2",
    (None, None, None): "m1",
}


@pytest.mark.parametrize("ready", LEADS)
def test_the_lead_is_the_first_that_answered_and_has_worked(ready: tuple[bool | None, ...]) -> None:
    assert lead(*control_plane(*ready)).name == LEADS[ready]


def test_all_control_plane_nodes_have_the_same_and_one_of_them_acts() -> None:
    said = in_order((2, 1, 0), 3)
    found = plans(said, machines())
    written = [{put.file.path for put in plan.files} for plan in found]
    assert all(
        {"/etc/kubeup/cluster.yaml", "/etc/kubeup/addons/dns.yaml", "/etc/kubeup/addons.yaml"} <= one for one in written
    )
    acting = [
        plan.node for plan in found for step in plan.steps if isinstance(step, RunAction) and step.action.id == "addons"
    ]
    assert acting == ["machine0"]


def test_another_lead_finds_nothing_to_do_and_undoes_nothing_of_the_one_before() -> None:
    said = in_order((0, 1, 2), 3)
    after = up(said, machines())
    record = after["m0"].record
    ready = {unit: read for unit, read in record.ready.items() if unit != "kube-scheduler.service"}
    del ready["kube-apiserver.service"]
    after["m0"] = replace(after["m0"], record=replace(record, ready=ready))
    told = steps(said, after)
    assert {node for node, _ in told} == {"machine0"}
    assert not [step for _, step in told if isinstance(step, RunAction) or "Undo" in type(step).__name__]


def as_a_kubeup_before_left_it(facts: Facts) -> Facts:
    """A control-plane node that was not the profile's first had nothing of what was done once for the cluster."""
    alone = ("/etc/kubeup/cluster.yaml", "/etc/kubeup/addons")
    record = facts.record
    owned = {path: one for path, one in record.owned.items() if not path.startswith(alone)}
    files = {path: one for path, one in facts.files.items() if not path.startswith(alone)}
    meta = {key: value for key, value in record.meta.items() if key not in ("nodes", "addons")}
    actions = tuple(one for one in record.actions if one not in ("cluster-objects", "node-objects", "addons"))
    return replace(facts, files=files, record=replace(record, owned=owned, meta=meta, actions=actions))


def test_a_cluster_whose_first_master_alone_had_all_gets_the_rest_without_a_restart() -> None:
    said = in_order((0, 1, 2), 3)
    after = up(said, machines())
    old = after | {host: as_a_kubeup_before_left_it(after[host]) for host in ("m0", "m2")}
    found = plans(said, old)
    assert [{put.file.path for put in plan.files} for plan in found] == [
        {"/etc/kubeup/cluster.yaml", "/etc/kubeup/addons/dns.yaml", "/etc/kubeup/addons.yaml"},
        set(),
        {"/etc/kubeup/cluster.yaml", "/etc/kubeup/addons/dns.yaml", "/etc/kubeup/addons.yaml"},
    ]
    assert not [start for plan in found for start in plan.starts]


def test_what_was_added_by_hand_is_known_whichever_node_recorded_it() -> None:
    said = in_order((0, 1, 2), 3)
    after = up(addons.by_hand(said, ["metrics-server"]), machines())
    old = after | {host: as_a_kubeup_before_left_it(after[host]) for host in ("m0", "m1")}
    for order in ((0, 1, 2), (2, 1, 0)):
        assert resolve.resolve(in_order(order, 3), old).addons == ("dns", "metrics-server")


def test_an_api_server_that_answers_leads_before_one_that_worked_once() -> None:
    cluster, facts = control_plane(True, True, True)
    answer = {running.API_VERSION: Said('{"gitVersion": "v1.37.2"}')}
    silent = {running.API_VERSION: Said(why="no answer within 10 s")}
    told = {host: replace(one, said=silent if host == "10.0.0.1" else answer) for host, one in facts.items()}
    assert lead(cluster, told).name == "m2"


def test_an_api_server_that_is_no_more_is_asked_no_more() -> None:
    first = in_order((0, 1, 2), 1)
    after = up(first, machines())
    turned = replace(
        first, nodes=tuple(replace(node, roles=WORKER if node.host == "m0" else BOTH) for node in first.nodes)
    )
    assert resolve.resolve(turned, after).api_server == f"https://{ADDRESSES[1]}:6443"


WORKER = frozenset({Role.WORKER})
