"""Who goes on when others are slow, fail or hang: a plan's waves, carried on without a node or a clock."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeup.execution.schedule import Schedule, State
from kubeup.model.cluster import Cluster
from kubeup.model.facts import ClusterFacts
from kubeup.model.resources import Action
from kubeup.plan.steps import Level, Plan, RunAction
from kubeup.plan.waves import STAGING, Trip
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

ALL_WELL = Seen(etcd=THREE, api=THREE, leader="node5")
FIRST = start("containerd", ETCD, API, SCHEDULER, KUBELET)


def planned(where: Cluster, starts: dict[str, Started], seen: Seen = ALL_WELL) -> Plan:
    made = plan(where, starts)
    return Plan(made.cluster, made.nodes, waves.of(where, made, {}, seen.of(where), where.control_plane[0]))


def staged(made: Plan) -> list[Trip]:
    return [Trip(STAGING, node.node) for node in made.nodes if not node.empty]


class Run:
    """A schedule whose trips a test ends as it likes. silent: nodes that give no sign of life. held: node -> why."""

    def __init__(self, made: Plan, first: list[Trip] | None = None) -> None:
        self.schedule = Schedule(made, staged(made) if first is None else first)
        self.silent: set[str] = set()
        self.held: dict[str, str] = {}
        self.order: list[Trip] = []
        self.go_on()

    def go_on(self) -> None:
        while (trip := self.schedule.next(self.silent.__contains__)) is not None:
            self.schedule.begin(trip)
            self.order.append(trip)

    @property
    def at_work(self) -> list[tuple[int, str]]:
        return [(trip.level, trip.node) for trip in self.schedule.under_way]

    def end(self, node: str, *, failed: bool = False, shut: bool = False) -> None:
        trip = next(trip for trip in self.schedule.under_way if trip.node == node)
        self.schedule.end(trip, State.FAILED if failed else State.SHUT if shut else State.DONE)
        self.held.update(self.schedule.hold())
        self.go_on()

    def hang(self, node: str) -> None:
        self.silent.add(node)
        self.go_on()

    @property
    def waits(self) -> dict[str, str]:
        return self.schedule.waits(self.silent.__contains__)


def test_a_worker_goes_on_as_soon_as_the_api_is_there_whoever_else_is_slow() -> None:
    run = Run(
        planned(cluster(1, 2), {"node3": FIRST, **dict.fromkeys(("node4", "node5"), start("containerd", KUBELET))})
    )
    assert run.at_work == [(-1, "node3"), (-1, "node4"), (-1, "node5")]
    run.end("node4")
    run.end("node4")
    assert run.waits == {"node4": "waiting for node3"}
    run.end("node3")
    run.end("node3")
    assert run.at_work == [(-1, "node5"), (1, "node3"), (1, "node4")]


def test_founding_members_begin_together_however_long_the_slowest_line_takes() -> None:
    run = Run(planned(cluster(3), dict.fromkeys(THREE, start(ETCD)), Seen()))
    run.end("node3")
    run.end("node5")
    assert run.at_work == [(-1, "node4")]
    run.end("node4")
    assert run.at_work == [(0, "node3"), (0, "node4"), (0, "node5")]


def test_founding_members_go_on_without_one_that_failed_or_hangs() -> None:
    made = planned(cluster(3), dict.fromkeys(THREE, start(ETCD)), Seen())
    for give_up in ("fails", "hangs"):
        run = Run(made)
        run.end("node3")
        run.end("node5")
        if give_up == "fails":
            run.end("node4", failed=True)
        else:
            run.hang("node4")
        assert {node for level, node in run.at_work if level == 0} == {"node3", "node5"}
        assert run.held == {}


def test_members_restart_one_after_the_other_in_the_order_of_the_waves() -> None:
    run = Run(planned(cluster(3), dict.fromkeys(THREE, restart(ETCD))))
    for node in THREE:
        run.end(node)
    assert run.at_work == [(0, "node3")]
    assert run.waits == {"node4": "waiting for node3", "node5": "waiting for node4, node3"}
    run.end("node3")
    assert run.at_work == [(0, "node4")]
    run.end("node4")
    assert run.at_work == [(0, "node5")]
    run.end("node5")
    assert run.schedule.over


def test_after_one_member_failed_no_other_is_restarted_and_all_else_goes_on() -> None:
    starts = {**dict.fromkeys(THREE, restart(ETCD, KUBELET)), "node6": restart(KUBELET), "node7": restart("containerd")}
    run = Run(planned(cluster(3, 2), starts, Seen(etcd=THREE, api=THREE, leader="node3")), [])
    assert run.at_work == [(0, "node4"), (0, "node7")]
    run.end("node4", failed=True)
    reason = "node4 failed, and etcd restarts nowhere else before that is mended"
    assert run.held == dict.fromkeys(("node3", "node5"), reason)
    # The API server of node3, which was not touched, serves the workers as it is.
    assert run.at_work == [(0, "node7"), (1, "node6")]


def test_a_node_whose_gate_stayed_shut_serves_the_others_as_it_is_and_holds_its_kind() -> None:
    run = Run(planned(cluster(3, 1), {**dict.fromkeys(THREE, restart(ETCD)), "node6": restart(KUBELET)}), [])
    assert run.waits["node6"] == "waiting for node3"
    run.end("node3", shut=True)
    assert run.at_work == [(1, "node6")]
    assert set(run.held) == {"node4", "node5"}


def test_what_failed_of_one_kind_does_not_hold_another() -> None:
    starts = {"node3": restart(ETCD), "node4": restart(API), "node5": restart(ETCD, API)}
    run = Run(planned(cluster(3), starts), [])
    run.end("node3", failed=True)
    assert run.at_work == [(0, "node4")]
    assert run.held == {"node5": "node3 failed, and etcd restarts nowhere else before that is mended"}


def test_without_the_api_that_everybody_waits_for_nobody_goes_on() -> None:
    made = planned(cluster(1, 1), {"node3": FIRST, "node4": start("containerd", KUBELET)}, Seen())
    run = Run(made, [])
    run.end("node4")
    run.end("node3", failed=True)
    assert run.held == {"node4": "node3 failed, and with it the API server everything after needs"}
    assert run.schedule.over
    # Also where it failed before its turn.
    run = Run(made)
    run.end("node3", failed=True)
    assert run.at_work == [(-1, "node4")]
    run.end("node4")
    run.end("node4")
    assert run.held == {"node4": "node3 failed, and with it the API server everything after needs"}


def test_one_that_hangs_before_its_turn_is_overtaken_and_comes_later_when_it_comes_back() -> None:
    run = Run(planned(cluster(3), dict.fromkeys(THREE, restart(ETCD))))
    run.end("node3")
    run.end("node5")
    run.end("node3")
    assert run.at_work == [(-1, "node4")]
    run.hang("node4")
    assert run.at_work == [(-1, "node4"), (0, "node5")]
    run.silent.clear()
    run.end("node4")
    assert run.at_work == [(0, "node5")]
    run.end("node5")
    assert run.at_work == [(0, "node4")]


def test_one_that_hangs_while_it_restarts_is_waited_for() -> None:
    run = Run(planned(cluster(3), dict.fromkeys(THREE, restart(ETCD))), [])
    run.hang("node3")
    assert run.at_work == [(0, "node3")]
    run.end("node3", failed=True)
    assert set(run.held) == {"node4", "node5"}


def test_the_cluster_s_own_level_goes_on_without_a_worker_that_hangs_or_failed() -> None:
    where = cluster(1, 5)
    made = plan(where, {node.title: start(KUBELET) for node in where.nodes[1:]})
    addons = Level(2, "addons", (RunAction(Action("addons", "addons", "addons", "true", "true")),))
    made = made.with_node(replace(made.nodes[0], levels=(addons,)))
    made = Plan(made.cluster, made.nodes, waves.of(where, made, {}, ClusterFacts(), where.control_plane[0]))
    run = Run(made, [])
    assert run.waits == {"node3": "waiting for node4, node5, node6 and 2 others"}
    for node in ("node4", "node5", "node6"):
        run.end(node)
    run.end("node7", failed=True)
    assert run.waits == {"node3": "waiting for node8"}
    run.hang("node8")
    assert run.at_work == [(1, "node8"), (2, "node3")]


def test_a_plan_with_a_level_in_no_wave_is_a_fault_and_not_passed_over() -> None:
    with pytest.raises(ValueError, match="in no wave"):
        Schedule(plan(cluster(1), {"node3": start(ETCD)}))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(situations(), st.integers(0, 10**6))
def test_however_trips_end_no_two_that_work_are_away_together(
    situation: tuple[Cluster, dict[str, Started], Seen], seed: int
) -> None:
    """Any of them may fail, and hang, at any time; all come to an end."""
    where, starts, seen = situation
    works = {ETCD: seen.etcd, API: seen.api}
    run, chance = Run(planned(where, starts, seen)), Random(seed)
    while not run.schedule.over:
        away = [node for level, node in run.at_work if level == 0 and disturbs(starts[node], node, works)]
        assert len(away) <= 1
        levels = [trip for trip in run.order if trip.node in away]
        assert levels == sorted(levels)
        assert run.at_work, "all wait, and nobody works"
        node = chance.choice(run.at_work)[1]
        if chance.random() < 0.2:
            run.hang(node)
        else:
            run.silent.discard(node)
            run.end(node, failed=chance.random() < 0.2)


def disturbs(what: Started, node: str, works: dict[str, tuple[str, ...]]) -> bool:
    return any(node in works.get(name, ()) for name in what.names)
