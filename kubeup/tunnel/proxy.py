"""A small HTTP proxy on streams that somebody else brings. It listens nowhere, and serves only who knows its login.

Every wait has a limit, so has the number of streams at once; ``close`` ends them all. A proxy that this machine itself
has to use is used. Pure sockets and threads.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import queue
import secrets
import socket
import threading
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from kubeup.model.cluster import Proxy
from kubeup.sources import proxies
from kubeup.tunnel.request import RefusedError, Request, read, read_head
from kubeup.tunnel.streams import POLL_SECONDS, Life, Stream, end, give

AT_ONCE = 64
"""Streams that are served; more wait for their turn."""
CONNECT_SECONDS = 10.0
JOIN_SECONDS = 2.0
CHALLENGE = 'Proxy-Authenticate: Basic realm="kubeup"\r\n'


@dataclass(frozen=True)
class Asked:
    """What was asked of one HOST:PORT. bytes: that came from there. refused: why it was not reached, the last time."""

    requests: int = 0
    bytes: int = 0
    refused: str = ""


class ForwardProxy:
    """Serves streams given to ``take``, in threads of its own."""

    def __init__(self, outgoing: Proxy, named: frozenset[str] = frozenset()) -> None:
        """outgoing: the proxy that this machine has to use. named: HOST or HOST:PORT that may be this machine itself,
        which for others is out of bounds."""
        self.login = f"kubeup:{secrets.token_urlsafe(24)}"
        self._outgoing, self._named = outgoing, named
        self._expected = _basic(self.login)
        self._waiting: queue.SimpleQueue[Stream | None] = queue.SimpleQueue()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._open: set[Stream] = set()
        self._asked: dict[str, Asked] = {}
        self._closed = False
        self._admitting = threading.Thread(target=self._admit, daemon=True, name="kubeup-proxy")
        self._admitting.start()

    @property
    def asked(self) -> dict[str, Asked]:
        """By HOST:PORT, so far."""
        with self._lock:
            return dict(self._asked)

    def take(self, stream: Stream) -> None:
        """Serve it when its turn has come; returns at once."""
        self._waiting.put(stream)

    def close(self) -> None:
        """Whoever is served sees the end."""
        self._closed = True
        self._waiting.put(None)
        with self._lock:
            streams = tuple(self._open)
        for stream in streams:
            end(stream)
        self._admitting.join(JOIN_SECONDS)

    def _admit(self) -> None:
        """Runs in a thread of its own: begins with each waiting stream as soon as fewer than AT_ONCE are served."""
        while (stream := self._waiting.get()) is not None:
            while not self._closed and not self._turns.acquire(timeout=POLL_SECONDS):
                pass
            if self._closed:
                end(stream)
                continue
            threading.Thread(target=self._serve, args=(stream,), daemon=True, name="kubeup-proxy").start()

    def _serve(self, near: Stream) -> None:
        opened: list[Stream] = [near]
        try:
            self._keep(near)
            request = self._read(near)
            far, first = self._reach(request, opened)
            if request.method == "CONNECT":
                give(near, b"HTTP/1.1 200 Connection established\r\n\r\n")
            give(far, first)
            self._carry(request, near, far)
        except RefusedError as error:
            _refuse(near, error.status)
        except (OSError, EOFError):
            # Whoever is at the other end went away, or said nothing for too long.
            pass
        finally:
            for stream in opened:
                self._drop(stream)
            self._turns.release()

    def _keep(self, stream: Stream) -> None:
        with self._lock:
            self._open.add(stream)
        if self._closed:
            end(stream)

    def _drop(self, stream: Stream) -> None:
        with self._lock:
            self._open.discard(stream)
        end(stream)

    def _count(self, place: str, requests: int = 0, count: int = 0, refused: str = "") -> None:
        with self._lock:
            known = self._asked.get(place, Asked())
            refused = refused or known.refused
            self._asked[place] = replace(
                known, requests=known.requests + requests, bytes=known.bytes + count, refused=refused
            )

    def _read(self, near: Stream) -> Request:
        request = read(near)
        if not hmac.compare_digest(request.header("proxy-authorization").encode(), self._expected.encode()):
            raise RefusedError("407 Proxy Authentication Required")
        return request

    def _reach(self, request: Request, opened: list[Stream]) -> tuple[socket.socket, bytes]:
        """A connection, and what goes over it first."""
        self._count(request.place, requests=1)
        try:
            return self._dial(request, opened)
        except OSError as error:
            reason = str(error.strerror or error)
        except (EOFError, RefusedError, ValueError) as error:
            reason = str(error)
        self._count(request.place, refused=reason)
        raise RefusedError("502 Bad Gateway", reason)

    def _dial(self, request: Request, opened: list[Stream]) -> tuple[socket.socket, bytes]:
        is_connect = request.method == "CONNECT"
        through = proxies.proxy_for(request.url, self._outgoing)
        if not through:
            far = self._connect(self._addresses(request), opened)
            return far, request.rest if is_connect else request.onward(request.path)
        parts = urlsplit(through if "//" in through else f"http://{through}")
        if parts.scheme != "http" or not parts.hostname:
            raise RefusedError("", "this machine's own proxy is none that is asked by http://")
        far = self._connect([(parts.hostname, parts.port or 80)], opened)
        login = ""
        if parts.username is not None:
            words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            login = f"Proxy-Authorization: {_basic(words)}\r\n"
        if not is_connect:
            return far, request.onward(request.url, login)
        _pass_through(far, request.place, login)
        return far, request.rest

    def _addresses(self, request: Request) -> list[tuple[str, int]]:
        """What this machine keeps to itself, and what its neighbours on the link tell it, is no node's affair."""
        found = socket.getaddrinfo(request.host, request.port, type=socket.SOCK_STREAM)
        every = list(dict.fromkeys(str(one[4][0]) for one in found))
        if request.place not in self._named and request.host not in self._named:
            every = [one for one in every if not _is_private(one)]
        if not every:
            raise RefusedError("", "this machine itself is out of bounds, but for what the profile names")
        return [(one, request.port) for one in every]

    def _connect(self, addresses: list[tuple[str, int]], opened: list[Stream]) -> socket.socket:
        error: OSError | None = None
        for address in addresses:
            try:
                far = socket.create_connection(address, timeout=CONNECT_SECONDS)
            except OSError as caught:
                error = caught
                continue
            opened.append(far)
            self._keep(far)
            return far
        raise error or OSError("no address")

    def _carry(self, request: Request, near: Stream, far: socket.socket) -> None:
        life = Life()

        def back(count: int) -> None:
            self._count(request.place, count=count)

        if request.method != "CONNECT":
            # One answer a stream: a second request behind the first may be for another host.
            life.pass_on(far, near, back)
            return
        other = threading.Thread(target=life.quietly, args=(near, far), daemon=True, name="kubeup-proxy")
        other.start()
        life.pass_on(far, near, back)
        # A client is done when its server is.
        other.join(JOIN_SECONDS)


def _basic(login: str) -> str:
    return f"Basic {base64.b64encode(login.encode()).decode()}"


def _is_private(address: str) -> bool:
    one = ipaddress.ip_address(address.partition("%")[0])
    return one.is_loopback or one.is_link_local or one.is_unspecified


def _pass_through(far: socket.socket, place: str, login: str) -> None:
    give(far, f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{login}\r\n".encode())
    head, _ = read_head(far)
    words = head.split("\r\n")[0].split(" ", 1)
    if not words[-1].startswith("200"):
        raise RefusedError("", f"this machine's own proxy answered {words[-1]}")


def _refuse(near: Stream, status: str) -> None:
    challenge = CHALLENGE if status.startswith("407") else ""
    try:
        give(near, f"HTTP/1.1 {status}\r\n{challenge}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        near.shutdown(socket.SHUT_WR)
    except (OSError, EOFError):
        # It did not wait for the answer.
        pass
