"""A plan is carried out: bytes are staged on every node, then every level is activated, with a barrier between."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kubeup.execution.fleet import Fleet
from kubeup.execution.results import tell_failures
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import FleetError, KubeupError, StepError
from kubeup.model.events import EventSink, Finished, Note, Phase, Sending, Skipped, Working
from kubeup.model.facts import Facts
from kubeup.node.wire import payload
from kubeup.node.wire.described import described
from kubeup.node.wire.exchange import Reply
from kubeup.node.wire.packing import Packer
from kubeup.node.wire.payload import Payload
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.step_lines import IssuedSecrets
from kubeup.node.wire.transport import NodeConnection
from kubeup.plan.steps import NodePlan, Plan
from kubeup.planning.lead import lead
from kubeup.release.artifacts import Download

PayloadBuilder = Callable[[Node, NodePlan, int], Payload]
"""Makes what one node is sent in a phase, of: node, plan, the generation that the node's record must have."""
Fetch = Callable[[frozenset[str]], Mapping[str, Path]]
"""Brings files that no node got by itself into the operator's cache: their sha256 -> where they lie by then."""
LEVEL_TIMEOUT_SECONDS = 900.0
"""For one trip; longer where its steps ask for more."""


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
    before: level -> what is called, once for all nodes, before the first of them begins that level.

    How far it has come, by node.endpoint:
    generations: what the node's record says by now; a node is not in it before its first trip, for which the plan's
    generation counts. failures: why a node is given up. held: why a node that did not fail does not go on.
    notes: what the node's half said for this side to read, ``KIND<tab>WORDS``.
    seconds: by the title of a phase, how long all nodes took for it together.
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

    def run(self) -> None:
        """Stage everywhere, then each level everywhere. Once.

        A node that fails holds no other up, but for those that need its API server. Raises one FleetError with every
        failure when all is done that could be.
        """
        self._download()
        self._stage()
        numbers = self.plan.level_numbers
        for number in numbers:
            self.before.get(number, lambda: None)()
            self._level(number, last=number == numbers[-1])
        if self.failures:
            raise FleetError(
                f"{len(self.failures)} of {len(self.cluster.nodes)} nodes failed",
                tuple(self.failures.values()),
                fix="mend what is said above and run the same command again: what is done already is not done twice",
            )

    def _alive(self) -> list[tuple[Node, NodePlan]]:
        pairs = zip(self.cluster.nodes, self.plan.nodes, strict=True)
        return [
            (node, plan)
            for node, plan in pairs
            if node.endpoint not in self.failures and node.endpoint not in self.held
        ]

    def _download(self) -> None:
        """Nodes that can reach a source fetch by themselves: cheap for many. What they do not get is pushed."""
        wanted = {
            node.endpoint: plan
            for node, plan in self._alive()
            if self.facts[node.endpoint].downloader and any(b.sha256 in self.downloads for b in plan.binaries)
        }

        def trip(node: Node, plan: NodePlan, expected: int) -> Payload:
            proxy = self.cluster.proxy
            return payload.download_payload(plan, expected, expected + 1, self.operator, self.downloads, proxy)

        self._phase("nodes download", wanted, trip)
        for node, plan in self._alive():
            if node.endpoint not in wanted:
                continue
            got = {note.split("\t")[1] for note in self.notes.get(node.endpoint, []) if note.startswith("downloaded\t")}
            left = tuple(binary for binary in plan.binaries if binary.sha256 not in got)
            if left:
                self.emit(Note(f"{len(got)} binaries downloaded, {len(left)} are pushed from here", node.title))
            self.plan = self.plan.with_node(replace(plan, binaries=left))
        lacking = frozenset(b.sha256 for _, plan in self._alive() for b in plan.binaries) - self.paths.keys()
        if lacking:
            self.emit(Phase("fetching what is pushed"))
            self.paths = {**self.paths, **self.fetch(lacking)}

    def _stage(self) -> None:
        wanted = {node.endpoint: plan for node, plan in self._alive() if plan.binaries or plan.files or plan.baselines}
        self._phase("staging", wanted, self._stage_trip)

    def _stage_trip(self, node: Node, plan: NodePlan, expected: int) -> Payload:
        arrived = self.facts[node.endpoint].pieces
        return payload.stage_payload(
            plan, expected, expected + 1, self.operator, self.issued.get(node.endpoint, {}), self.paths, arrived
        )

    def _level(self, number: int, *, last: bool) -> None:
        self._hold(number)
        wanted = {node.endpoint: plan for node, plan in self._alive() if plan.level(number)}
        titles = dict.fromkeys(level.title for plan in wanted.values() if (level := plan.level(number)) and level.title)
        name = f"level {number}: {', '.join(dict.fromkeys(', '.join(titles).split(', ')))}" if titles else "finishing"

        def trip(node: Node, plan: NodePlan, expected: int) -> Payload:
            level = plan.level(number)
            assert level is not None
            return payload.level_payload(
                level, expected, expected + 1, self.operator, self.issued.get(node.endpoint, {})
            )

        self._phase(name, wanted, trip)

    def _hold(self, number: int) -> None:
        """Every later level needs the API, and what the lead puts into it: without that nobody goes on."""
        if number == 0 or not self.cluster.control_plane:
            return
        needed = (lead(self.cluster, self.facts), self.cluster.api_node)
        failed = next((node for node in needed if node.endpoint in self.failures), None)
        if failed is None:
            return
        reason = f"{failed.title} failed, and with it the API server everything after needs"
        for node, plan in self._alive():
            if plan.level(number):
                self.held[node.endpoint] = reason
                self.emit(Skipped(node.title, reason))

    def _phase(self, title: str, wanted: Mapping[str, NodePlan], build: PayloadBuilder) -> None:
        if not wanted:
            return
        self.emit(Phase(title))
        begin = time.monotonic()
        nodes = [node for node in self.cluster.nodes if node.endpoint in wanted]

        def work(node: Node, connection: NodeConnection) -> None:
            started = time.monotonic()
            plan = wanted[node.endpoint]
            expected = self.generations.get(node.endpoint, plan.generation)
            trip = build(node, plan, expected)
            self.notes.setdefault(node.endpoint, []).extend(
                carry_out(node, connection, trip, self.operator, self.emit, self.packer)
            )
            self.generations[node.endpoint] = expected + 1
            self.emit(Finished(node.title, title, time.monotonic() - started))

        results = self.fleet.each(nodes, work)
        self.failures.update(results.failures)
        tell_failures(results, nodes, self.emit)
        self.seconds[title] = time.monotonic() - begin


def carry_out(
    node: Node, connection: NodeConnection, trip: Payload, operator: str, emit: EventSink, packer: Packer | None = None
) -> list[str]:
    """One APPLY trip; returns its notes, raises StepError with output and journal when a step failed."""
    progress = _Progress(node, trip, emit)
    emit(Sending(node.title, described(trip)))
    body = payload.stream(trip, packer, progress.arrived)
    reply = connection.call(
        Kind.APPLY, body, on_line=progress.line, timeout=max(LEVEL_TIMEOUT_SECONDS, trip.timeout), operator=operator
    )
    progress.conclude(reply)
    return progress.notes


class _Progress:
    """Follows one trip: bytes out, lines in."""

    def __init__(self, node: Node, trip: Payload, emit: EventSink) -> None:
        self._node, self._trip, self._emit = node, trip, emit
        self._total = payload.size_of(trip)
        self._step = 0
        self._output: list[str] = []
        self._failure = ""
        self._done = False
        self.notes: list[str] = []

    def arrived(self, sent: int) -> None:
        if self._total > payload.CHUNK:
            self._emit(Working(self._node.title, "sending", sent, self._total, bytes=True))

    def line(self, line: str) -> None:
        word, _, rest = line.partition("\t")
        match word:
            case "step":
                self._step = int(rest)
                self._emit(Working(self._node.title, self._title(), self._step, len(self._trip.lines)))
            case "live":
                self._emit(Working(self._node.title, f"{self._title()}: {rest}", self._step, len(self._trip.lines)))
            case "out":
                self._output.append(rest)
            case "failed":
                self._failure = rest
            case "note":
                self._note(rest)
            case "done":
                self._done = True

    def _note(self, text: str) -> None:
        kind, _, detail = text.partition("\t")
        self.notes.append(text)
        if kind in ("left", "saved"):
            self._emit(Note(detail if kind == "left" else f"someone's changes are kept as {detail}", self._node.title))

    def _title(self) -> str:
        return self._trip.titles[self._step - 1] if 0 < self._step <= len(self._trip.titles) else "unpacking"

    def _fix(self) -> str:
        return self._trip.fixes.get(self._step, RESUME)

    def conclude(self, reply: Reply) -> None:
        if self._failure:
            raise StepError(self._node.title, self._title(), self._failure, evidence=self._output, fix=self._fix())
        if reply.status or not self._done:
            errors = [line for line in reply.stderr.decode("utf-8", "replace").split("\n") if line][-10:]
            raise StepError(
                self._node.title,
                self._title(),
                f"the node's half of kubeup ended with status {reply.status} before it was done",
                evidence=errors,
                fix=RESUME,
            )


RESUME = "mend the cause and run the same command again: it goes on where this stopped"
