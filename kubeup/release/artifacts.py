"""What is wanted from the release sources, and what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class ArtifactRef:
    """One file: a binary, or an image archive. arch: amd64 or arm64."""

    name: str
    version: str
    arch: str

    @property
    def title(self) -> str:
        return f"{self.name} {self.version} ({self.arch})"


@dataclass(frozen=True)
class Download:
    """Where nodes can fetch it themselves. sha256: of what is at the URL; member: its path inside an archive."""

    url: str
    sha256: str
    member: str = ""


@dataclass(frozen=True)
class Artifact:
    """A file that can be had. size in bytes; source: where it came from, for people.

    path: its place in the operator's cache; nothing lies there yet where ``in_cache`` is False, which only happens to
    those who asked for it (``resolve(need_file=False)``): sum and size are upstream's word then. first_sum: sha256 of
    what was downloaded, where nobody says what it should be; from then on it has to stay that.
    """

    wanted: ArtifactRef
    sha256: str
    size: int
    path: Path
    source: str
    downloads: tuple[Download, ...] = ()
    in_cache: bool = True
    first_sum: str = ""


@dataclass(frozen=True)
class Tried:
    """A source did not have it, or could not be asked."""

    wanted: ArtifactRef
    source: str
    reason: str


@dataclass(frozen=True)
class Progress:
    """Bytes of one file so far; total 0 where unknown."""

    wanted: ArtifactRef
    done: int
    total: int


@dataclass(frozen=True)
class Building:
    """A build from Go modules is at work, or another one is waited for. seconds so far."""

    what: str
    seconds: float


@dataclass(frozen=True)
class Waiting:
    """A site asked to come back later. seconds: that are left."""

    host: str
    seconds: float


@dataclass(frozen=True)
class Remark:
    """What a person should know of how a file is trusted, or why another way was taken."""

    wanted: ArtifactRef
    text: str


@dataclass(frozen=True)
class Got:
    """It lies in the cache now. size in bytes."""

    wanted: ArtifactRef
    source: str
    size: int


@dataclass(frozen=True)
class Without:
    """No source has it; clusters run without it, so that this is no failure."""

    wanted: ArtifactRef


ReleaseEvent = Tried | Progress | Building | Waiting | Remark | Got | Without
ReleaseSink = Callable[[ReleaseEvent], None]
"""Called from several threads."""
