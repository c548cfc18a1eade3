"""Bundles: all that a profile needs in one tar file, for machines without a network. A bundle is a piece of the cache.

Its first member is the manifest, named after its own sha256. The others are named as they lie in the cache, and are
held to the manifest when they are taken out. The same files make the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import Artifact, ArtifactRef, Download, Downloading, Got, ReleaseSink
from kubeup.sources import cache

MANIFEST = "kubeup-bundle-{}.json"
FORMAT = 1
CHUNK = 1 << 20
Copied = Callable[[int, int], None]
"""Told how many bytes of how many were written."""


@dataclass(frozen=True)
class BundledFile:
    """One file. key: its path below the cache's root. source: where it came from, for people."""

    key: str
    sha256: str
    size: int
    source: str = ""
    downloads: tuple[Download, ...] = ()
    first_sum: str = ""

    @staticmethod
    def of(artifact: Artifact) -> BundledFile:
        one = artifact
        return BundledFile(key_of(one.wanted), one.sha256, one.size, one.source, one.downloads, one.first_sum)

    @staticmethod
    def of_file(root: Path, path: Path) -> BundledFile:
        """Of a file in the cache that nothing is written down of."""
        return BundledFile(str(path.relative_to(root)), cache.hash_of(path), path.stat().st_size)


def key_of(wanted: ArtifactRef) -> str:
    return str(cache.path_of(Path(), wanted))


def write(
    target: Path, root: Path, entries: Sequence[BundledFile], copied: Copied = lambda _done, _total: None
) -> None:
    """Make a bundle of files of the cache; it is there when it is whole. Raises ReleaseError."""
    ordered = sorted(set(entries), key=lambda one: one.key)
    files = {one.key: {name: value for name, value in asdict(one).items() if name != "key"} for one in ordered}
    manifest = json.dumps({"format": FORMAT, "files": files}, indent=1).encode()
    name = MANIFEST.format(hashlib.sha256(manifest).hexdigest())
    total, done = sum(one.size for one in ordered), 0
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with partial.open("wb") as out:
            out.write(_header(name, len(manifest)) + manifest + bytes(-len(manifest) % 512))
            for one in ordered:
                out.write(_header(one.key, one.size))
                with (root / one.key).open("rb") as file:
                    for chunk in _held(file, one, str(root / one.key)):
                        out.write(chunk)
                        done += len(chunk)
                        copied(done, total)
                out.write(bytes(-one.size % 512))
            out.write(bytes(1024))
            out.flush()
            os.fsync(out.fileno())
        partial.rename(target)
    except OSError as error:
        raise ReleaseError(
            f"{target} cannot be written: {error.strerror}", fix="make room or give access there"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


class Bundle:
    """An open bundle."""

    def __init__(self, path: Path, tar: tarfile.TarFile, entries: Mapping[str, BundledFile]) -> None:
        self.path, self.entries = path, entries
        self._tar = tar

    def take(self, root: Path, wanted: ArtifactRef, emit: ReleaseSink = lambda _: None) -> Artifact | None:
        """Bring a file to its place in the cache, unless just that one lies there. None if it is not in here."""
        entry = self.entries.get(key_of(wanted))
        if entry is None:
            return None
        try:
            there = cache.find(root, wanted)
        except ReleaseError:
            there = None
        if there and there.sha256 == entry.sha256:
            return there
        partial = self._extract(
            entry, cache.path_of(root, wanted), lambda done: emit(Downloading(wanted, done, entry.size))
        )
        emit(Got(wanted, "the bundle", entry.size))
        return cache.take_in(root, wanted, partial, entry.source, entry.downloads, entry.sha256, entry.first_sum)

    def take_file(self, root: Path, path: Path) -> bool:
        """The same for a file of the cache that is no release's. False if it is not in here."""
        entry = self.entries.get(str(path.relative_to(root)))
        if entry and not (path.is_file() and cache.hash_of(path) == entry.sha256):
            self._extract(entry, path).rename(path)
        return entry is not None

    def versions(self, name: str) -> list[str]:
        """Which versions of a file it has."""
        return [key.split("/")[2] for key in self.entries if key.startswith(f"release/{name}/")]

    def others(self, wanted: ArtifactRef) -> list[str]:
        """What it has of the same name: VERSION (ARCH)."""
        start = f"release/{wanted.name.replace(':', '_')}/"
        found = [key.split("/") for key in self.entries if key.startswith(start)]
        return [f"{version} ({arch})" for _, _, version, arch, _ in found]

    def _extract(self, entry: BundledFile, target: Path, copied: Callable[[int], None] = lambda _: None) -> Path:
        """A file beside its place, whole and as it should be."""
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            source = self._tar.extractfile(entry.key)
            if source is None:
                raise _damaged(self.path, f"{entry.key} is no file")
            with source, partial.open("wb") as out:
                for chunk in _held(source, entry, f"{entry.key} in {self.path}"):
                    out.write(chunk)
                    copied(out.tell())
        except (tarfile.TarError, KeyError, EOFError) as error:
            partial.unlink(missing_ok=True)
            raise _damaged(self.path, str(error)) from error
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return partial


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """Raises ReleaseError for a file that is no bundle, or a damaged one."""
    try:
        with tarfile.open(path, "r:") as tar:
            yield Bundle(path, tar, _entries(path, tar))
    except FileNotFoundError:
        raise ReleaseError(f"there is no bundle {path}", fix=MAKE.format(path)) from None
    except tarfile.TarError as error:
        raise ReleaseError(f"{path} is no bundle of kubeup's", evidence=[str(error)], fix=MAKE.format(path)) from error


MAKE = "kubeup release bundle PROFILE -o {}, with this profile, on a machine with a network"


def _entries(path: Path, tar: tarfile.TarFile) -> Mapping[str, BundledFile]:
    first = tar.next()
    file = tar.extractfile(first) if first else None
    content = file.read() if file else b""
    if first is None or not first.name.startswith(MANIFEST.partition("{")[0]):
        raise ReleaseError(f"{path} is no bundle of kubeup's", fix=MAKE.format(path))
    if first.name != MANIFEST.format(hashlib.sha256(content).hexdigest()):
        raise _damaged(path, "its manifest is not what it was")
    values = json.loads(content)
    if values["format"] != FORMAT:
        raise ReleaseError(f"{path} was made by another version of kubeup", fix=MAKE.format(path))
    found = {}
    for key, fields in values["files"].items():
        downloads = tuple(Download(**one) for one in fields.pop("downloads"))
        found[key] = BundledFile(key, **fields, downloads=downloads)
    return found


def _held(file: IO[bytes], entry: BundledFile, what: str) -> Iterator[bytes]:
    """The bytes of a file; raises at the end where they are not what they should be."""
    digest, left = hashlib.sha256(), entry.size
    while left and (chunk := file.read(min(left, CHUNK))):
        digest.update(chunk)
        left -= len(chunk)
        yield chunk
    if left or file.read(1) or digest.hexdigest() != entry.sha256:
        raise ReleaseError(
            f"{what} is damaged",
            evidence=[f"sha256 of what is there: {digest.hexdigest()}", f"sha256 expected:         {entry.sha256}"],
            fix="copy or make the bundle again",
        )


def _damaged(path: Path, evidence: str) -> ReleaseError:
    return ReleaseError(f"{path} is damaged", evidence=[evidence], fix="copy or make the bundle again")


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o644, 0
    return info.tobuf(format=tarfile.GNU_FORMAT)
