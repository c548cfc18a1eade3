"""How upstream publishes files, which of them are wanted, and what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kubeup.model.cluster import Program, Versions


@dataclass(frozen=True)
class ReleaseRow:
    """How upstream publishes some files: one row a component, which stands with it.

    url, sums, member: formats with {v}, {arch}, {name}, {plain}, {docker_arch}, without a scheme.

    names: of the files, unique among all rows. program: whose version they have. sums: the URL of upstream's checksum
    of what is at ``url``; empty where upstream publishes none (sources/trust.py has what is done then). member: the
    path inside the archive at ``url``; empty where the URL is the file itself. module: what builds it
    (go_builds.RECIPES, image_builds.BUILDS), empty where nothing does. optional: clusters run without it, or get it
    themselves. image: REPOSITORY:TAG of an image, as nodes call it; ``url`` is its manifest in a registry then, and
    what is kept is an image archive. inside: official images that hold the same file at ``inside_path``, as
    REPOSITORY:TAG.
    """

    names: tuple[str, ...]
    program: Program
    url: str
    sums: str = ""
    member: str = ""
    module: str = ""
    optional: bool = False
    image: str = ""
    inside: tuple[str, ...] = ()
    inside_path: str = ""

    def wanted(self, versions: Versions, arch: str) -> tuple[ArtifactRef, ...]:
        """All its files, in a cluster's version."""
        return tuple(ArtifactRef(name, versions.of(self.program), arch, self) for name in self.names)


@dataclass(frozen=True, order=True)
class ArtifactRef:
    """One file: a binary, or an image archive. arch: amd64 or arm64. row: how upstream publishes it; None for what is
    only looked up in the cache."""

    name: str
    version: str
    arch: str
    row: ReleaseRow | None = field(default=None, compare=False, repr=False)

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
class Downloading:
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


ReleaseEvent = Tried | Downloading | Building | Waiting | Remark | Got | Without
ReleaseSink = Callable[[ReleaseEvent], None]
"""Called from several threads."""
