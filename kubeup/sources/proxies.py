"""Which proxy stands before a site, if any: the profile's, else the environment's, and what no_proxy exempts."""

from __future__ import annotations

import ipaddress
import os
import urllib.parse

from kubeup.model.cluster import Proxy

PORTS = {"http": 80, "https": 443}


def effective(proxy: Proxy) -> Proxy:
    """The profile's proxy, else what http_proxy, https_proxy and no_proxy say."""
    if proxy.http or proxy.https:
        return Proxy(proxy.http, proxy.https or proxy.http, proxy.no_proxy)
    exempt = (word.strip() for word in _said("no_proxy").split(","))
    return Proxy(_said("http_proxy"), _said("https_proxy"), tuple(word for word in exempt if word))


def _said(name: str) -> str:
    """Of the environment, in small letters first, as curl has it."""
    return os.environ.get(name) or os.environ.get(name.upper(), "")


def proxy_for(url: str, proxy: Proxy) -> str:
    """The proxy's URL that a URL is asked through; empty for none."""
    parts = urllib.parse.urlsplit(url)
    chosen = {"http": proxy.http, "https": proxy.https}.get(parts.scheme, "")
    return "" if is_exempt(parts.hostname or "", proxy.no_proxy) else chosen


def is_exempt(host: str, no_proxy: tuple[str, ...]) -> bool:
    """no_proxy as curl and Go read it: a name and all below it, an address, a range, or ``*``."""
    return any(_matches(host.lower(), word.strip().lower()) for word in no_proxy)


def first_hop(url: str, proxy: Proxy) -> tuple[str, int, bool] | None:
    """(host, port, is a proxy) that a connection for a URL goes to; None for file://. Raises ValueError for no URL."""
    through = proxy_for(url, proxy)
    parts = urllib.parse.urlsplit((through if "//" in through else f"http://{through}") if through else url)
    if not parts.hostname or parts.scheme not in PORTS:
        return None
    return parts.hostname, parts.port or PORTS[parts.scheme], bool(through)


def _matches(host: str, word: str) -> bool:
    if word == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(word, strict=False)
    except ValueError:
        # A name, or ranges of the other family.
        name = word.removeprefix("*").removeprefix(".").partition(":")[0]
        return bool(name) and (host == name or host.endswith(f".{name}"))
