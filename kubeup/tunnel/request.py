"""What a proxy is asked: CONNECT, and GET and HEAD of complete URLs.

RFC 9110, 9.3.6 (CONNECT) and 7.6.1 (headers of one hop); RFC 9112, 3.2 (forms of a request's target).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from kubeup.tunnel.streams import Stream

HEAD_SECONDS = 30.0
HEAD_BYTES = 64 * 1024
OF_ONE_HOP = ("connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "trailer", "upgrade")


class RefusedError(Exception):
    """status: what HTTP answers; the message is for people."""

    def __init__(self, status: str, reason: str = "") -> None:
        super().__init__(reason or status)
        self.status = status


@dataclass(frozen=True)
class Request:
    """method: CONNECT, GET or HEAD. url: of what is wanted; of a CONNECT, of the place. rest: what came behind it."""

    method: str
    url: str
    host: str
    port: int
    headers: tuple[tuple[str, str], ...]
    rest: bytes

    @property
    def place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def path(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def onward(self, target: str, more: str = "") -> bytes:
        """As the next one is to see it, who closes when it has answered. more: whole lines of headers."""
        kept = [(name, value) for name, value in self.headers if name.lower() not in OF_ONE_HOP]
        if not self.header("host"):
            kept.append(("Host", urlsplit(self.url).netloc.rpartition("@")[2]))
        lines = "".join(f"{name}: {value}\r\n" for name, value in kept)
        return f"{self.method} {target} HTTP/1.1\r\n{lines}{more}Connection: close\r\n\r\n".encode("latin-1")


def read(stream: Stream) -> Request:
    """Raises RefusedError for what no proxy is asked, OSError and EOFError where nothing comes."""
    head, rest = read_head(stream)
    lines = head.split("\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:]))
    method, _, words = lines[0].partition(" ")
    target = words.partition(" ")[0]
    if method not in ("CONNECT", "GET", "HEAD"):
        raise RefusedError("405 Method Not Allowed")
    url = f"https://{target}" if method == "CONNECT" else target
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise RefusedError("400 Bad Request") from None
    if not host or (method != "CONNECT" and parts.scheme != "http"):
        raise RefusedError("400 Bad Request")
    return Request(method, url, host, port or (443 if method == "CONNECT" else 80), headers, rest)


def read_head(stream: Stream) -> tuple[str, bytes]:
    """What stands before the empty line, and what came behind it."""
    found, deadline = b"", time.monotonic() + HEAD_SECONDS
    while b"\r\n\r\n" not in found:
        if len(found) > HEAD_BYTES:
            raise RefusedError("431 Request Header Fields Too Large")
        stream.settimeout(max(0.01, deadline - time.monotonic()))
        data = stream.recv(HEAD_BYTES)
        if not data:
            raise EOFError("the other side is gone")
        found += data
    head, _, rest = found.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest
