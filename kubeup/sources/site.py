"""Asking one site over HTTP(S), or a folder by file://: time limits, and a dead site is asked in vain only once."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any

from kubeup.model.cluster import Proxy
from kubeup.release.artifacts import ArtifactRef
from kubeup.release.catalog import fill
from kubeup.sources import proxies, tokens

CONNECT_SECONDS = 5.0
"""For a name to be resolved and a connection to stand, all addresses of the name together."""
READ_SECONDS = 60.0
"""Without a single byte."""
TEXT_LIMIT = 1 << 20
CHUNK = 1 << 18


class UnavailableError(Exception):
    """A source cannot provide a file; the reason in words, for people. status: what HTTP answered, 0 for nothing."""

    def __init__(self, reason: str, status: int = 0, challenge: str = "") -> None:
        super().__init__(reason)
        self.status, self.challenge = status, challenge


@dataclass(frozen=True)
class Answer:
    """An open reply. begins: the offset of its first byte; total: size of the whole file, 0 where it is not said."""

    url: str
    stream: IO[bytes]
    headers: Message
    begins: int
    total: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes; closes it. Raises UnavailableError where it breaks off."""
        with self.stream:
            while True:
                try:
                    chunk = self.stream.read(CHUNK)
                except (OSError, http.client.HTTPException) as error:
                    raise UnavailableError(f"{self.url} broke off ({_words(error)})") from error
                if not chunk:
                    return
                yield chunk


