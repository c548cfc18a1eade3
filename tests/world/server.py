"""One server for all sites: TLS by the name that is asked for, files from disk, one line a request in a log."""

from __future__ import annotations

import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.authority import Authority
from tests.world.exchange import Answer, Asked

CHUNK = 1 << 20
QUIET_SECONDS = 60.0
"""A connection on which nothing is asked is closed."""


@dataclass(frozen=True)
class Request:
    """A line of the log. size: bytes of the body that were sent."""

    client: str
    method: str
    host: str
    path: str
    status: int
    size: int


class Log:
    """Requests as lines of JSON, for those who look from another process."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        path.touch()

    def add(self, request: Request) -> None:
        with self._lock, self._path.open("a") as out:
            out.write(json.dumps(asdict(request)) + "\n")

    def requests(self) -> list[Request]:
        return [Request(**json.loads(line)) for line in self._path.read_text().splitlines()]


@contextmanager
def serving(
    address: tuple[str, int], answer: Callable[[Asked], Answer], log: Log, contexts: ssl.SSLContext | None
) -> Iterator[int]:
    """On an address (port 0: any), until the end; yields the port. contexts: TLS, see ``by_name``; None: plain HTTP."""

    class Handler(_Handler):
        pass

    Handler.answer, Handler.log, Handler.contexts = staticmethod(answer), log, contexts
    server = ThreadingHTTPServer(address, Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def by_name(authority: Authority, folder: Path, hosts: Sequence[str]) -> ssl.SSLContext:
    """A certificate for each host, chosen by SNI; a name that is none of them gets the alert of RFC 6066, 3."""
    known = {host: authority.server(folder, host) for host in hosts}

    def choose(socket: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name not in known:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        socket.context = known[name]
        return None

    front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    front.sni_callback = choose
    return front


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = QUIET_SECONDS
    answer: Callable[[Asked], Answer]
    log: Log
    contexts: ssl.SSLContext | None

    def setup(self) -> None:
        self.refused = False
        if self.contexts:
            self.request.settimeout(QUIET_SECONDS)
            try:
                self.request = self.contexts.wrap_socket(self.request, server_side=True)
            except (OSError, ssl.SSLError):
                self.refused = True
        super().setup()

    def handle(self) -> None:
        with suppress(OSError):
            if not self.refused:
                super().handle()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def do_HEAD(self) -> None:
        self._reply()

    def do_GET(self) -> None:
        self._reply()

    def _reply(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers.get("host", "").removesuffix(":443")
        path, fields = urllib.parse.unquote(path), dict(urllib.parse.parse_qsl(query))
        answer = self.answer(Asked(self.command, host, path, fields, headers, self.client_address[0]))
        begins, size, status = _part(answer, headers.get("range", ""))
        self.send_response(status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            self.send_header("Content-Range", f"bytes {begins}-{begins + size - 1}/{begins + size}")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        sent = 0
        try:
            if self.command != "HEAD" and size:
                for chunk in _chunks(answer, begins):
                    self.wfile.write(chunk)
                    sent += len(chunk)
        finally:
            self.log.add(Request(self.client_address[0], self.command, host, path, status, sent))

    def log_message(self, format: str, *args: object) -> None:
        """The log is ours."""


def _part(answer: Answer, asked: str) -> tuple[int, int, int]:
    """(first byte, how many, status) of what is sent."""
    total = answer.body.stat().st_size if isinstance(answer.body, Path) else len(answer.body)
    found = re.fullmatch(r"bytes=(\d+)-", asked) if answer.status == 200 else None
    begins = int(found.group(1)) if found else 0
    if found and begins >= total:
        return 0, 0, 416
    return begins, total - begins, 206 if found else answer.status


def _chunks(answer: Answer, begins: int) -> Iterator[bytes]:
    if not isinstance(answer.body, Path):
        yield answer.body[begins:]
        return
    with answer.body.open("rb") as file:
        file.seek(begins)
        while chunk := file.read(CHUNK):
            yield chunk
