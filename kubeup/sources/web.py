"""Fetching what a site has: held to what it should be (trust.py), resumed where it broke off."""

from __future__ import annotations

import contextlib
import os
import re
import tarfile
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

from kubeup.images import archive_writer
from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import Artifact, ArtifactRef, Download, Downloading, ReleaseSink, Remark
from kubeup.release.catalog import fill, manifest_url
from kubeup.sources import cache, trust
from kubeup.sources.site import CHUNK, Answer, Site, StoppedError, UnavailableError
from kubeup.sources.trust import DownloadJob, Expected, Terms

ATTEMPTS = 3
IMAGE_LIMIT = 512 << 20
"""Bytes of one part of an image; Envoy's largest layer has some 60 MB."""


@dataclass
class Fetcher:
    """One run over one site. Thread-safe. Its methods raise UnavailableError where the site cannot provide a file,
    ReleaseError where what came must be refused."""

    site: Site
    root: Path
    terms: Terms
    emit: ReleaseSink
    stopped: threading.Event

    def fetch(self, job: DownloadJob) -> list[Artifact]:
        """All of a job, in the cache."""
        url = self.site.url(job.row.url, job.first)
        if job.row.image:
            return [self._image(job, url)]
        expected = trust.expected(self.site, self.root, self.terms, job, self.emit)
        if expected.doubt:
            return [self._out_of_image(job, expected.doubt)]
        # A URL has characters that a file name cannot have.
        target = self.root / "download" / re.sub(r"[^A-Za-z0-9._-]+", "_", url)
        with cache.locked(target.with_name(f"{target.name}.lock"), f"downloading {url}", self.emit):
            # Whoever held the lock may have fetched it.
            there = [found for found in (cache.find(self.root, one) for one in job.wanted) if found]
            if len(there) == len(job.wanted):
                return there
            got = self._download(job, url, target, expected)
            first_sum = got if expected.is_first else ""
            found = (self._unpack if job.row.member else self._plain)(job, url, target, got, first_sum)
            target.unlink(missing_ok=True)
        return found

    def known(self, job: DownloadJob) -> Artifact | None:
        """What upstream says of a plain file, without fetching it. None where it does not say enough."""
        if job.row.member or job.row.image or not self.site.is_for_nodes:
            return None
        url = self.site.url(job.row.url, job.first)
        expected = trust.expected(self.site, self.root, self.terms, job, self.emit)
        if not expected.sha256:
            return None
        answer = self.site.open(url, method="HEAD")
        answer.stream.close()
        if not answer.total:
            return None
        path, downloads = cache.path_of(self.root, job.first), (Download(url, expected.sha256),)
        return Artifact(job.first, expected.sha256, answer.total, path, self.site.title, downloads, in_cache=False)

    def _download(self, job: DownloadJob, url: str, target: Path, expected: Expected) -> str:
        """``target`` is what it should be afterwards, or this raises; its sha256."""
        partial = target.with_name(f"{target.name}.part")
        if not expected.sha256:
            # Nothing would tell if what an earlier run left is of another file.
            partial.unlink(missing_ok=True)
        for attempt in range(ATTEMPTS):
            before = _size(partial)
            try:
                self._append(job.first, url, partial)
            except UnavailableError:
                if attempt + 1 == ATTEMPTS or _size(partial) <= before:
                    raise
                continue
            got = cache.hash_of(partial)
            if not expected.sha256:
                self._tell_first(job, url, got)
            if got == (expected.sha256 or got):
                partial.rename(target)
                return got
            partial.unlink()
            # What an earlier run left may be of another file: only a whole one, fetched at once, is judged.
            if not before:
                raise trust.refused(job.first, url, got, expected)
        raise UnavailableError(f"{url} broke off {ATTEMPTS} times; the next run goes on there")

    def _tell_first(self, job: DownloadJob, url: str, got: str) -> None:
        text = f"nobody publishes a checksum of {url}: this first download, over TLS, is taken"
        self.emit(Remark(job.first, f"{text}, and demanded from now on (sha256 {got})"))

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
                self.emit(Downloading(wanted, done, answer.total))
        if answer.total and done < answer.total:
            raise UnavailableError(f"{answer.url} broke off after {done} of {answer.total} bytes")

    def _plain(self, job: DownloadJob, url: str, file: Path, got: str, first_sum: str) -> list[Artifact]:
        downloads = (Download(url, got),) if self.site.is_for_nodes else ()
        return [cache.take_in(self.root, job.first, file, self.site.title, downloads, got, first_sum)]

    def _unpack(self, job: DownloadJob, url: str, archive: Path, got: str, first_sum: str) -> list[Artifact]:
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
                    downloads = (Download(url, got, info.name),) if self.site.is_for_nodes else ()
                    title = self.site.title
                    found.append(cache.take_in(self.root, one, file, title, downloads, first_sum=first_sum))
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

    def _image(self, job: DownloadJob, url: str) -> Artifact:
        """An image archive out of a registry."""
        trust.demand_pin(self.terms, job)
        get = self._registry(url, job.first)
        content = archive_writer.pull(get, fill(job.row.image, job.first), url.rpartition("/")[2], job.first.arch)
        return self._take_in(job, url, content)

    def _out_of_image(self, job: DownloadJob, doubt: str) -> Artifact:
        """A program out of an official image, whose digest vouches for it. doubt: why it is not taken by itself."""
        reasons = [doubt]
        for image in job.row.inside:
            name = fill(image, job.first)
            url = self.site.place(manifest_url(name))
            try:
                get = self._registry(url, job.first)
                content = archive_writer.pull_file(
                    get, name, url.rpartition("/")[2], job.first.arch, job.row.inside_path
                )
            except UnavailableError as error:
                reasons.append(str(error))
                continue
            self.emit(Remark(job.first, f"taken out of the image {name} ({doubt})"))
            return self._take_in(job, url, content)
        raise UnavailableError(f"{'; '.join(reasons)}; {trust.pin_advice(job)}")

    def _registry(self, url: str, wanted: ArtifactRef) -> archive_writer.Fetch:
        """What asks for an image's parts, which lie beside its manifest. url: the manifest's."""
        base = url.rpartition("/manifests/")[0]

        def get(part: str) -> bytes:
            headers = {"Accept": archive_writer.ACCEPT} if part.startswith("manifests/") else {}
            content = self.site.read(f"{base}/{part}", IMAGE_LIMIT, headers)
            self.emit(Downloading(wanted, len(content), len(content)))
            return content

        return get

    def _take_in(self, job: DownloadJob, url: str, content: bytes) -> Artifact:
        path = cache.path_of(self.root, job.first)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with contextlib.ExitStack() as undo:
            undo.callback(partial.unlink, missing_ok=True)
            partial.write_bytes(content)
            pinned, got = self.terms.pin(job), cache.hash_of(partial)
            if pinned and pinned != got:
                raise trust.refused(job.first, url, got, Expected(pinned))
            return cache.take_in(self.root, job.first, partial, self.site.title, digest=got)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
