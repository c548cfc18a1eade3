"""Pods that are there while nodes are asked what they reach, and gone afterwards whatever happens."""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Iterator, Sequence

from kubeup.components import pause
from kubeup.execution.job import Job
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError
from kubeup.node.wire.remote_commands import Kind
from kubeup.validate import evaluate
from kubeup.validate.checks import Check
from kubeup.validate.scripts import script

PODS_TIMEOUT_SECONDS = 300.0
HELD_TIMEOUT_SECONDS = 200.0


class HeldPods:
    """``with HeldPods(...) as held:`` pods on every worker for as long as the block lasts.

    rows: what pods.sh said of them until they were held. lost: it ended before that. leftovers: checks of what went
    wrong with holding them.
    The script on the node takes them away when its input ends, so they go even when this process is killed.
    """

    def __init__(self, job: Job, cluster: Cluster, master: Node, workers: Sequence[Node]) -> None:
        self.rows: list[list[str]] = []
        self.lost = False
        self.leftovers: list[Check] = []
        self._job, self._master = job, master
        self._script = script(
            "pods.sh",
            NODES=" ".join(node.name for node in workers),
            HERE=master.name,
            IMAGE=pause.name(cluster),
            RUN=secrets.token_hex(4),
        )
        self._release = threading.Event()
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._error: KubeupError | None = None
        self._cleaned = False

    def __enter__(self) -> HeldPods:
        self._thread = threading.Thread(target=self._hold, daemon=True)
        self._thread.start()
        try:
            self._read_until_held()
        except BaseException:
            self._release.set()
            raise
        return self

    def _read_until_held(self) -> None:
        while True:
            try:
                line = self._lines.get(timeout=HELD_TIMEOUT_SECONDS)
            except queue.Empty:
                self.leftovers.append(evaluate.stuck(self._master, HELD_TIMEOUT_SECONDS))
                return
            if line is None:
                self.lost = True
                self.leftovers.append(evaluate.not_held(self._master, self._error))
            if line is None or line == "held":
                return
            self.rows.append(line.split("\t"))

    def _hold(self) -> None:
        connection = self._job.fleet.another(self._master)
        try:
            connection.call(Kind.SHELL, self._body(), on_line=self._line, timeout=PODS_TIMEOUT_SECONDS)
        except KubeupError as error:
            self._error = error
        finally:
            self._lines.put(None)
            connection.close()

    def _body(self) -> Iterator[bytes]:
        yield self._script
        self._release.wait(PODS_TIMEOUT_SECONDS)

    def _line(self, line: str) -> None:
        self._cleaned = self._cleaned or line == "cleaned"
        self._lines.put(line)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._release.set()
        # An impatient person is not made to wait: the node cleans up by itself.
        self._thread.join(0.5 if kind else 90.0)
        if kind is None and not self._cleaned:
            self.leftovers.append(evaluate.not_cleaned(self._master, self._error))
