"""Which nodes go through a level together: what works somewhere, and must not be away everywhere, restarts in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings

from kubeup.model.cluster import Cluster
from kubeup.model.facts import ClusterFacts
from kubeup.model.resources import Action
from kubeup.plan.steps import Level, RunAction
from kubeup.plan.waves import STAGING, Trip, Wave
from kubeup.planning import waves
from tests.support.starts import (
    API,
    ETCD,
    KUBELET,
    SCHEDULER,
    THREE,
    Seen,
    Started,
    cluster,
    plan,
    restart,
    situations,
    start,
)


def found(cluster: Cluster, starts: Mapping[str, Started], seen: Seen) -> tuple[Wave, ...]:
    return waves.of(cluster, plan(cluster, starts), {}, seen.of(cluster), cluster.control_plane[0])


def order(made: tuple[Wave, ...]) -> list[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    return [(wave.level, wave.nodes, wave.restarts) for wave in made]


@dataclass(frozen=True)
class Case:
    """masters, workers: how many. starts: by node. wanted: (level, nodes, what works until then and restarts)."""

    id: str
    masters: int
    starts: Mapping[str, Started]
    seen: Seen
    wanted: list[tuple[int, tuple[str, ...], tuple[str, ...]]]
    workers: int = 0
    gates: list[int] = field(default_factory=list)


FIRST = start("containerd", ETCD, API, SCHEDULER, KUBELET)
ALL_WELL = Seen(etcd=THREE, api=THREE, leader="node4")
CASES = (
    Case(
        "the first up of three: all together",
        3,
        {**dict.fromkeys(THREE, FIRST), "node6": start("containerd", KUBELET)},
        Seen(),
        [(0, ("node6",), ()), (0, THREE, ()), (1, (*THREE, "node6"), ())],
        workers=1,
        gates=[0, 0, 0],
    ),
    Case(
        "a first up that was cut off while members waited for one another: together again",
        3,
        {"node3": restart(ETCD, API), "node4": restart(ETCD, API), "node5": FIRST},
        Seen(),
        [(0, THREE, ()), (1, ("node5",), ())],
        gates=[0, 0],
    ),
    Case(
        "a flag of etcd: one after the other, the leader last",
        3,
        dict.fromkeys(THREE, restart(ETCD)),
        ALL_WELL,
        [(0, ("node3",), (ETCD,)), (0, ("node5",), (ETCD,)), (0, ("node4",), (ETCD,))],
        gates=[1, 1, 1],
    ),
    Case(
        "a flag of the API server: one after the other, by address",
        3,
        dict.fromkeys(THREE, restart(API)),
        ALL_WELL,
        [(0, ("node3",), (API,)), (0, ("node4",), (API,)), (0, ("node5",), (API,))],
        gates=[1, 1, 1],
    ),
    Case(
        "a flag of each in one edit: one trip a node, both asked for",
        3,
        dict.fromkeys(THREE, restart(ETCD, API)),
        ALL_WELL,
        [(0, ("node3",), (ETCD, API)), (0, ("node5",), (ETCD, API)), (0, ("node4",), (ETCD, API))],
        gates=[2, 2, 2],
    ),
    Case(
        "a flag of kubelet, or of the scheduler: all together",
        3,
        dict.fromkeys(THREE, restart(SCHEDULER, KUBELET)),
        ALL_WELL,
        [(0, THREE, ()), (1, THREE, ())],
        gates=[0, 0],
    ),
    Case(
        "etcd on some and containerd on a worker: the worker waits for nobody",
        3,
        {"node3": restart(ETCD), "node5": restart(ETCD, KUBELET), "node6": restart("containerd", KUBELET)},
        ALL_WELL,
        [(0, ("node6",), ()), (0, ("node3",), (ETCD,)), (0, ("node5",), (ETCD,)), (1, ("node5", "node6"), ())],
        workers=1,
        gates=[0, 1, 1, 0],
    ),
    Case(
        "a member is stopped, and a flag changes: it is mended first, without a question",
        3,
        {"node3": restart(ETCD), "node4": restart(ETCD), "node5": start(ETCD)},
        Seen(etcd=("node3", "node4"), api=THREE, leader="node3"),
        [(0, ("node5",), ()), (0, ("node4",), (ETCD,)), (0, ("node3",), (ETCD,))],
        gates=[0, 1, 1],
    ),
    Case(
        "a member runs without working: first, but only while the others are a quorum without it",
        3,
        dict.fromkeys(THREE, restart(ETCD)),
        Seen(etcd=("node3", "node4"), api=THREE, leader="node3"),
        [(0, ("node5",), ()), (0, ("node4",), (ETCD,)), (0, ("node3",), (ETCD,))],
        gates=[1, 1, 1],
    ),
    Case(
        "no quorum: nothing to lose, all together",
        3,
        {"node3": restart(ETCD), "node4": start(ETCD), "node5": start(ETCD)},
        Seen(api=()),
        [(0, THREE, ())],
        gates=[0],
    ),
    Case(
        "a run cut off between two of them: what is left, in turn",
        3,
        {"node4": restart(ETCD, API), "node5": restart(ETCD, API)},
        Seen(etcd=THREE, api=("node3", "node4", "node5"), leader="node5"),
        [(0, ("node4",), (ETCD, API)), (0, ("node5",), (ETCD, API))],
        gates=[2, 2],
    ),
    Case(
        "--limit: the one alone is asked for all the same",
        3,
        {"node4": restart(API)},
        ALL_WELL,
        [(0, ("node4",), (API,))],
        gates=[1],
    ),
    Case(
        "the only control-plane node: there is nobody to ask",
        1,
        {"node3": restart(ETCD, API), "node4": restart(KUBELET)},
        Seen(etcd=("node3",), api=("node3",)),
        [(0, ("node3",), (ETCD, API)), (1, ("node4",), ())],
        workers=1,
        gates=[0, 0],
    ),
    Case(
        "two of them: the other one has to be well",
        2,
        {"node3": restart(ETCD, API), "node4": restart(ETCD, API)},
        Seen(etcd=("node3", "node4"), api=("node3", "node4"), leader="node3"),
        [(0, ("node4",), (ETCD, API)), (0, ("node3",), (ETCD, API))],
        gates=[2, 2],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_who_goes_together_and_who_in_turn(case: Case) -> None:
    made = found(cluster(case.masters, case.workers), case.starts, case.seen)
    assert order(made) == case.wanted
    assert [len(wave.before) for wave in made] == case.gates


def test_one_in_turn_follows_the_one_before_it() -> None:
    made = found(cluster(3), dict.fromkeys(THREE, restart(ETCD)), ALL_WELL)
    assert [wave.follows for wave in made] == [(), (Trip(0, "node3"),), (Trip(0, "node5"),)]
    assert [wave.after for wave in made] == [("etcd.service",)] * 3


def test_who_starts_together_begins_when_the_others_have_their_bytes() -> None:
    """A member that started alone would wait for its peers, and be given up before a slow line has fed them."""
    made = found(cluster(3, 1), {**dict.fromkeys(THREE, FIRST), "node6": start("containerd")}, Seen())
    assert [wave.follows for wave in made[:2]] == [(), tuple(Trip(STAGING, node) for node in THREE)]
    alone = found(cluster(1), {"node3": FIRST}, Seen())
    assert alone[0].follows == ()


def test_what_needs_the_api_needs_the_node_that_serves_it_and_no_other() -> None:
    where, starts = cluster(3, 1), {**dict.fromkeys(THREE, FIRST), "node6": start(KUBELET)}
    last = found(where, starts, Seen())[-1]
    assert last.nodes == (*THREE, "node6")
    assert (last.needs, last.trusts, last.follows) == ((Trip(0, "node3"),), (), ())


def test_a_node_that_serves_the_api_will_do_where_it_was_not_touched() -> None:
    where, starts = cluster(3, 1), {**dict.fromkeys(THREE, restart(ETCD)), "node6": restart(KUBELET)}
    last = found(where, starts, ALL_WELL)[-1]
    assert (last.nodes, last.needs, last.trusts) == (("node6",), (), (Trip(0, "node3"),))
    # Not where the others need objects that it is to bring.
    whole = plan(where, starts)
    action = RunAction(Action("cluster-objects", "Node objects", API, "true", "true"))
    brings = replace(whole.nodes[0], levels=(Level(0, API, (*whole.nodes[0].steps, action)),))
    last = waves.of(where, whole.with_node(brings), {}, ALL_WELL.of(where), where.control_plane[0])[-1]
    assert (last.needs, last.trusts) == ((Trip(0, "node3"),), ())


def test_what_is_the_cluster_s_follows_all_nodes_and_needs_one() -> None:
    where = cluster(1, 1)
    whole = plan(where, {"node3": restart(SCHEDULER), "node4": restart("containerd", KUBELET)})
    addons = Level(2, "addons", (RunAction(Action("addons", "addons", "addons", "true", "true")),))
    lead = replace(whole.nodes[0], levels=(*whole.nodes[0].levels, addons))
    last = waves.of(where, whole.with_node(lead), {}, ClusterFacts(), where.control_plane[0])[-1]
    assert (last.nodes, last.needs) == (("node3",), (Trip(0, "node3"),))
    assert last.follows == (Trip(0, "node3"), Trip(0, "node4"), Trip(1, "node4"))


def test_a_quorum_is_counted_without_the_one_that_restarts() -> None:
    def needed(masters: int, members: int = 0) -> list[str]:
        names = tuple(f"node{3 + number}" for number in range(masters))
        made = found(cluster(masters), {"node3": restart(ETCD)}, Seen(etcd=names, api=names, members=members))
        return [gate.lacks.partition(" of the")[0] for wave in made for gate in wave.before]

    assert [needed(number) for number in (1, 2, 3, 4, 5)] == [
        [],
        ["fewer than 1"],
        ["fewer than 2"],
        ["fewer than 3"],
        ["fewer than 3"],
    ]
    # A member that no node of the profile is counts as well.
    assert needed(3, members=4) == ["fewer than 3"]


def test_what_is_said_where_the_others_cannot_do_without_it() -> None:
    wave = found(cluster(3), {"node3": restart(ETCD, API)}, ALL_WELL)[0]
    etcd, api = wave.before
    assert etcd.lacks == (
        "fewer than 2 of the other members of etcd (node4, node5) are healthy: without this one there would be no "
        "quorum; nothing was touched on this node"
    )
    assert etcd.fix == (
        "mend those members first (`kubeup up` without --limit starts one that is stopped; `journalctl -u etcd` there "
        "says more), then run the same command again"
    )
    assert api.lacks == (
        "no other API server is ready (node4, node5): without this one there would be none; nothing was touched on "
        "this node"
    )
    assert api.fix == (
        "mend another one first (`kubeup up` without --limit starts one that is stopped; `journalctl -u "
        "kube-apiserver` there says more), then run the same command again"
    )


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(situations())
def test_whatever_is_planned_never_two_that_work_restart_together(
    situation: tuple[Cluster, dict[str, Started], Seen],
) -> None:
    where, starts, seen = situation
    made = found(where, starts, seen)
    works = {ETCD: seen.etcd, API: seen.api}
    disturbing = []
    for wave in made:
        disturbed = [(node, name) for node in wave.nodes for name in starts[node].names if node in works.get(name, ())]
        if wave.level == 0 and disturbed:
            assert wave.nodes == (disturbed[0][0],)
            disturbing.append(wave)
    # Of any two, one follows the other, be it by way of others.
    assert all(Trip(0, one.nodes[0]) in before(other, made) for one, other in pairwise(disturbing))
    covered = [(wave.level, node) for wave in made for node in wave.nodes]
    planned = [(level.number, one.node) for one in plan(where, starts).nodes for level in one.levels]
    assert sorted(covered) == sorted(planned)
    assert [wave.level for wave in made] == sorted(wave.level for wave in made)


def before(wave: Wave, made: tuple[Wave, ...]) -> set[Trip]:
    """All that a wave follows, and what that follows."""
    direct = set(wave.follows)
    return direct.union(*(before(other, made) for other in made if direct & set(other.trips)))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(situations())
def test_a_profile_in_another_order_has_the_same_turns(situation: tuple[Cluster, dict[str, Started], Seen]) -> None:
    where, starts, seen = situation
    turned = replace(where, nodes=tuple(reversed(where.nodes)))
    lead = where.control_plane[0]
    one, other = (waves.of(some, plan(some, starts), {}, seen.of(some), lead) for some in (where, turned))
    assert [wave.nodes for wave in one if wave.rolling and len(wave.nodes) == 1] == [
        wave.nodes for wave in other if wave.rolling and len(wave.nodes) == 1
    ]
