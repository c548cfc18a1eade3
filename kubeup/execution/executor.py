"""A plan is carried out: each node gets its bytes, then goes through its levels, as soon as what it needs is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kubeup.execution import trip as trips
from kubeup.execution.fleet import Crew, Fleet
from kubeup.execution.schedule import Schedule, State
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import REPORT, FleetError, GateError, KubeupError
from kubeup.model.events import EventSink, Failed, Finished, Note, Phase, Skipped, Working
from kubeup.model.facts import Facts
from kubeup.node.wire import payload
from kubeup.node.wire.packing import Packer
from kubeup.node.wire.payload import Payload
from kubeup.node.wire.step_lines import IssuedSecrets
from kubeup.node.wire.transport import NodeConnection
from kubeup.plan.steps import NodePlan, Plan
from kubeup.plan.waves import STAGING, Trip
from kubeup.release.artifacts import Download

DOWNLOADING = STAGING - 1
"""The number of what comes before staging: nodes fetch by themselves what they can."""
PATIENCE_SECONDS = 60.0
"""So long a node may give no sign of life before what only follows it goes on without it."""
Fetch = Callable[[frozenset[str]], Mapping[str, Path]]
"""Brings files that no node got by itself into the operator's cache: their sha256 -> where they lie by then."""


@dataclass(kw_only=True)
class Execution:
    """A plan being carried out: what is to be done, what to do it with, and how far it has come.

    What is to be done:
    fleet, cluster, plan: plan.nodes stand in the order of cluster.nodes. facts: by node.endpoint, of the probe that the
    plan was made from.
    issued: by node.endpoint, what goes into files whose content the plan does not have (keys, certificates).

    Where binaries are:
    paths: sha256 -> the file on this machine, of those that are here already. downloads: sha256 -> where a node gets
    one by itself; those that a node did not get are brought here by ``fetch``, and pushed.
    packer: packs what is pushed and keeps it packed; None sends it as it is.

    Whom to tell:
    operator: USER@HOST, for the record on the nodes. emit: takes events; called from the nodes' threads.
    before: level -> what is called, once for all nodes, before the first of them begins that level; it may use the
    connections of nodes that are at no trip.

    How far it has come, by node.endpoint:
    generations: what the node's record says by now; a node is not in it before its first trip, for which the plan's
    generation counts. failures: why a node is given up. held: why a node that did not fail does not go on.
    notes: what the node's half said for this side to read, ``KIND<tab>WORDS``.
    seconds: by the title of a phase, how long it took from the first node's beginning to the last one's end.
    """

    fleet: Fleet
    cluster: Cluster
    plan: Plan
    facts: Mapping[str, Facts]
    issued: Mapping[str, IssuedSecrets] = field(default_factory=dict)
    paths: Mapping[str, Path] = field(default_factory=dict)
    downloads: Mapping[str, Download] = field(default_factory=dict)
    fetch: Fetch = lambda _: {}
    packer: Packer | None = None
    operator: str
    emit: EventSink
    before: Mapping[int, Callable[[], None]] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)
    failures: dict[str, KubeupError] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    _prepared: set[int] = field(init=False, default_factory=set)
    """Levels for which ``before`` was called."""
    _begun: dict[str, float] = field(init=False, default_factory=dict)
    """By the title of a phase, when the first node began it."""
    _heard: dict[str, float] = field(init=False, default_factory=dict)
    """By the title of a node that is at a trip, when it last gave a sign of life."""
    _told: dict[str, str] = field(init=False, default_factory=dict)
    """By the title of a node, what was last told of whom it waits for."""

    def run(self) -> None:
        """Every trip of the plan, each when what its node needs is there. Once.

        A node that fails, or hangs, holds no other up but for those that need it. Raises one FleetError with every
        failure when all is done that could be.
        """
        self._refuse_namesakes()
        schedule = Schedule(self.plan, self._first())
        peers = max((len(wave.nodes) for wave in self.plan.waves if wave.rolling), default=1)
        with self.fleet.crew(len(self.cluster.nodes), least=peers) as crew:
            while not schedule.over:
                self._begin_all(schedule, crew)
                self._tell_who_waits(schedule)
                for node, error in crew.ended():
                    self._end(schedule, node, error)
                for title, reason in schedule.hold():
                    self._hold(title, reason)
        if self.failures:
            raise FleetError(
                f"{len(self.failures)} of {len(self.cluster.nodes)} nodes failed",
                tuple(self.failures.values()),
                fix="mend what is said above and run the same command again: what is done already is not done twice",
            )

    def _refuse_namesakes(self) -> None:
        """A plan knows nodes by their titles."""
        titles = [plan.node for plan in self.plan.nodes]
        for title in titles:
            if titles.count(title) > 1:
                raise KubeupError(
                    f"two nodes are called {title}; nothing was touched",
                    fix="say `name:` under one of them in the profile",
                )

    def _first(self) -> list[Trip]:
        """What comes before levels. Nodes that can reach a source fetch by themselves: cheap for many."""
        found = []
        for node, plan in self._pairs():
            # Who did not answer has none, and no facts.
            if any(one.sha256 in self.downloads for one in plan.binaries) and self.facts[node.endpoint].downloader:
                found.append(Trip(DOWNLOADING, plan.node))
            if plan.has_to_stage:
                found.append(Trip(STAGING, plan.node))
        return found

    def _pairs(self) -> Iterator[tuple[Node, NodePlan]]:
        return zip(self.cluster.nodes, self.plan.nodes, strict=True)

    def _of(self, title: str) -> tuple[Node, NodePlan]:
        return next((node, plan) for node, plan in self._pairs() if plan.node == title)

    def _begin_all(self, schedule: Schedule, crew: Crew) -> None:
        while (trip := schedule.next(self._is_silent)) is not None:
            self._prepare(trip, schedule)
            schedule.begin(trip)
            if trip.level == STAGING and not self._of(trip.node)[1].has_to_stage:
                schedule.end(trip)
                continue
            self._begin(trip, schedule, crew)
        if not crew.busy and not schedule.over:
            raise KubeupError("nodes wait for one another, and none goes on", fix=REPORT)

    def _prepare(self, trip: Trip, schedule: Schedule) -> None:
        """What this machine does before a node's trip."""
        if trip.level == STAGING:
            self._fetch_what_is_pushed(schedule)
        if trip.level in self.before and trip.level not in self._prepared:
            self._prepared.add(trip.level)
            self.before[trip.level]()

    def _fetch_what_is_pushed(self, schedule: Schedule) -> None:
        """Into the cache: all that nodes lack which are not at fetching it by themselves."""
        fetching = {one.node for one in schedule.under_way if one.level == DOWNLOADING}
        plans = [plan for node, plan in self._pairs() if self._is_alive(node) and plan.node not in fetching]
        lacking = frozenset(binary.sha256 for plan in plans for binary in plan.binaries) - self.paths.keys()
        if lacking:
            self.emit(Phase("fetching what is pushed", beside=bool(schedule.under_way)))
            self.paths = {**self.paths, **self.fetch(lacking)}

    def _begin(self, trip: Trip, schedule: Schedule, crew: Crew) -> None:
        node, plan = self._of(trip.node)
        title = self._title(trip.level)
        if title not in self._begun:
            self.emit(Phase(title, beside=len(schedule.under_way) > 1))
            self._begun[title] = time.monotonic()
        expected = self.generations.get(node.endpoint, plan.generation)
        self._told.pop(trip.node, None)

        def work(node: Node, connection: NodeConnection) -> None:
            started = time.monotonic()
            self._hear(trip.node)
            sent = self._payload(trip, node, plan, expected)
            notes = trips.carry_out(
                node, connection, sent, self.operator, self.emit, self.packer, lambda: self._hear(trip.node)
            )
            self.notes.setdefault(node.endpoint, []).extend(notes)
            self.generations[node.endpoint] = expected + 1
            self.emit(Finished(node.title, title, time.monotonic() - started))

        crew.begin(node, work)

    def _payload(self, trip: Trip, node: Node, plan: NodePlan, expected: int) -> Payload:
        issued, by = self.issued.get(node.endpoint, {}), self.operator
        if trip.level == DOWNLOADING:
            return payload.download_payload(plan, expected, expected + 1, by, self.downloads, self.cluster.proxy)
        if trip.level == STAGING:
            arrived = self.facts[node.endpoint].pieces
            return payload.stage_payload(plan, expected, expected + 1, by, issued, self.paths, arrived)
        level = plan.level(trip.level)
        assert level is not None
        gates = [gate for wave in self.plan.waves if trip in wave.trips for gate in wave.before]
        return payload.level_payload(level, expected, expected + 1, by, issued, gates)

    def _end(self, schedule: Schedule, node: Node, error: KubeupError | None) -> None:
        trip = next(one for one in schedule.under_way if one.node == node.title)
        title = self._title(trip.level)
        self.seconds[title] = time.monotonic() - self._begun[title]
        self._heard.pop(trip.node, None)
        shut = isinstance(error, GateError)
        schedule.end(trip, State.DONE if error is None else State.SHUT if shut else State.FAILED)
        if error is not None:
            self.failures[node.endpoint] = error
            self.emit(Failed(node.title, error))
        elif trip.level == DOWNLOADING:
            self._keep_what_is_left(node)

    def _keep_what_is_left(self, node: Node) -> None:
        """What a node did not get by itself is pushed."""
        _, plan = self._of(node.title)
        got = {note.split("\t")[1] for note in self.notes.get(node.endpoint, []) if note.startswith("downloaded\t")}
        left = tuple(binary for binary in plan.binaries if binary.sha256 not in got)
        if left:
            self.emit(Note(f"{len(got)} binaries downloaded, {len(left)} are pushed from here", node.title))
        self.plan = self.plan.with_node(replace(plan, binaries=left))

    def _hold(self, title: str, reason: str) -> None:
        node, _ = self._of(title)
        self.held[node.endpoint] = reason
        self.emit(Skipped(node.title, reason))

    def _is_alive(self, node: Node) -> bool:
        return node.endpoint not in self.failures and node.endpoint not in self.held

    def _hear(self, title: str) -> None:
        self._heard[title] = time.monotonic()

    def _is_silent(self, title: str) -> bool:
        heard = self._heard.get(title)
        return heard is not None and time.monotonic() - heard > PATIENCE_SECONDS

    def _tell_who_waits(self, schedule: Schedule) -> None:
        for title, words in schedule.waits(self._is_silent).items():
            if self._told.get(title) != words:
                self._told[title] = words
                self.emit(Working(title, words))

    def _title(self, number: int) -> str:
        """Of a phase, for people."""
        if number == DOWNLOADING:
            return "nodes download"
        if number == STAGING:
            return "staging"
        found = [level.title for node in self.plan.nodes if (level := node.level(number)) and level.title]
        if not found:
            return "finishing"
        title = f"level {number}: {', '.join(dict.fromkeys(', '.join(found).split(', ')))}"
        alone = [node for wave in self.plan.waves if wave.level == number and wave.alone for node in wave.nodes]
        return f"{title}; one after the other: {', '.join(alone)}" if len(alone) > 1 else title
