"""A forward proxy: CONNECT, as downloads and image pulls over TLS use it."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

SECONDS = 60.0
CHUNK = 1 << 18


Address = tuple[str, int]


def to_one_place(hosts: Sequence[str], place: Address) -> Callable[[str], Address | None]:
    """Some hosts are at one address, and no others are anywhere."""
    known = frozenset(f"{host}:443" for host in hosts)
    return lambda asked: place if asked in known else None


def to_anywhere(asked: str) -> Address | None:
    """Every host where this machine finds it, over TLS alone."""
    host, _, port = asked.rpartition(":")
    return (host, 443) if port == "443" else None


@contextmanager
def serving(address: Address, leads: Callable[[str], Address | None]) -> Iterator[int]:
    """On an address (port 0: any), until the end; yields the port. leads: what HOST:PORT is connected to."""

    class Handler(socketserver.StreamRequestHandler):
        timeout = SECONDS

        def handle(self) -> None:
            with suppress(OSError):
                method, _, rest = self.rfile.readline().decode("latin-1").partition(" ")
                while self.rfile.readline().strip():
                    continue
                place = leads(rest.partition(" ")[0]) if method == "CONNECT" else None
                if place is None:
                    self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                    return
                with socket.create_connection(place, SECONDS) as there:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    _both_ways(self.connection, there)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server(address, Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(10)


def _both_ways(here: socket.socket, there: socket.socket) -> None:
    others = {here: there, there: here}
    while True:
        ready, _, _ = select.select([here, there], [], [], SECONDS)
        for one in ready:
            content = one.recv(CHUNK)
            if not content:
                return
            others[one].sendall(content)
        if not ready:
            return
