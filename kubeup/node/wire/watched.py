"""A connection that tells what goes over it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from kubeup.model.errors import KubeupError
from kubeup.model.events import Called, EventSink
from kubeup.node.wire.exchange import Reply
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.streams import Body, OnLine, Sink
from kubeup.node.wire.transport import NodeConnection, TakeChannel

MOST_LINES = 1000
MOST_ASKED = 64 << 10


class WatchedConnection:
    """The same connection; every call of it is an event when it ends.

    Standard output of a probe is left out: files are in it, and they may hold secrets.
    """

    def __init__(self, connection: NodeConnection, emit: EventSink) -> None:
        self._connection, self._emit = connection, emit
        self.title = connection.title

    @property
    def trips(self) -> int:
        return self._connection.trips

    @property
    def sent(self) -> int:
        return self._connection.sent

    @property
    def received(self) -> int:
        return self._connection.received

    def call(
        self,
        kind: Kind,
        body: Body,
        *,
        on_line: OnLine | None = None,
        sink: Sink | None = None,
        timeout: float = 600.0,
        operator: str = "",
    ) -> Reply:
        asked, said = bytearray(), list[str]()

        def heard(line: str) -> None:
            if len(said) < MOST_LINES:
                said.append(line)
            if on_line is not None:
                on_line(line)

        begin = time.monotonic()
        status: int | None = None
        try:
            reply = self._connection.call(
                kind,
                body if kind is Kind.APPLY else _seen(body, asked),
                on_line=heard if kind is Kind.APPLY else on_line,
                sink=sink,
                timeout=timeout,
                operator=operator,
            )
            status = reply.status
            said += reply.stderr.decode("utf-8", "replace").split("\n")
        except KubeupError as error:
            said += [error.title(), *error.evidence]
            raise
        finally:
            text = bytes(asked).decode("utf-8", "replace")
            told = tuple(line for line in said if line)
            self._emit(Called(self.title, kind.value, text, told, status, time.monotonic() - begin))
        return reply

    def forward(self, take: TakeChannel) -> int:
        return self._connection.forward(take)

    def forward_no_more(self) -> None:
        self._connection.forward_no_more()

    def close(self) -> None:
        self._connection.close()


def _seen(body: Body, asked: bytearray) -> Iterator[bytes | memoryview]:
    """The body, its beginning kept."""
    for chunk in body:
        if len(asked) < MOST_ASKED:
            asked += bytes(chunk[: MOST_ASKED - len(asked)])
        yield chunk
