"""Bytes from one stream to another, with a limit on every wait."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Protocol

IDLE_SECONDS = 120.0
"""Without a byte in either direction."""
POLL_SECONDS = 1.0
CHUNK = 128 * 1024


class Stream(Protocol):
    """What is needed of a socket, or of a channel of paramiko's."""

    def recv(self, nbytes: int, /) -> bytes: ...
    def send(self, s: bytes, /) -> int: ...
    def settimeout(self, timeout: float | None, /) -> None: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


class Life:
    """Two directions of one connection: as long as bytes pass in either of them, both live."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def pass_on(self, source: Stream, sink: Stream, seen: Callable[[int], None]) -> None:
        """Until the source ends, which the sink is then told. seen: gets the size of each part. Raises OSError."""
        while data := self._take(source):
            self._last = time.monotonic()
            seen(len(data))
            give(sink, data)
            self._last = time.monotonic()
        sink.shutdown(socket.SHUT_WR)

    def quietly(self, source: Stream, sink: Stream) -> None:
        """The same; a direction that breaks takes the other one with it."""
        try:
            self.pass_on(source, sink, lambda _: None)
        except (OSError, EOFError):
            end(source)
            end(sink)

    def _take(self, source: Stream) -> bytes:
        while True:
            source.settimeout(POLL_SECONDS)
            try:
                return source.recv(CHUNK)
            except TimeoutError:
                if time.monotonic() - self._last > IDLE_SECONDS:
                    raise


def give(sink: Stream, data: bytes) -> None:
    """All of it; a sink that takes nothing for too long is given up. Raises OSError, EOFError."""
    left, last = memoryview(data), time.monotonic()
    while left:
        sink.settimeout(POLL_SECONDS)
        try:
            count = sink.send(bytes(left[:CHUNK]))
        except TimeoutError:
            if time.monotonic() - last > IDLE_SECONDS:
                raise
            continue
        if not count:
            raise EOFError("the other side is gone")
        left, last = left[count:], time.monotonic()


def end(stream: Stream) -> None:
    """Closes it, and wakes a thread that waits on it."""
    with contextlib.suppress(OSError, EOFError):
        stream.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError, EOFError):
        stream.close()
