"""Many nodes at once: one thread and one connection a node while there is something to do, all else single-threaded.

What goes wrong on one node never stops the others; all failures come back together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from kubeup.execution.results import Results
from kubeup.model.cluster import Node
from kubeup.model.errors import REPORT, KubeupError, UnexpectedError
from kubeup.model.events import EventSink
from kubeup.node.wire.transport import NodeConnection
from kubeup.node.wire.watched import WatchedConnection

T = TypeVar("T")
Connect = Callable[[Node], NodeConnection]
WAIT_SECONDS = 0.2


class Fleet:
    """The connections to all nodes of a command, opened when first needed."""

    def __init__(self, connect: Connect, parallel: int = 32) -> None:
        self._connect = connect
        self._parallel = parallel
        self._connections: dict[str, NodeConnection] = {}
        self._emit: EventSink = lambda _: None
        self._lock = threading.Lock()

    def watch(self, emit: EventSink) -> None:
        """From here on, tell of every call, also over connections that are open."""
        self._emit = emit

    def connection(self, node: Node) -> NodeConnection:
        """The node's connection; a node is only ever used by one thread at a time."""
        with self._lock:
            known = self._connections.get(node.endpoint)
        if known is None:
            known = self._opened(node)
            with self._lock:
                self._connections[node.endpoint] = known
        return known

    def another(self, node: Node) -> NodeConnection:
        """A second connection to a node, for what runs beside the first; the caller closes it."""
        return self._opened(node)

    def _opened(self, node: Node) -> NodeConnection:
        return WatchedConnection(self._connect(node), lambda event: self._emit(event))

    def each(self, nodes: Sequence[Node], work: Callable[[Node, NodeConnection], T]) -> Results[T]:
        """Run ``work`` for every node. Ctrl-C: see ``crew``."""
        values: dict[str, T] = {}
        failures: dict[str, KubeupError] = {}
        with self.crew(len(nodes)) as crew:
            for node in nodes:
                crew.begin(node, partial(self._one, values, work))
            while crew.busy:
                failures |= {node.endpoint: error for node, error in crew.ended() if error}
        return Results(values, failures)

    def _one(
        self, values: dict[str, T], work: Callable[[Node, NodeConnection], T], node: Node, connection: NodeConnection
    ) -> None:
        values[node.endpoint] = work(node, connection)

    @contextmanager
    def crew(self, size: int, least: int = 1) -> Iterator[Crew]:
        """Threads for so many nodes at once, but no more than this fleet may have; least: nodes that wait for one
        another. Whatever is raised meanwhile, Ctrl-C above all, closes all connections: the nodes' halves end at their
        next step."""
        pool = ThreadPoolExecutor(max_workers=max(least, min(self._parallel, size)))
        try:
            yield Crew(pool, self.connection)
        except BaseException:
            # Nobody waits for a node then: its half ends by itself when the line is closed.
            pool.shutdown(wait=False, cancel_futures=True)
            threading.Thread(target=self.close, daemon=True).start()
            raise
        pool.shutdown()

    def trips(self, node: Node) -> int:
        """Round trips made with the node so far."""
        connection = self._connections.get(node.endpoint)
        return connection.trips if connection else 0

    def transferred(self, node: Node) -> int:
        """Bytes sent to the node so far, uncompressed payload and all."""
        connection = self._connections.get(node.endpoint)
        return connection.sent if connection else 0

    def close(self) -> None:
        with self._lock:
            connections = tuple(self._connections.values())
            self._connections.clear()
        for connection in connections:
            connection.close()


class Crew:
    """Nodes at work. All of it but the work itself happens in the thread that made it."""

    def __init__(self, pool: ThreadPoolExecutor, connection: Callable[[Node], NodeConnection]) -> None:
        self._pool, self._connection = pool, connection
        self._futures: dict[Future[None], Node] = {}

    @property
    def busy(self) -> bool:
        return bool(self._futures)

    def begin(self, node: Node, work: Callable[[Node, NodeConnection], None]) -> None:
        """Let a node that is at no other work begin, as soon as there is a thread for it."""
        self._futures[self._pool.submit(lambda: work(node, self._connection(node)))] = node

    def ended(self) -> list[tuple[Node, KubeupError | None]]:
        """Nodes whose work has ended, and what went wrong there; waits a moment for the next one."""
        # A wait with a limit lets the main thread see Ctrl-C.
        finished, _ = wait(self._futures, timeout=WAIT_SECONDS, return_when=FIRST_COMPLETED)
        return [(node := self._futures.pop(future), _error(node, future)) for future in finished]


def _error(node: Node, future: Future[None]) -> KubeupError | None:
    error = future.exception()
    return None if error is None else as_node_error(node, error)


def as_node_error(node: Node, error: BaseException) -> KubeupError:
    """A failure a person can read; what is not one of ours is a fault in kubeup, and says so."""
    if isinstance(error, KubeupError):
        return error
    found = UnexpectedError(node.title, "kubeup itself", f"an unexpected {type(error).__name__}: {error}", fix=REPORT)
    found.__cause__ = error
    return found
