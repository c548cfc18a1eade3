"""Fetching from URLs: upstream's sites, mirrors with the same layout, file://. Resumable, checked, one site asked in
vain only once."""

from __future__ import annotations

import re
import tarfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from kubeup.errors import ReleaseError
from kubeup.model import Proxy
from kubeup.release import cache
from kubeup.release.catalog import Row, fill
from kubeup.release.model import Download, Progress, Say, Wanted

CONNECT_SECONDS = 5.0
CHUNK = 1 << 18


class Unreachable(Exception):
    """A site could not be asked; the reason in words."""


class Site:
    """Where URLs start: empty for upstream itself, else a mirror's URL."""

    def __init__(self, base: str, proxy: Proxy) -> None:
        self.base = base.rstrip("/")
        self.title = self.base or "official"
        self._dead: dict[str, str] = {}
        self._lock = threading.Lock()
        proxies = {"http": proxy.http, "https": proxy.https or proxy.http} if proxy.http or proxy.https else None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))

    def url(self, pattern: str, wanted: Wanted) -> str:
        path = fill(pattern, wanted)
        return f"{self.base}/{path}" if self.base else f"https://{path}"

    def open(self, url: str, offset: int = 0) -> tuple[IO[bytes], int, int]:
        """(stream, offset it starts at, total size or 0). Raises Unreachable at once for a site known to be dead."""
        host = urllib.parse.urlsplit(url).netloc
        with self._lock:
            dead = self._dead.get(host)
        if dead:
            raise Unreachable(dead)
        request = urllib.request.Request(url, headers={"Range": f"bytes={offset}-"} if offset else {})
        try:
            response = self._opener.open(request, timeout=CONNECT_SECONDS)
        except urllib.error.HTTPError as error:
            raise Unreachable(f"{url} answered {error.code} {error.reason}") from error
        except (OSError, urllib.error.URLError) as error:
            reason = f"{host or url} is not reachable ({getattr(error, 'reason', error)})"
            if host:
                with self._lock:
                    self._dead[host] = reason
            raise Unreachable(reason) from error
        begins = offset if response.status == 206 else 0
        length = int(response.headers.get("Content-Length") or 0)
        return response, begins, begins + length if length else 0

    def text(self, url: str) -> str:
        stream, _, _ = self.open(url)
        with stream:
            return stream.read(1 << 20).decode("utf-8", "replace")


def fetch(site: Site, row: Row, wanted: Wanted, pins: Mapping[str, str], root: Path, say: Say) -> tuple[Path, Download]:
    """One binary from a site, checked against the published or pinned sum. Raises Unreachable or ReleaseError."""
    url = site.url(row.url, wanted)
    expected = _published(site, row, wanted, url) or _pinned(pins, wanted)
    if not expected:
        raise Unreachable(
            f"upstream publishes no checksum of {url}: add `pins: {{{pin_names(wanted)[0]}: SHA256}}` to the profile"
        )
    folder = root / "download"
    folder.mkdir(parents=True, exist_ok=True)
    # Binaries of one archive share its download.
    archive = folder / re.sub(r"[^A-Za-z0-9._-]+", "_", url)
    with _lock_of(url):
        if not archive.exists() or cache.hash_of(archive) != expected:
            _download(site, url, archive, wanted, expected, say)
    member = fill(row.member, wanted) if row.member else ""
    if not member:
        return archive, Download(url, expected)
    return _extract(archive, member, folder / f"{wanted.name}-{wanted.version}-{wanted.arch}"), Download(
        url, expected, member
    )


_LOCKS: dict[str, threading.Lock] = {}
_LOCKS_LOCK = threading.Lock()


def _lock_of(url: str) -> threading.Lock:
    with _LOCKS_LOCK:
        return _LOCKS.setdefault(url, threading.Lock())


def pin_names(wanted: Wanted) -> tuple[str, str]:
    """The keys of a profile's pins that speak of a file, the exact one first."""
    return f"{wanted.name}-{wanted.version}-{wanted.arch}", f"{wanted.name}-{wanted.version}"


def _pinned(pins: Mapping[str, str], wanted: Wanted) -> str:
    return next((pins[name] for name in pin_names(wanted) if name in pins), "")


def _published(site: Site, row: Row, wanted: Wanted, url: str) -> str:
    """Upstream's checksum: a bare sum, or lines of ``sum  file``."""
    if not row.sums:
        return ""
    text = site.text(site.url(row.sums, wanted))
    file = url.rpartition("/")[2]
    for line in text.split("\n"):
        words = line.split()
        if len(words) >= 2 and words[1].lstrip("*./") == file:
            return words[0].lower()
    first = (text.split() or [""])[0].lower()
    return first if re.fullmatch(r"[0-9a-f]{64}", first) else ""


def _download(site: Site, url: str, target: Path, wanted: Wanted, expected: str, say: Say) -> None:
    partial = target.with_name(target.name + ".part")
    offset = partial.stat().st_size if partial.exists() else 0
    stream, begins, total = site.open(url, offset)
    with stream, partial.open("ab" if begins else "wb") as out:
        done = begins
        while True:
            try:
                chunk = stream.read(CHUNK)
            except OSError as error:
                raise Unreachable(
                    f"{url} broke off after {done} bytes ({error}); the next run goes on there"
                ) from error
            if not chunk:
                break
            out.write(chunk)
            done += len(chunk)
            say(Progress(wanted, done, total))
    if total and done < total:
        raise Unreachable(f"{url} broke off after {done} of {total} bytes; the next run goes on there")
    got = cache.hash_of(partial)
    if got != expected:
        partial.unlink()
        raise ReleaseError(
            f"{wanted.title} is not what it should be",
            evidence=[url, f"sha256 of what came: {got}", f"sha256 expected:     {expected}"],
            fix="something on the way changes it: take another source; if upstream replaced it, pin the new sum",
        )
    partial.rename(target)


def _extract(archive: Path, member: str, target: Path) -> Path:
    try:
        with tarfile.open(archive) as tar:
            found = next((info for info in tar if info.name.lstrip("./") == member.lstrip("./")), None)
            file = tar.extractfile(found) if found else None
            if file is None:
                raise ReleaseError(
                    f"{archive.name} has no {member}", fix="has upstream's layout changed? take another version"
                )
            with file, target.open("wb") as out:
                _copy(file.read, out.write)
    except tarfile.TarError as error:
        raise ReleaseError(f"{archive.name} is not an archive", evidence=[str(error)], fix=f"rm {archive}") from error
    return target


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], int]) -> None:
    while chunk := read(CHUNK):
        write(chunk)
