"""Upstream's sites and mirrors of them, served from a folder by a real HTTP server on loopback.

Asked as a mirror it has upstream's hosts as its first folders. Asked as a proxy it is those hosts: with CONNECT it
speaks TLS for all of them, by an authority of its own.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import ssl
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Upstream:
    """requests: ``METHOD PATH [RANGE]`` in order. breaks: path -> bytes after which the line is cut, once.

    holds: a path of which half is sent, and the rest only at the end of the test. token: asked for as registries do,
    and given to anybody at /token. redirects: path -> URL. refusals: path -> (status, headers) of its next answers.
    proxy_login: USER:PASSWORD a proxy asks for. tls: what it answers CONNECT with. heard: headers of each request.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.requests: list[str] = []
        self.breaks: dict[str, int] = {}
        self.holds = ""
        self.ended = threading.Event()
        self.login = ""
        self.token = ""
        self.ranges = True
        self.redirects: dict[str, str] = {}
        self.refusals: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
        self.proxy_login = ""
        self.tls: ssl.SSLContext | None = None
        self.heard: list[Mapping[str, str]] = []

    def put(self, path: str, content: bytes, sums: str = "") -> bytes:
        """A file at a path that begins with upstream's host. sums: how its checksum is published."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        if sums.startswith("."):
            Path(f"{target}{sums}").write_text(f"{digest}\n")
        elif sums:
            other = f"{'0' * 64}  another-file\n"
            (target.parent / sums).write_text(f"{other}{digest}  {target.name}\n{other}")
        return content

    def asked(self, part: str) -> list[str]:
        return [line for line in self.requests if part in line]


def tgz(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@contextmanager
def serving(upstream: Upstream) -> Iterator[Upstream]:
    class Handler(_Handler):
        site = upstream

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    upstream.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield upstream
    finally:
        upstream.ended.set()
        server.shutdown()
        thread.join(10)
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    site: Upstream
    host = ""

    def do_HEAD(self) -> None:
        self._reply(body=False)

    def do_GET(self) -> None:
        self._reply(body=True)

    def do_CONNECT(self) -> None:
        """From here on it is the host that was asked for."""
        self.site.requests.append(f"CONNECT {self.path}")
        if self._wants_proxy_login() or self.site.tls is None:
            return
        self.host = self.path.removesuffix(":443")
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            self.connection = self.site.tls.wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            self.close_connection = True
            return
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def _wants_proxy_login(self) -> bool:
        given = self.headers.get("Proxy-Authorization", "").removeprefix("Basic ")
        if not self.site.proxy_login or base64.b64decode(given).decode() == self.site.proxy_login:
            return False
        self._refuse(407, {"Proxy-Authenticate": 'Basic realm="proxy"'})
        return True

    def _refuse(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _reply(self, body: bool) -> None:
        self.close_connection = True
        asked = self.headers.get("Range", "")
        self.path = f"/{self.host}{self.path}" if self.host else self.path
        self.site.requests.append(f"{self.command} {self.path} {asked}".strip())
        self.site.heard.append(dict(self.headers))
        place = self.path.partition("?")[0]
        if self.path.startswith("http://") and self._wants_proxy_login():
            return
        if refusals := self.site.refusals.get(place):
            self._refuse(*refusals.pop(0))
            return
        if place in self.site.redirects:
            self._refuse(302, {"Location": self.site.redirects[place]})
            return
        if self.site.token and self.path.partition("?")[0] == "/token":
            self._send(json.dumps({"token": self.site.token}).encode(), "", body)
            return
        if self.site.token and self.headers.get("Authorization") != f"Bearer {self.site.token}":
            self.send_response(401)
            scope = f'Bearer realm="{self.site.url}/token",service="registry",scope="repository:x:pull"'
            self.send_header("WWW-Authenticate", scope)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.site.login:
            given = self.headers.get("Authorization", "").removeprefix("Basic ")
            if base64.b64decode(given).decode() != self.site.login:
                self.send_error(401)
                return
        # A proxy is asked for whole URLs; this one serves all hosts from the one folder.
        path = self.site.folder / re.sub(r"^http://", "", place).lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        self._send(path.read_bytes(), asked, body)

    def _send(self, content: bytes, asked: str, body: bool) -> None:
        found = re.match(r"bytes=(\d+)-", asked) if self.site.ranges else None
        begin = int(found.group(1)) if found else 0
        if found and begin >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if found else 200)
        if found:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        if body and self.path == self.site.holds:
            self.wfile.write(content[: len(content) // 2])
            self.site.ended.wait(30)
        elif body:
            self.wfile.write(content[begin : self.site.breaks.pop(self.path, len(content))])

    def log_message(self, format: str, *args: object) -> None:
        """The test tells what went wrong, not the server."""
