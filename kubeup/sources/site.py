"""Asking one site over HTTP(S), or a folder by file://: every wait has a limit, a dead site is asked in vain only once.

Redirects are followed here, one hop after the other: each goes through the proxy that is meant for it, keeps its
method, and loses the login where it leads to another host.
"""

from __future__ import annotations

import base64
import datetime
import math
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kubeup.model.cluster import Proxy
from kubeup.release.artifacts import ArtifactRef, ReleaseSink, Waiting
from kubeup.release.catalog import fill
from kubeup.sources import come_back, proxies, tokens
from kubeup.sources.client import Client, RequestError, words
from kubeup.sources.hosts import Hosts

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

CONNECT_SECONDS = 5.0
"""For a name to be resolved and a connection to stand, all addresses of the name together."""
READ_SECONDS = 60.0
"""Without a single byte."""
BUSY_SECONDS = 120.0
"""How long, all in all, a site is waited for that asks to come back later."""
REDIRECTS = 10
TEXT_LIMIT = 1 << 20
CHUNK = 1 << 18

Wait = Callable[[str, float], None]
"""Waits for a host so many seconds, and says so."""


class StoppedError(Exception):
    """The user pressed Ctrl-C, and threads end at their next chunk, or second of waiting."""


def announced(emit: ReleaseSink, stopped: threading.Event | None = None) -> Wait:
    """A wait whose seconds are told, and that ends with StoppedError when ``stopped`` is set."""
    until = stopped or threading.Event()

    def wait(host: str, seconds: float) -> None:
        for left in range(math.ceil(seconds), 0, -1):
            emit(Waiting(host, left))
            if until.wait(1.0):
                raise StoppedError

    return wait


