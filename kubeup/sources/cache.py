"""The operator's cache: release/NAME/VERSION/ARCH/NAME, and beside it a line of JSON that says what it is.

A file put there by hand is taken, and from then on has to stay what it was.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import Artifact, ArtifactRef, Building, Download, ReleaseSink

BY_HAND = "put there by hand"
LOCK_SECONDS = 3600.0
ELF_MACHINES = {62: "amd64", 183: "arm64"}
"""e_machine of the ELF header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html"""


@dataclass(frozen=True)
class _Note:
    """What the line beside a file says."""

    sha256: str
    size: int
    mtime_ns: int
    source: str
    downloads: tuple[Download, ...] = ()
    first_sum: str = ""

    def artifact(self, wanted: ArtifactRef, path: Path, *, in_cache: bool = True) -> Artifact:
        return Artifact(wanted, self.sha256, self.size, path, self.source, self.downloads, in_cache, self.first_sum)


def cache_root() -> Path:
    """KUBEUP_CACHE, else ~/.cache/kubeup by the XDG rules."""
    own = os.environ.get("KUBEUP_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kubeup"


def path_of(root: Path, wanted: ArtifactRef) -> Path:
    name = wanted.name.replace(":", "_")
    return root / "release" / name / wanted.version / wanted.arch / name


def is_new(root: Path, wanted: ArtifactRef) -> bool:
    """A file lies there of which nothing is written down yet."""
    path = path_of(root, wanted)
    return path.is_file() and _known(path) is None


def find(root: Path, wanted: ArtifactRef) -> Artifact | None:
    """What the cache has. The file is hashed only when its size or time is not what it was.

    Raises ReleaseError for a file that changed, or that was put there and cannot be what it is named after.
    """
    path = path_of(root, wanted)
    if not path.is_file():
        return None
    stat = path.stat()
    known = _known(path)
    if known and (known.size, known.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
        return known.artifact(wanted, path)
    digest = hash_of(path)
    if known is None:
        _check_by_hand(path, wanted)
        return note(path, path, wanted, digest, BY_HAND)
    if known.sha256 != digest:
        raise ReleaseError(
            f"{wanted.title} in the cache is not what it was",
            evidence=[f"{path}", f"sha256 now:  {digest}", f"sha256 then: {known.sha256}"],
            fix=f"rm {path} {_sidecar(path)}",
        )
    return note(path, path, wanted, digest, known.source, known.downloads, known.first_sum)


def note(
    path: Path,
    file: Path,
    wanted: ArtifactRef,
    digest: str,
    source: str,
    downloads: tuple[Download, ...] = (),
    first_sum: str = "",
) -> Artifact:
    """Write down what ``path`` is; ``file`` is where its bytes are now."""
    stat = file.stat()
    values = _Note(digest, stat.st_size, stat.st_mtime_ns, source, downloads, first_sum)
    partial = _sidecar(path).with_suffix(f".new{os.getpid()}")
    partial.write_text(json.dumps(asdict(values)) + "\n")
    partial.rename(_sidecar(path))
    return values.artifact(wanted, path)


def take_in(
    root: Path,
    wanted: ArtifactRef,
    file: Path,
    source: str,
    downloads: tuple[Download, ...] = (),
    digest: str = "",
    first_sum: str = "",
) -> Artifact:
    """Move a finished file into the cache. digest: its sha256, where that is known. first_sum: see Artifact."""
    path = path_of(root, wanted)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.chmod(0o755)
    # Written down first: a run that ends between the two leaves no file of which nothing is known.
    artifact = note(path, file, wanted, digest or hash_of(file), source, downloads, first_sum)
    file.rename(path)
    return artifact


def promise(root: Path, artifact: Artifact) -> None:
    """Write down upstream's word on a file that nodes fetch by themselves: an unchanged ``up`` asks no site again."""
    place = _promised(path_of(root, artifact.wanted))
    place.parent.mkdir(parents=True, exist_ok=True)
    values = _Note(artifact.sha256, artifact.size, 0, artifact.source, artifact.downloads)
    partial = place.with_suffix(f".new{os.getpid()}")
    partial.write_text(json.dumps(asdict(values)) + "\n")
    partial.rename(place)


def promised(root: Path, wanted: ArtifactRef) -> Artifact | None:
    """A file that is not here, by upstream's word."""
    path = path_of(root, wanted)
    known = _read(_promised(path))
    if known is None:
        return None
    return known.artifact(wanted, path, in_cache=False)


def first_sum(root: Path, wanted: ArtifactRef) -> str:
    """What the first download of it was, whether or not the file is still there; empty where others vouch for it."""
    known = _known(path_of(root, wanted))
    return known.first_sum if known else ""


def hash_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def locked(path: Path, what: str, emit: ReleaseSink) -> Iterator[None]:
    """Hold a lock file of the cache; another kubeup may be at the same work."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - begin
            emit(Building(f"waiting for another kubeup that is {what}", waited))
            if waited > LOCK_SECONDS:
                raise ReleaseError(
                    f"another kubeup has been {what} for {waited:.0f} s", evidence=[f"it holds {path}"], fix="end it"
                )
            time.sleep(0.2)
        yield


def _check_by_hand(path: Path, wanted: ArtifactRef) -> None:
    """The usual slips: the archive instead of what is in it, a page instead of a file, another architecture's."""
    with path.open("rb") as file:
        head = file.read(64)
    oddity = ""
    if head.startswith((b"\x1f\x8b", b"PK\x03\x04", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        oddity = "it is packed: put there what is inside"
    elif head.lstrip()[:1] == b"<" or not head:
        oddity = "it is a page of text or empty: the download went wrong"
    elif head.startswith(b"\x7fELF") and len(head) >= 20:
        arch = ELF_MACHINES.get(int.from_bytes(head[18:20], "little"), "another architecture")
        oddity = "" if arch == wanted.arch else f"it is a program for {arch}"
    if oddity:
        raise ReleaseError(
            f"{wanted.title} was put into the cache by hand and cannot be used",
            evidence=[str(path), oddity],
            fix=f"put the right file there, or rm {path}",
        )


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _promised(path: Path) -> Path:
    return path.with_name(path.name + ".upstream")


def _known(path: Path) -> _Note | None:
    return _read(_sidecar(path))


def _read(sidecar: Path) -> _Note | None:
    try:
        values = json.loads(sidecar.read_text())
        downloads = tuple(Download(**one) for one in values.pop("downloads", ()))
        return _Note(**values, downloads=downloads)
    except (OSError, ValueError, TypeError, AttributeError):
        return None
