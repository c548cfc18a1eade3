"""A TCP proxy in front of a server, to be a bad line: slow, cut, or deaf."""

from __future__ import annotations

import queue
import socket
import threading
import time
from types import TracebackType


class BadLine:
    """Forwards a port of the loopback, or of this machine's address ``at``, to a port there or on another host.

    delay: seconds each way. cut_after: bytes towards the server, then both ends are closed. rate: bytes a second
    towards the server. connections: how many were made. carried: bytes towards the server, over all of them.
    """

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        at: str = "127.0.0.1",
        delay: float = 0.0,
        cut_after: int | None = None,
        rate: float | None = None,
    ) -> None:
        self._to = (host, port)
        self.delay, self.cut_after, self.rate = delay, cut_after, rate
        self.connections = self.carried = 0
        self._listener = socket.create_server((at, 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        self._near: set[socket.socket] = set()

    def __enter__(self) -> BadLine:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        for one in self._sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            far = socket.create_connection(self._to)
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [near, far]
            self._near.add(near)
            threading.Thread(target=self._pump, args=(near, far, self.cut_after, self.rate), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, None, None), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, budget: int | None, rate: float | None) -> None:
        """Bytes are late, not rare: what is read is sent on when its time has come."""
        late: queue.Queue[tuple[float, bytes]] = queue.Queue()
        threading.Thread(target=self._deliver, args=(late, source, sink), daemon=True).start()
        try:
            while (budget is None or budget > 0) and (data := source.recv(65536)):
                if budget is not None:
                    data, budget = data[:budget], budget - len(data)
                if source in self._near:
                    self.carried += len(data)
                late.put((time.monotonic() + self.delay, data))
                if rate:
                    time.sleep(len(data) / rate)
        except OSError:
            pass
        late.put((time.monotonic() + self.delay, b""))

    def _deliver(self, late: queue.Queue[tuple[float, bytes]], source: socket.socket, sink: socket.socket) -> None:
        while True:
            due, data = late.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if data:
                    sink.sendall(data)
                    continue
            except OSError:
                pass
            break
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
