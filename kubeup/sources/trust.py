"""By what a file is known to be the right one: the order of trust of docs/release.md.

1. the profile's pin; 2. the checksum that upstream publishes; 3. the one GitHub publishes of a release's file; 4. the
digest of an official image that holds the same file; 5. where nobody says anything, the first download over TLS from
upstream itself, which is kept and demanded from then on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubeup.model.errors import ReleaseError
from kubeup.release import pins
from kubeup.release.artifacts import ArtifactRef, ReleaseRow, ReleaseSink
from kubeup.release.catalog import fill
from kubeup.sources import cache, github
from kubeup.sources.site import Site, UnavailableError


@dataclass(frozen=True)
class DownloadJob:
    """What one URL is fetched for: a binary, or several that lie in the same archive."""

    row: ReleaseRow
    wanted: tuple[ArtifactRef, ...]

    @property
    def first(self) -> ArtifactRef:
        return self.wanted[0]


@dataclass(frozen=True)
class Terms:
    """pins: what the profile demands. recorded: first downloads that the cluster was built with. Both by the names of
    ``release.pins``. require_pins: nothing else is trusted."""

    pins: Mapping[str, str] = field(default_factory=dict)
    recorded: Mapping[str, str] = field(default_factory=dict)
    require_pins: bool = False

    def pin(self, job: DownloadJob) -> str:
        return _found(job, self.pins)

    def first_sum(self, job: DownloadJob, root: Path) -> str:
        """What the first download was: by the cluster's record, else by this cache."""
        every = (ArtifactRef(name, job.first.version, job.first.arch) for name in job.row.names)
        return _found(job, self.recorded) or next((found for one in every if (found := cache.first_sum(root, one))), "")


@dataclass(frozen=True)
class Expected:
    """sha256 of what is at a URL; empty where nobody says it. doubt: why only an official image vouches for it."""

    sha256: str = ""
    doubt: str = ""
    is_first: bool = False


def expected(site: Site, root: Path, terms: Terms, job: DownloadJob, emit: ReleaseSink) -> Expected:
    """What a file has to be. is_first: by the word of a first download, an earlier or this one.

    Raises UnavailableError where nothing vouches for it.
    """
    pinned = terms.pin(job)
    if pinned:
        return Expected(pinned)
    demand_pin(terms, job)
    if job.row.sums:
        return Expected(published(site, job))
    path = fill(job.row.url, job.first)
    try:
        found, doubt = github.digest(site, root, path, emit), "GitHub publishes no checksum of it"
    except UnavailableError as error:
        if not job.row.inside:
            raise UnavailableError(f"{error}; {pin_advice(job)}", error.status) from error
        found, doubt = "", str(error)
    if found:
        return Expected(found)
    if job.row.inside:
        return Expected(doubt=doubt)
    first = terms.first_sum(job, root)
    if not first and not site.is_upstream:
        raise UnavailableError(f"upstream publishes no checksum of {site.place(path)}: {pin_advice(job)}")
    return Expected(first, is_first=True)


def demand_pin(terms: Terms, job: DownloadJob) -> None:
    """Raises UnavailableError where the profile wants pins for all, and there is none."""
    if terms.require_pins and not terms.pin(job):
        raise UnavailableError(f"the profile requires pins, and has none: {pin_advice(job)}")


def published(site: Site, job: DownloadJob) -> str:
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


def pin_advice(job: DownloadJob) -> str:
    return f"add `pins: {{{pins.names(job.row, job.wanted)[0]}: SHA256}}` to the profile"


def jobs(wanted: Sequence[tuple[ReleaseRow, ArtifactRef]], site: Site) -> list[DownloadJob]:
    """Binaries that lie in one archive are fetched together."""
    groups: dict[str, list[tuple[ReleaseRow, ArtifactRef]]] = {}
    for row, one in wanted:
        groups.setdefault(site.url(row.url, one), []).append((row, one))
    return [DownloadJob(group[0][0], tuple(one for _, one in group)) for group in groups.values()]


def refused(wanted: ArtifactRef, url: str, got: str, demanded: Expected) -> ReleaseError:
    """Something came, and is not what it has to be."""
    by = " (the first download was that)" if demanded.is_first else ""
    return ReleaseError(
        f"{wanted.title} is not what it should be",
        evidence=[url, f"sha256 of what came: {got}", f"sha256 expected:     {demanded.sha256}{by}"],
        fix="something on the way changes it: take another source; if upstream replaced it, pin the new sum",
    )


def _found(job: DownloadJob, sums: Mapping[str, str]) -> str:
    every = pins.names(job.row, job.wanted)
    return next((sums[name].lower() for name in every if name in sums), "")
