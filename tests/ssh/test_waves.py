"""A machine that hangs in the middle: its sshd is stopped, so that it neither answers nor hangs up."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.execution.executor import Execution
from kubeup.execution.fleet import Fleet
from kubeup.model.cluster import Cluster, Role
from kubeup.model.errors import FleetError
from kubeup.model.events import Event, Failed, Finished, Skipped, Working
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.model.resources import Action
from kubeup.node.wire.transport import SshConnection
from kubeup.plan.steps import Level, NodePlan, Plan, RunAction
from kubeup.plan.waves import Gate, Trip
from kubeup.planning import waves
from tests.ssh.conftest import Operator
from tests.ssh.machine import Daemon, Machine
from tests.support.polling import settle

CONTROL_PLANE, WORKER = frozenset({Role.CONTROL_PLANE}), frozenset({Role.WORKER})
NAMES = ("node3", "node4", "node5")
HANGS = "node4"
# As an action of a node that will hang: it begins, and goes on once it is let.
BEGIN = "touch /tmp/begun; while [ ! -e /tmp/go ]; do sleep 0.1; done"


@pytest.fixture(scope="module")
def machines(key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Machine, Daemon]]]:
    """By the name of the node: each has a root of its own."""
    made = {}
    for name in NAMES:
        machine = Machine(tmp_path_factory.mktemp(name))
        machine.authorize(key.with_suffix(".pub"))
        made[name] = (machine, machine.sshd())
    yield made
    for machine, _ in made.values():
        machine.stop()


@pytest.fixture
def cluster(operator: Operator, machines: dict[str, tuple[Machine, Daemon]]) -> Cluster:
    """node3 serves the API; node4 and node5 are workers."""
    nodes = []
    for name, (machine, daemon) in machines.items():
        machine.run("rm -rf /var/lib/kubeup/* /tmp/begun /tmp/go")
        operator.trust(daemon)
        roles = CONTROL_PLANE if name == "node3" else WORKER
        nodes.append(replace(operator.node(daemon), name=name, address="127.0.0.1", roles=roles))
    return operator.cluster(*nodes)


def level(number: int, script: str = "true") -> Level:
    return Level(number, f"part {number}", (RunAction(Action(f"do-{number}", "doing", "any", "false", script)),))


def plan(cluster: Cluster, hanging: str = BEGIN) -> Plan:
    """A level on each machine, one more on the workers that needs node3, and the cluster's own one on node3."""
    nodes = (
        NodePlan("node3", 0, levels=(level(0), level(2))),
        NodePlan("node4", 0, levels=(level(0, hanging), level(1))),
        NodePlan("node5", 0, levels=(level(0), level(1))),
    )
    made = Plan("demo", nodes)
    return replace(made, waves=waves.of(cluster, made, {}, ClusterFacts(), cluster.nodes[0]))


