"""Which hosts are there: each is tried once, within one time limit, and all who need it wait for that answer."""

from __future__ import annotations

import socket
import threading
import urllib.parse

from kubeup.model.cluster import Proxy
from kubeup.sources import proxies
from kubeup.sources.client import words


class Hosts:
    """What one run has found out. Thread-safe. proxy: what URLs are asked through."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._lock = threading.Lock()
        self._hops: dict[tuple[str, int, bool], _Hop] = {}
        self._dead: dict[str, str] = {}

    def why_not(self, url: str, seconds: float) -> str:
        """Why a URL cannot be asked; empty if it can. seconds: for a name and all its addresses together."""
        try:
            host = urllib.parse.urlsplit(url).netloc
            address = proxies.first_hop(url, self._proxy)
        except ValueError as error:
            return f"it, or its proxy, is no URL that can be asked ({error})"
        if address is None:
            return "it, or its proxy, is no URL that can be asked"
        with self._lock:
            hop = self._hops.setdefault(address, _Hop())
        with hop.lock:
            if hop.reason is None:
                hop.reason = _why_not(*address, seconds)
        return hop.reason or self._dead.get(host, "")

    def give_up(self, host: str, reason: str) -> None:
        """It is there, and did not answer: it is not asked again."""
        with self._lock:
            self._dead[host] = reason


class _Hop:
    """The first machine on the way to a site. reason: why it cannot be reached, empty if it can, None before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reason: str | None = None


def _why_not(host: str, port: int, is_proxy: bool, seconds: float) -> str:
    """Neither getaddrinfo nor a name with many addresses keeps to one time limit, so a thread tries."""
    found: list[str] = []
    done = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=seconds).close()
            found.append("")
        except OSError as error:
            found.append(words(error))
        done.set()

    threading.Thread(target=connect, daemon=True, name="kubeup-reach").start()
    done.wait(seconds)
    reason = found[0] if found else f"no connection in {seconds:.0f} s"
    place = host if port in (80, 443) else f"{host}:{port}"
    return f"{'the proxy ' if is_proxy else ''}{place} is not reachable ({reason})" if reason else ""
