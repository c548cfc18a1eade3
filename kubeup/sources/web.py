"""Fetching what a site has: held to upstream's published checksum or a pinned one, resumed where it broke off."""

from __future__ import annotations

import contextlib
import os
import re
import tarfile
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubeup.images import archive_writer
from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import Artifact, ArtifactRef, Download, Progress, ReleaseSink
from kubeup.release.catalog import Row, fill
from kubeup.sources import cache
from kubeup.sources.site import CHUNK, Answer, Site, UnavailableError

ATTEMPTS = 3
IMAGE_LIMIT = 512 << 20
"""Bytes of one part of an image; Envoy's largest layer has some 60 MB."""


class StoppedError(Exception):
    """The user pressed Ctrl-C, and threads end at their next chunk."""


@dataclass(frozen=True)
class Job:
    """What one URL is fetched for: a binary, or several that lie in the same archive."""

    row: Row
    wanted: tuple[ArtifactRef, ...]

    @property
    def first(self) -> ArtifactRef:
        return self.wanted[0]


@dataclass
class Fetcher:
    """One run over one site. Thread-safe. Its methods raise UnavailableError where the site cannot provide a file,
    ReleaseError where what came must be refused."""

    site: Site
    root: Path
    pins: Mapping[str, str]
    emit: ReleaseSink
    stopped: threading.Event

    def fetch(self, job: Job) -> list[Artifact]:
        """All of a job, in the cache."""
        url = self.site.url(job.row.url, job.first)
        if job.row.image:
            return [self._image(job, url)]
        expected = self._expected(job, url)
        # A URL has characters that a file name cannot have.
        target = self.root / "download" / re.sub(r"[^A-Za-z0-9._-]+", "_", url)
        with cache.locked(target.with_name(f"{target.name}.lock"), f"downloading {url}", self.emit):
            # Whoever held the lock may have fetched it.
            there = [found for found in (cache.find(self.root, one) for one in job.wanted) if found]
            if len(there) == len(job.wanted):
                return there
            self._download(job.first, url, target, expected)
            found = self._unpack(job, url, target, expected) if job.row.member else [self._plain(job, url, target)]
            target.unlink(missing_ok=True)
        return found

    def known(self, job: Job) -> Artifact | None:
        """What upstream says of a plain file, without fetching it. None where it does not say enough."""
        if job.row.member or job.row.image or not self.site.is_for_nodes:
            return None
        url = self.site.url(job.row.url, job.first)
        expected = self._expected(job, url)
        answer = self.site.open(url, method="HEAD")
        answer.stream.close()
        if not answer.total:
            return None
        path, downloads = cache.path_of(self.root, job.first), (Download(url, expected),)
        return Artifact(job.first, expected, answer.total, path, self.site.title, downloads, in_cache=False)

    def _expected(self, job: Job, url: str) -> str:
        """A pin says what the user wants to have; only without one a site's own word is taken."""
        pinned = pin_of(job, self.pins)
        if pinned:
            return pinned
        if job.row.sums:
            return published(self.site, job)
        raise UnavailableError(f"upstream publishes no checksum of {url}: {pin_advice(job)}")

    def _download(self, wanted: ArtifactRef, url: str, target: Path, expected: str) -> None:
        """``target`` is what it should be afterwards, or this raises."""
        partial = target.with_name(f"{target.name}.part")
        for attempt in range(ATTEMPTS):
            before = _size(partial)
            try:
                self._append(wanted, url, partial)
            except UnavailableError:
                if attempt + 1 == ATTEMPTS or _size(partial) <= before:
                    raise
                continue
            got = cache.hash_of(partial)
            if got == expected:
                partial.rename(target)
                return
            partial.unlink()
            # What an earlier run left may be of another file: only a whole one, fetched at once, is judged.
            if not before:
                raise _refused(wanted, url, got, expected)
        raise UnavailableError(f"{url} broke off {ATTEMPTS} times; the next run goes on there")

    def _append(self, wanted: ArtifactRef, url: str, partial: Path) -> None:
        try:
            answer = self.site.open(url, _size(partial))
        except UnavailableError as error:
            # 416: there is nothing behind what is here; either it is whole, or it is of another file.
            if error.status == 416:
                return
            raise
        begins = answer.begins if answer.begins == _size(partial) else 0
        if begins != answer.begins:
            answer.stream.close()
            partial.unlink(missing_ok=True)
            answer = self.site.open(url)
        self._write(wanted, answer, partial, begins)

    def _write(self, wanted: ArtifactRef, answer: Answer, partial: Path, begins: int) -> None:
        done = begins
        with partial.open("ab" if begins else "wb") as out:
            for chunk in answer.chunks():
                if self.stopped.is_set():
                    raise StoppedError
                out.write(chunk)
                done += len(chunk)
                self.emit(Progress(wanted, done, answer.total))
        if answer.total and done < answer.total:
            raise UnavailableError(f"{answer.url} broke off after {done} of {answer.total} bytes")

    def _plain(self, job: Job, url: str, file: Path) -> Artifact:
        downloads = (Download(url, cache.hash_of(file)),) if self.site.is_for_nodes else ()
        return cache.take_in(self.root, job.first, file, self.site.title, downloads)

    def _unpack(self, job: Job, url: str, archive: Path, expected: str) -> list[Artifact]:
        """The members of one archive in one pass over it."""
        members = {fill(job.row.member, one).removeprefix("./"): one for one in job.wanted}
        found = []
        try:
            with tarfile.open(archive) as tar:
                for info in tar:
                    one = members.pop(info.name.removeprefix("./"), None)
                    if one is None:
                        continue
                    file = self._extracted(tar, info, one)
                    downloads = (Download(url, expected, info.name),) if self.site.is_for_nodes else ()
                    found.append(cache.take_in(self.root, one, file, self.site.title, downloads))
                    if not members:
                        break
        except (tarfile.TarError, zlib.error, EOFError) as error:
            raise ReleaseError(f"{url} is no archive", evidence=[str(error)], fix="take another source") from error
        if members:
            raise ReleaseError(
                f"{url} has no {', '.join(members)}", fix="has upstream's layout changed? take another version"
            )
        return found

    def _extracted(self, tar: tarfile.TarFile, info: tarfile.TarInfo, wanted: ArtifactRef) -> Path:
        path = cache.path_of(self.root, wanted)
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.with_name(f".{path.name}.{os.getpid()}")
        source = tar.extractfile(info)
        if source is None:
            raise tarfile.TarError(f"{info.name} is no file")
        try:
            with source, target.open("wb") as out:
                while chunk := source.read(CHUNK):
                    out.write(chunk)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target

    def _image(self, job: Job, url: str) -> Artifact:
        """An image archive out of a registry; URLs of its parts lie beside the manifest's."""
        base = url.rpartition("/manifests/")[0]

        def get(part: str) -> bytes:
            headers = {"Accept": archive_writer.ACCEPT} if part.startswith("manifests/") else {}
            content = self.site.read(f"{base}/{part}", IMAGE_LIMIT, headers)
            self.emit(Progress(job.first, len(content), len(content)))
            return content

        name = fill(job.row.image, job.first)
        content = archive_writer.pull(get, name, url.rpartition("/")[2], job.first.arch)
        path = cache.path_of(self.root, job.first)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with contextlib.ExitStack() as undo:
            undo.callback(partial.unlink, missing_ok=True)
            partial.write_bytes(content)
            pinned, got = pin_of(job, self.pins), cache.hash_of(partial)
            if pinned and pinned != got:
                raise _refused(job.first, url, got, pinned)
            return cache.take_in(self.root, job.first, partial, self.site.title)


