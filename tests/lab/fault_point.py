"""kubeup that stands still at a chosen point, to be killed or cut off there: ``python -m tests.lab.fault_point up ...``

It is the real command line in a process of its own. The point is a JSON object in KUBEUP_TEST_POINT. At a step the
node's half stands still, too, for as long as /run/kubeup-test-hold exists on the node: so what is done when the fault
strikes does not depend on how quick anybody is. Every step and phase that passes is written down, which is how the
list of points is made.
"""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from kubeup.cli import main
from kubeup.execution import trip as trips
from kubeup.model.cluster import Node
from kubeup.model.events import Event, EventSink, Phase, Working
from kubeup.node.wire import payload
from kubeup.node.wire.packing import Packer
from kubeup.node.wire.payload import Payload
from kubeup.node.wire.transport import NodeConnection
from kubeup.report.progress import View

VARIABLE = "KUBEUP_TEST_POINT"
HOLD = "/run/kubeup-test-hold"
MARKER = '    say "step$TAB$number"\n'
WAIT_SECONDS = 120.0


@dataclass(frozen=True)
class Point:
    """Where: a step (node, its trip, the step's number there), a phase (its number, or its title), bytes sent to a
    node, or its next step with a title that is not among those struck.

    title: for people. deed: kill (this process ends itself), or tell (it makes the file ``told``, and goes on when the
    file ``go`` is there). seen: where to write down what passes.
    """

    kind: str = ""
    node: str = ""
    trip: int = 0
    number: int = 0
    title: str = ""
    deed: str = "kill"
    told: str = ""
    go: str = ""
    seen: str = ""
    struck: tuple[str, ...] = ()

    @staticmethod
    def parse(text: str) -> Point:
        known = {field.name for field in fields(Point)}
        return Point(**{key: value for key, value in json.loads(text).items() if key in known})

    def step_of(self, node: str, trip: int, titles: Sequence[str]) -> int:
        """The number of the step to stand still at, 0 for none of this trip."""
        if node != self.node:
            return 0
        if self.kind == "next":
            return next((number for number, title in enumerate(titles, 1) if title not in self.struck), 0)
        return self.number if self.kind == "step" and trip == self.trip else 0

    def text(self) -> str:
        return json.dumps(asdict(self))


class HeldTrip(Payload):
    """A trip whose node's half stands still at a step. held: its number."""

    held = 0


class FaultPoint:
    def __init__(self, point: Point) -> None:
        self._point = point
        self._trips: Counter[str] = Counter()
        self._phases = 0
        self._lock = threading.Lock()
        self._struck = False
        self._carry_out, self._small, self._emit = trips.carry_out, payload._small, View.emit

    def install(self) -> None:
        trips.carry_out = self._watched
        payload._small = self._with_hold
        fault_point = self

        def emit(view: View, event: Event) -> None:
            fault_point._emit(view, event)
            if isinstance(event, Phase):
                fault_point._phase(event)

        View.emit = emit  # type: ignore[method-assign,assignment]

    def _watched(
        self,
        node: Node,
        connection: NodeConnection,
        trip: Payload,
        operator: str,
        emit: EventSink,
        packer: Packer | None = None,
        heard: Callable[[], None] = lambda: None,
    ) -> list[str]:
        with self._lock:
            self._trips[node.title] += 1
            number = self._trips[node.title]
        target = self._point.step_of(node.title, number, trip.titles)
        if target:
            held = HeldTrip(trip.lines, trip.titles, trip.blobs, trip.pieces)
            object.__setattr__(held, "held", target)
            trip = held
        sending = self._point.kind == "bytes" and (node.title, number) == (self._point.node, self._point.trip)

        def watching(event: Event) -> None:
            emit(event)
            if not isinstance(event, Working):
                return
            if event.bytes:
                if sending and event.done >= self._point.number:
                    self._strike()
            elif event.done:
                self._note("step", node.title, number, event.done, event.title)
                if event.done == target:
                    self._strike()

        return self._carry_out(node, connection, trip, operator, watching, packer, heard)

    def _with_hold(self, trip: Payload) -> bytes:
        small = self._small(trip)
        return with_hold(small, trip.held) if isinstance(trip, HeldTrip) else small

    def _phase(self, event: Phase) -> None:
        with self._lock:
            self._phases += 1
            number = self._phases
        self._note("phase", "", 0, number, event.title)
        point = self._point
        if point.kind == "phase" and (number == point.number if point.number else event.title == point.title):
            self._strike()

    def _note(self, kind: str, node: str, trip: int, number: int, title: str) -> None:
        if self._point.seen:
            line = json.dumps({"kind": kind, "node": node, "trip": trip, "number": number, "title": title})
            with self._lock, open(self._point.seen, "a") as file:
                file.write(line + "\n")

    def _strike(self) -> None:
        if self._struck:
            return
        self._struck = True
        if self._point.deed == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        Path(self._point.told).touch()
        deadline = time.monotonic() + WAIT_SECONDS
        while not Path(self._point.go).exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody made {self._point.go}")
            time.sleep(0.02)


def with_hold(small: bytes, number: int) -> bytes:
    """The first part of a trip's tar stream, with a script that waits at this step."""
    wait = f'    [ "$number" != {number} ] || while [ -e {HOLD} ]; do sleep 0.02; done\n'
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(small + b"\0" * 1024)) as source:
        for member in source:
            file = source.extractfile(member)
            assert file is not None
            content = file.read()
            if member.name == "apply.sh":
                assert content.count(MARKER.encode()) == 1
                content = content.replace(MARKER.encode(), (MARKER + wait).encode())
            out.write(payload._header(member.name, len(content)) + content + b"\0" * (-len(content) % 512))
    return out.getvalue()


if __name__ == "__main__":
    FaultPoint(Point.parse(os.environ[VARIABLE])).install()
    main.main(prog_name="kubeup")