class Site:
    """Where URLs start: empty for upstream itself, else a mirror's URL, which may carry USER:PASSWORD@."""

    def __init__(self, base: str, proxy: Proxy, ca: str = "") -> None:
        """ca: certificates (PEM) of further authorities that this site is trusted by."""
        self.base, self._login = _without_login(base.rstrip("/"))
        self.title = self.base or "official"
        self._proxy = proxies.effective(proxy)
        context = ssl.create_default_context()
        if ca:
            context.load_verify_locations(cadata=ca)
        handlers = (proxies.Handler(self._proxy), _PlainHandler(), _TlsHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)
        self._lock = threading.Lock()
        self._hops: dict[tuple[str, int, bool], _Hop] = {}
        self._dead: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._tokens: dict[str, str] = {}

    def url(self, pattern: str, wanted: ArtifactRef) -> str:
        path = fill(pattern, wanted)
        return f"{self.base}/{path}" if self.base else f"https://{path}"

    @property
    def is_for_nodes(self) -> bool:
        """Nodes may be told its URLs: they are no files of this machine, and need no password."""
        return not self._login and not self.base.startswith("file:")

    def open(self, url: str, offset: int = 0, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for a URL, from ``offset`` on where the site can. Raises UnavailableError.

        A registry that wants a token names the place that gives one to anybody, or for the login.
        """
        repository = tokens.repository(url)
        authorization = self._tokens.get(repository, "") or self._login
        try:
            return self._open(url, offset, method, headers or {}, authorization)
        except UnavailableError as error:
            place = tokens.place(error.challenge) if error.status == 401 else ""
            if not place or not repository:
                raise
            self._tokens[repository] = self._token(place)
        return self._open(url, offset, method, headers or {}, self._tokens[repository])

    def _token(self, place: str) -> str:
        with self._open(place, 0, "GET", {}, self._login).stream as stream:
            found = tokens.token(stream.read(TEXT_LIMIT))
        if not found:
            raise UnavailableError(f"{place.partition('?')[0]} gave no token")
        return f"Bearer {found}"

    def _open(self, url: str, offset: int, method: str, headers: Mapping[str, str], authorization: str) -> Answer:
        host = self._reach(url)
        request = urllib.request.Request(url, headers=dict(headers), method=method)
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        if authorization:
            # Not sent on to where the site may redirect.
            request.add_unredirected_header("Authorization", authorization)
        try:
            reply = self._opener.open(request, timeout=CONNECT_SECONDS)
        except urllib.error.HTTPError as error:
            error.close()
            challenge = error.headers.get("WWW-Authenticate") or ""
            raise UnavailableError(f"{url} answered {error.code} {error.reason}", error.code, challenge) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(url, host, error) from error
        begins = _begin(reply.headers) if reply.status == 206 else 0
        length = int(reply.headers.get("Content-Length") or 0)
        return Answer(url, reply, reply.headers, begins, begins + length if length else 0)

    def read(self, url: str, limit: int, headers: Mapping[str, str] | None = None) -> tuple[bytes, Message]:
        """All bytes at a URL, of which there may be ``limit``, and the reply's headers."""
        answer = self.open(url, headers=headers)
        found = bytearray()
        for chunk in answer.chunks():
            found += chunk
            if len(found) > limit:
                raise UnavailableError(f"{url} holds more than {limit} bytes")
        return bytes(found), answer.headers

    def text(self, url: str) -> str:
        """What is at a URL, asked for once."""
        with self._lock:
            known = self._texts.get(url)
        if known is None:
            known = self.read(url, TEXT_LIMIT)[0].decode("utf-8", "replace")
            with self._lock:
                self._texts[url] = known
        return known

    def _reach(self, url: str) -> str:
        """The URL's host. The first to need it finds out whether it is there; the others wait for that answer."""
        try:
            host = urllib.parse.urlsplit(url).netloc
            address = proxies.first_hop(url, self._proxy)
        except ValueError as error:
            raise UnavailableError(f"{self.title} or its proxy is no URL that can be asked ({error})") from None
        if address is None:
            return host
        with self._lock:
            hop = self._hops.setdefault(address, _Hop())
        with hop.lock:
            if hop.reason is None:
                hop.reason = _why_not(*address)
        reason = hop.reason or self._dead.get(host)
        if reason:
            raise UnavailableError(reason)
        return host

    def _failed(self, url: str, host: str, error: Exception) -> UnavailableError:
        cause = getattr(error, "reason", error)
        if not host:
            return UnavailableError(f"{url} cannot be read ({_words(cause)})")
        if isinstance(cause, (ConnectionResetError, http.client.HTTPException)):
            return UnavailableError(f"{url} broke off ({_words(cause)})")
        reason = f"{host} cannot be asked ({_words(cause)})"
        with self._lock:
            self._dead[host] = reason
        return UnavailableError(reason)


class _Hop:
    """The first machine on the way to a site. reason: why it cannot be reached, empty if it can, None before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reason: str | None = None


def _why_not(host: str, port: int, is_proxy: bool) -> str:
    """Neither getaddrinfo nor a name with many addresses keeps to one time limit, so a thread tries."""
    found: list[str] = []
    done = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
            found.append("")
        except OSError as error:
            found.append(_words(error))
        done.set()

    threading.Thread(target=connect, daemon=True, name="kubeup-reach").start()
    done.wait(CONNECT_SECONDS)
    reason = found[0] if found else f"no connection in {CONNECT_SECONDS:.0f} s"
    place = host if port in (80, 443) else f"{host}:{port}"
    return f"{'the proxy ' if is_proxy else ''}{place} is not reachable ({reason})" if reason else ""


def _words(error: object) -> str:
    """What the system says, without its number."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _begin(headers: Message) -> int:
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range") or "")
    return int(found.group(1)) if found else 0


def _without_login(base: str) -> tuple[str, str]:
    """(URL without USER:PASSWORD@, what the Authorization header says). The password is in no message."""
    try:
        parts = urllib.parse.urlsplit(base)
    except ValueError:
        return base, ""
    login, at, place = parts.netloc.rpartition("@")
    if not at:
        return base, ""
    words = urllib.parse.unquote(login).encode()
    return parts._replace(netloc=place).geturl(), f"Basic {base64.b64encode(words).decode()}"


class _Plain(http.client.HTTPConnection):
    """Connecting has a short limit; reading, once connected, a longer one."""

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_SECONDS)


class _Tls(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_SECONDS)


class _PlainHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Plain, req)


class _TlsHandler(urllib.request.HTTPSHandler):
    def __init__(self, *, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._verifying = context

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Tls, req, context=self._verifying)