def pin_names(job: Job) -> tuple[str, ...]:
    """The keys of a profile's pins that speak of what is at a job's URL, the clearest first."""
    group = [job.row.version.replace("_", "-")] if job.row.member else []
    names = dict.fromkeys([*group, *(one.name for one in job.wanted)])
    first = job.first
    exact = [f"{name}-{first.version}-{first.arch}" for name in names]
    return (*exact, *(f"{name}-{first.version}" for name in names))


def pin_of(job: Job, pins: Mapping[str, str]) -> str:
    return next((pins[name].lower() for name in pin_names(job) if name in pins), "")


def pin_advice(job: Job) -> str:
    return f"add `pins: {{{pin_names(job)[0]}: SHA256}}` to the profile"


def published(site: Site, job: Job) -> str:
    """Upstream's checksum: a bare sum, or lines of ``sum  file``."""
    url = site.url(job.row.sums, job.first)
    text = site.text(url)
    file = fill(job.row.url, job.first).rpartition("/")[2]
    words = text.split()
    if len(words) == 1 and re.fullmatch(r"[0-9a-fA-F]{64}", words[0]):
        return words[0].lower()
    for line in text.split("\n"):
        found = re.fullmatch(r"([0-9a-fA-F]{64})\s+\*?(\S+)\s*", line)
        if found and found.group(2).rpartition("/")[2] == file:
            return found.group(1).lower()
    raise UnavailableError(f"{url} has no sha256 of {file}")


def jobs(wanted: Sequence[tuple[Row, ArtifactRef]], site: Site) -> list[Job]:
    """Binaries that lie in one archive are fetched together."""
    groups: dict[str, list[tuple[Row, ArtifactRef]]] = {}
    for row, one in wanted:
        groups.setdefault(site.url(row.url, one), []).append((row, one))
    return [Job(group[0][0], tuple(one for _, one in group)) for group in groups.values()]


def _refused(wanted: ArtifactRef, url: str, got: str, expected: str) -> ReleaseError:
    return ReleaseError(
        f"{wanted.title} is not what it should be",
        evidence=[url, f"sha256 of what came: {got}", f"sha256 expected:     {expected}"],
        fix="something on the way changes it: take another source; if upstream replaced it, pin the new sum",
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
