"""The truth about a running cluster: what its components say, and whether pods, services, exec and logs work."""

from __future__ import annotations

import queue
import secrets
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kubeup.execution.fleet import Results
from kubeup.execution.job import Job
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError
from kubeup.model.events import Phase, Working
from kubeup.model.facts import Facts
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import NodeConnection
from kubeup.validate import evaluate, workloads
from kubeup.validate.checks import Check, ComponentStatus, Health, NodeStatus, ServiceStatus, Status

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 60.0
PODS_TIMEOUT_SECONDS = 300.0
HELD_LIMIT = 200.0

__all__ = ["Check", "ComponentStatus", "Health", "NodeStatus", "ServiceStatus", "Status", "run"]

Rows = list[list[str]]


def run(
    job: Job,
    cluster: Cluster,
    *,
    deep: bool,
    facts: Mapping[str, Facts] | None = None,
    problems: Mapping[str, KubeupError] | None = None,
) -> Health:
    """deep: makes pods and a service for as long as it takes; else it only reads. cluster: resolved.

    facts: by host, of a probe made just now, where there was one: their units are looked at, too. problems: nodes
    that are known not to answer; they are told and passed over.
    """
    unreachable = dict(problems or {})
    job.emit(Phase("validating"))
    alive = [node for node in cluster.nodes if node.host not in unreachable]
    masters = [node for node in alive if node.is_control_plane]
    said = job.fleet.each(masters, _ask_master)
    unreachable.update(said.failures)
    checks = [evaluate.unreachable(node, unreachable[node.host]) for node in cluster.nodes if node.host in unreachable]
    checks += evaluate.units(cluster, facts or {})
    checks += evaluate.components(cluster, said.values)
    checks += evaluate.nodes(cluster, said.values)
    checks += workloads.check(cluster, said.values)
    if deep and evaluate.api_answers(said.values):
        checks += _pods(job, cluster, [node for node in alive if node.host in said.values or not node.is_control_plane])
    return Health(
        cluster.name,
        cluster.api_server,
        evaluate.component_statuses(cluster, said.values),
        evaluate.node_statuses(said.values),
        evaluate.services(said.values),
        tuple(checks),
    )


def _ask_master(node: Node, connection: NodeConnection) -> Rows:
    script = _script("cluster.sh") + _script("workloads.sh")
    return _rows(connection.call(Kind.PROBE, [script], timeout=TIMEOUT_SECONDS).stdout)


def _script(name: str, **variables: str) -> bytes:
    words = "".join(f"{key}={shlex.quote(value)}\n" for key, value in variables.items())
    return words.encode() + (HERE / name).read_bytes()


def _rows(output: bytes) -> Rows:
    return [line.split("\t") for line in output.decode("utf-8", "replace").split("\n") if line]


def _pods(job: Job, cluster: Cluster, alive: Sequence[Node]) -> list[Check]:
    """Pods on every node, held while every node is asked what it reaches."""
    master = next(node for node in alive if node.is_control_plane)
    workers = [node for node in alive if node.is_worker]
    job.emit(Phase("validating: a pod on every node"))
    with _Held(job, cluster, master, workers) as held:
        rows = held.rows
        pods = " ".join(f"{row[1]}={row[2]}" for row in rows if row[0] == "pod" and row[3] == "True")
        service = next((row for row in rows if row[0] == "service"), None)
        reached: Results[Rows] = Results()
        if pods and service:
            reached = _reach(job, workers, pods, service, master)
    return [*evaluate.pods(workers, rows), *evaluate.reached(workers, reached), *held.leftovers]


def _reach(job: Job, workers: Sequence[Node], pods: str, service: Sequence[str], master: Node) -> Results[Rows]:
    everywhere = " ".join(node.address for node in workers)

    def ask(node: Node, connection: NodeConnection) -> Rows:
        job.emit(Working(node.title, "reaching pods and services"))
        # One node asks all NodePorts, every other its own.
        addresses = everywhere if node == workers[0] else node.address
        script = _script("reach.sh", PODS=pods, SERVICE=service[1], PORT=service[2], ADDRESSES=addresses)
        return _rows(connection.call(Kind.PROBE, [script], timeout=TIMEOUT_SECONDS).stdout)

    return job.fleet.each(workers, ask)


class _Held:
    """The pods, for as long as the block lasts. The script on the node takes them away when its input ends, so
    they go even when this process is killed."""

    def __init__(self, job: Job, cluster: Cluster, master: Node, workers: Sequence[Node]) -> None:
        self.rows: Rows = []
        self.leftovers: list[Check] = []
        self._job, self._master = job, master
        self._script = _script(
            "pods.sh",
            NODES=" ".join(node.name for node in workers),
            IMAGE=evaluate.pause_image(cluster),
            RUN=secrets.token_hex(4),
        )
        self._release = threading.Event()
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._error: KubeupError | None = None
        self._cleaned = False

    def __enter__(self) -> _Held:
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
                line = self._lines.get(timeout=HELD_LIMIT)
            except queue.Empty:
                self.leftovers.append(evaluate.stuck(self._master, HELD_LIMIT))
                return
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
