"""One trip that changes a node: bytes out, lines in, and what became of it."""

from __future__ import annotations

from collections.abc import Callable

from kubeup.model.cluster import Node
from kubeup.model.errors import GateError, StepError
from kubeup.model.events import EventSink, Note, Sending, Working
from kubeup.node.wire import payload
from kubeup.node.wire.described import described
from kubeup.node.wire.exchange import Reply
from kubeup.node.wire.packing import Packer
from kubeup.node.wire.payload import Payload
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import NodeConnection

LEVEL_TIMEOUT_SECONDS = 900.0
"""For one trip; longer where its steps ask for more."""
RESUME = "mend the cause and run the same command again: it goes on where this stopped"


def carry_out(
    node: Node,
    connection: NodeConnection,
    trip: Payload,
    operator: str,
    emit: EventSink,
    packer: Packer | None = None,
    heard: Callable[[], None] = lambda: None,
) -> list[str]:
    """One APPLY trip; returns its notes, raises StepError with output and journal when a step failed.

    heard: called with every sign of life that the node gives.
    """
    progress = _Progress(node, trip, emit, heard)
    emit(Sending(node.title, described(trip)))
    body = payload.stream(trip, packer, progress.arrived)
    reply = connection.call(
        Kind.APPLY, body, on_line=progress.line, timeout=max(LEVEL_TIMEOUT_SECONDS, trip.timeout), operator=operator
    )
    progress.conclude(reply)
    return progress.notes


class _Progress:
    """Follows one trip: bytes out, lines in."""

    def __init__(self, node: Node, trip: Payload, emit: EventSink, heard: Callable[[], None]) -> None:
        self._node, self._trip, self._emit, self._heard = node, trip, emit, heard
        self._total = payload.size_of(trip)
        self._step = 0
        self._output: list[str] = []
        self._failure = ""
        self._done = False
        self.notes: list[str] = []

    def arrived(self, sent: int) -> None:
        self._heard()
        if self._total > payload.CHUNK:
            self._emit(Working(self._node.title, "sending", sent, self._total, bytes=True))

    def line(self, line: str) -> None:
        self._heard()
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

    def conclude(self, reply: Reply) -> None:
        gate = self._trip.gates.get(self._step)
        if self._failure and gate:
            raise GateError(self._node.title, self._title(), self._failure, evidence=self._output, fix=gate.fix)
        if self._failure:
            raise StepError(self._node.title, self._title(), self._failure, evidence=self._output, fix=RESUME)
        if reply.status or not self._done:
            errors = [line for line in reply.stderr.decode("utf-8", "replace").split("\n") if line][-10:]
            raise StepError(
                self._node.title,
                self._title(),
                f"the node's half of kubeup ended with status {reply.status} before it was done",
                evidence=errors,
                fix=RESUME,
            )