class Told:
    """Events by what matters here: (node, phase) that ended, what nodes waited for, who failed."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def ended(self) -> list[tuple[str, str]]:
        return [(one.node, one.title.partition(":")[0]) for one in self.events if isinstance(one, Finished)]

    @property
    def failed(self) -> list[str]:
        return [one.node for one in self.events if isinstance(one, Failed)]

    @property
    def waiting(self) -> set[tuple[str, str]]:
        return {
            (one.node, one.title)
            for one in self.events
            if isinstance(one, Working) and one.title.startswith("waiting for")
        }


def descendants(pid: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *descendants(int(child))]
    return found


@contextmanager
def hung(machine: Machine, daemon: Daemon) -> Iterator[Callable[[], None]]:
    """Once its action has begun, every process of its sshd stands still, until it is let go on, or the test ends."""
    settle(lambda: "begun" in machine.run("ls /tmp"), 20, "the action to begin")
    pids = [daemon.process.pid, *descendants(daemon.process.pid)]
    sshd = [pid for pid in pids if "sshd" in Path(f"/proc/{pid}/comm").read_text()]
    assert len(sshd) > 1, "nobody is connected"

    def go_on() -> None:
        # nsenter stops with what it started.
        for pid in (daemon.process.pid, *sshd):
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGCONT)
        machine.run("touch /tmp/go")

    for pid in sshd:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield go_on
    finally:
        go_on()


@pytest.fixture
def execution(operator: Operator, cluster: Cluster) -> Iterator[tuple[Execution, Told]]:
    told = Told()
    with closing(operator.dialer(*cluster.nodes)) as connector:
        fleet = Fleet(lambda node: SshConnection(connector, node))
        facts = {node.endpoint: Facts() for node in cluster.nodes}
        yield (
            Execution(
                fleet=fleet, cluster=cluster, plan=plan(cluster), facts=facts, operator="ann@desk", emit=told.emit
            ),
            told,
        )
        fleet.close()


def test_a_machine_that_hangs_delays_only_itself_and_goes_on_when_it_comes_back(
    execution: tuple[Execution, Told], machines: dict[str, tuple[Machine, Daemon]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubeup.execution.executor.PATIENCE_SECONDS", 2.0)
    run, told = execution
    thread = threading.Thread(target=run.run)
    thread.start()
    with hung(*machines[HANGS]) as go_on:
        settle(lambda: ("node3", "level 2") in told.ended, 20, "the others to finish")
        assert set(told.ended) == {
            ("node3", "level 0"),
            ("node3", "level 2"),
            ("node5", "level 0"),
            ("node5", "level 1"),
        }
        assert ("node3", "waiting for node4") in told.waiting
        assert thread.is_alive()
        go_on()
        thread.join(20)
    assert not thread.is_alive()
    assert told.ended[-2:] == [("node4", "level 0"), ("node4", "level 1")]
    assert not told.failed


def test_a_machine_that_hangs_for_good_is_given_up_and_is_the_only_one_that_failed(
    execution: tuple[Execution, Told], machines: dict[str, tuple[Machine, Daemon]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubeup.execution.executor.PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr("kubeup.node.wire.exchange.IDLE_SECONDS", 6.0)
    run, told = execution
    errors: list[FleetError] = []

    def work() -> None:
        try:
            run.run()
        except FleetError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    with hung(*machines[HANGS]):
        thread.join(40)
        assert not thread.is_alive()
    assert [error.title() for error in errors[0].causes] == [
        "node4: apply: the node's half of kubeup was silent for 6 s"
    ]
    assert {node for node, _ in told.ended} == {"node3", "node5"}
    assert ("node3", "level 2") in told.ended
    assert told.failed == [HANGS]


def test_a_gate_that_stays_shut_fails_its_node_with_who_is_in_the_way_and_what_to_type(
    execution: tuple[Execution, Told], machines: dict[str, tuple[Machine, Daemon]]
) -> None:
    run, told = execution
    machines[HANGS][0].run("touch /tmp/go")
    gate = Gate("waiting for two others", "echo node4 is not healthy; false", "too few", "mend node4 first", timeout=1)
    first = run.plan.waves[0]
    assert first.trips == (Trip(0, "node3"), Trip(0, "node4"), Trip(0, "node5"))
    others = replace(first, nodes=("node4", "node5"))
    alone = replace(first, nodes=("node3",), before=(gate,), rolling=("etcd",), restarts=("etcd",))
    run.plan = replace(run.plan, waves=(others, alone, *run.plan.waves[1:]))
    with pytest.raises(FleetError) as raised:
        run.run()
    assert [one.title() for one in raised.value.causes] == ["node3: waiting for two others: too few"]
    (error,) = raised.value.causes
    assert error.evidence == ("node4 is not healthy",)
    assert error.fix == "mend node4 first"
    assert set(told.ended) == {("node4", "level 0"), ("node5", "level 0")}
    held = "node3 failed, and with it the API server everything after needs"
    assert {one.node: one.reason for one in told.events if isinstance(one, Skipped)} == {"node4": held, "node5": held}


def test_ctrl_c_ends_at_once_though_a_machine_hangs(
    execution: tuple[Execution, Told], machines: dict[str, tuple[Machine, Daemon]]
) -> None:
    run, _ = execution
    pressed: list[float] = []
    main = threading.main_thread().ident
    assert main is not None

    def press() -> None:
        with hung(*machines[HANGS]):
            pressed.append(time.monotonic())
            signal.pthread_kill(main, signal.SIGINT)
            over.wait(20)

    over = threading.Event()
    thread = threading.Thread(target=press)
    # Whoever runs tests in the background runs them with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run.run()
        took = time.monotonic() - pressed[0]
    finally:
        over.set()
        thread.join(30)
        signal.signal(signal.SIGINT, before)
    assert took < 1