class UnavailableError(Exception):
    """A source cannot provide a file; the reason in words, for people. status, headers: what HTTP answered, 0 for
    nothing."""

    def __init__(self, reason: str, status: int = 0, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.headers = status, headers or {}


class Stream(Protocol):
    """What a body is read from."""

    def read(self, amt: int, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Answer:
    """An open reply. begins: the offset of its first byte; total: size of the whole file, 0 where it is not said."""

    url: str
    stream: Stream
    begins: int
    total: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes; closes it. Raises UnavailableError where it breaks off."""
        try:
            while chunk := self._next():
                yield chunk
        finally:
            self.stream.close()

    def _next(self) -> bytes:
        import urllib3

        try:
            return self.stream.read(CHUNK)
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise UnavailableError(f"{self.url} broke off ({words(error)})") from error


class Site:
    """Where URLs start: empty for upstream itself, else a mirror's URL, which may carry USER:PASSWORD@."""

    def __init__(
        self, base: str, proxy: Proxy, ca: str = "", wait: Wait = lambda _host, seconds: time.sleep(seconds)
    ) -> None:
        """ca: certificates (PEM) of further authorities that this site is trusted by."""
        self.base, self._login = _without_login(base.rstrip("/"))
        self.title = self.base or "official"
        self._proxy = proxies.effective(proxy)
        self._client = Client(self._proxy, ca)
        self._wait = wait
        self._lock = threading.Lock()
        self._hosts = Hosts(self._proxy)
        self._texts: dict[str, str] = {}
        self._tokens: dict[str, str] = {}

    def url(self, pattern: str, wanted: ArtifactRef) -> str:
        return self.place(fill(pattern, wanted))

    def place(self, path: str) -> str:
        """The URL of a path that begins with upstream's host."""
        return f"{self.base}/{path}" if self.base else f"https://{path}"

    @property
    def is_upstream(self) -> bool:
        """Its files come from those who made them, and not from a mirror."""
        return not self.base

    @property
    def is_for_nodes(self) -> bool:
        """Nodes may be told its URLs: they are no files of this machine, and need no password."""
        return not self._login and not self.base.startswith("file:")

    def open(self, url: str, offset: int = 0, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for a URL, from ``offset`` on where the site can. Raises UnavailableError.

        A registry that wants a token names the place that gives one to anybody, or for the login.
        """
        repository = tokens.repository(url)
        login = {"Authorization": found} if (found := self._tokens.get(repository, "") or self._login) else {}
        try:
            return self._open(url, offset, method, {**login, **(headers or {})})
        except UnavailableError as error:
            place = tokens.place(error.headers.get("WWW-Authenticate", "")) if error.status == 401 else ""
            if not place or not repository:
                raise
            self._tokens[repository] = self._token(place)
        return self._open(url, offset, method, {"Authorization": self._tokens[repository], **(headers or {})})

    def _token(self, place: str) -> str:
        login = {"Authorization": self._login} if self._login else {}
        answer = self._open(place, 0, "GET", login)
        try:
            found = tokens.token(answer.stream.read(TEXT_LIMIT))
        finally:
            answer.stream.close()
        if not found:
            raise UnavailableError(f"{place.partition('?')[0]} gave no token")
        return f"Bearer {found}"

    def _open(self, url: str, offset: int, method: str, headers: Mapping[str, str]) -> Answer:
        if url.startswith("file:"):
            return _open_file(url, offset)
        sent = {**headers, **({"Range": f"bytes={offset}-"} if offset else {})}
        reply, at = self._followed(url, method, sent)
        if reply.status not in (200, 206):
            reply.close()
            raise _answered(url, at, reply)
        begins = _begin(reply.headers) if reply.status == 206 else 0
        length = int(reply.headers.get("Content-Length") or 0)
        return Answer(url, reply, begins, begins + length if length else 0)

    def _followed(self, url: str, method: str, sent: dict[str, str]) -> tuple[BaseHTTPResponse, str]:
        """The reply at the end of all redirects, and its URL."""
        at = url
        for _ in range(REDIRECTS):
            reply = self._asked(at, method, sent)
            location = reply.get_redirect_location()
            if not location:
                return reply, at
            reply.close()
            there = urllib.parse.urljoin(at, location)
            allowed = ("https://",) if at.startswith("https://") else ("https://", "http://")
            if not there.startswith(allowed):
                raise UnavailableError(f"{url} redirects to {_shown(there)}, which TLS does not protect")
            if _origin(there) != _origin(at):
                sent = {name: value for name, value in sent.items() if name != "Authorization"}
            at = there
        raise UnavailableError(f"{url} redirects more than {REDIRECTS} times")

    def _asked(self, url: str, method: str, sent: Mapping[str, str]) -> BaseHTTPResponse:
        """The reply to one request. A site that says "not now" is asked again when it wants to be."""
        waited = 0.0
        while True:
            host = self._reach(url)
            try:
                reply = self._client.send(method, url, sent, CONNECT_SECONDS, READ_SECONDS)
            except RequestError as error:
                raise self._failed(url, host, error) from error
            seconds = come_back.seconds(reply.status, reply.headers, datetime.datetime.now(datetime.timezone.utc))
            # A site that says 0 and means "later" is not asked without end.
            seconds = seconds if seconds is None else max(1.0, seconds)
            if seconds is None or waited + seconds > BUSY_SECONDS:
                return reply
            reply.close()
            waited += seconds
            self._wait(host, seconds)

    def read(self, url: str, limit: int, headers: Mapping[str, str] | None = None) -> bytes:
        """All bytes at a URL, of which there may be ``limit``."""
        answer = self.open(url, headers=headers)
        found = bytearray()
        for chunk in answer.chunks():
            found += chunk
            if len(found) > limit:
                raise UnavailableError(f"{url} holds more than {limit} bytes")
        return bytes(found)

    def text(self, url: str) -> str:
        """What is at a URL, asked for once."""
        with self._lock:
            known = self._texts.get(url)
        if known is None:
            known = self.read(url, TEXT_LIMIT).decode("utf-8", "replace")
            with self._lock:
                self._texts[url] = known
        return known

    def _reach(self, url: str) -> str:
        """The URL's host, which is there."""
        reason = self._hosts.why_not(url, CONNECT_SECONDS)
        if reason:
            raise UnavailableError(reason)
        return urllib.parse.urlsplit(url).netloc

    def _failed(self, url: str, host: str, error: RequestError) -> UnavailableError:
        if error.broke:
            return UnavailableError(f"{_shown(url)} broke off ({error})")
        reason = f"{host} cannot be asked ({error})"
        self._hosts.give_up(host, reason)
        return UnavailableError(reason)


def _open_file(url: str, offset: int) -> Answer:
    path = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path))
    try:
        file = path.open("rb")
        total = path.stat().st_size
    except OSError as error:
        raise UnavailableError(f"{url} cannot be read ({words(error)})") from error
    file.seek(offset)
    return Answer(url, file, offset, total)


def _answered(url: str, at: str, reply: BaseHTTPResponse) -> UnavailableError:
    """at: where redirects led to; its query may be a ticket, and is shown nowhere."""
    known = {one.value: one.phrase for one in HTTPStatus}
    text = f"{reply.status} {reply.reason or known.get(reply.status, '')}".strip()
    by = f", by {urllib.parse.urlsplit(at).netloc}" if at != url else ""
    seconds = come_back.seconds(reply.status, reply.headers, datetime.datetime.now(datetime.timezone.utc))
    later = f"; asked to come back in {seconds:.0f} s" if seconds else ""
    return UnavailableError(f"{url} answered {text}{by}{later}", reply.status, reply.headers)


def _shown(url: str) -> str:
    return url.partition("?")[0]


def _origin(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


def _begin(headers: Mapping[str, str]) -> int:
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
