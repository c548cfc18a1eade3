"""Where binaries come from: the profile's ordered sources, one after the other, until one has it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from kubeup.errors import ReleaseError
from kubeup.model import Proxy, Source
from kubeup.release import cache, golang, web
from kubeup.release.catalog import BY_NAME, ROWS, Row, row_of
from kubeup.release.model import (
    Artifact,
    Building,
    Download,
    Got,
    Progress,
    ReleaseEvent,
    Say,
    Tried,
    Wanted,
    cache_root,
)

PARALLEL = 4
A_DAY = 86400.0

__all__ = [
    "BY_NAME",
    "ROWS",
    "Artifact",
    "Building",
    "Download",
    "Got",
    "Progress",
    "ReleaseEvent",
    "Tried",
    "Wanted",
    "cache_root",
    "resolve",
    "version_field",
]


def version_field(name: str) -> str:
    """Which field of model.Versions speaks of a binary."""
    return BY_NAME[name].version


@dataclass
class _Search:
    """One run over the sources: what was found, and why each source did not have what it lacks."""

    root: Path
    pins: Mapping[str, str]
    say: Say
    found: dict[Wanted, Artifact] = field(default_factory=dict)
    reasons: dict[Wanted, list[str]] = field(default_factory=dict)

    def missing(self, wanted: Iterable[Wanted]) -> list[Wanted]:
        return [one for one in wanted if one not in self.found]

    def failed(self, wanted: Wanted, source: str, reason: str) -> None:
        self.reasons.setdefault(wanted, []).append(f"{source}: {reason}")
        self.say(Tried(wanted, source, reason))


def resolve(
    wanted: Sequence[Wanted],
    sources: Sequence[Source],
    *,
    pins: Mapping[str, str] | None = None,
    proxy: Proxy | None = None,
    root: Path | None = None,
    say: Say = lambda _: None,
) -> tuple[Artifact, ...]:
    """Every wanted file in the operator's cache, in the order wanted; optional ones only where a source has them.

    Raises one ReleaseError that lists all that could not be had, with every source's reason.
    """
    search = _Search(root or cache_root(), pins or {}, say)
    for source in sources:
        missing = [one for one in search.missing(wanted) if not _given_up(search, one)]
        if not missing:
            break
        if source.kind == "cache":
            _from_cache(search, missing)
        elif source.kind == "go":
            _from_go(search, missing)
        else:
            _from_web(search, missing, source.url, proxy or Proxy())
    for one in search.missing(wanted):
        if row_of(one).optional and not _given_up(search, one):
            _give_up(search, one)
    lacking = [one for one in search.missing(wanted) if not row_of(one).optional]
    if lacking:
        raise _not_to_be_had(search, lacking, sources)
    return tuple(search.found[one] for one in wanted if one in search.found)


def _marker(search: _Search, wanted: Wanted) -> Path:
    return cache.path_of(search.root, wanted).with_suffix(".absent")


def _given_up(search: _Search, wanted: Wanted) -> bool:
    """What clusters run without is looked for once a day: an unchanged ``up`` asks no site."""
    if cache.path_of(search.root, wanted).exists():
        return False
    try:
        return time.time() - _marker(search, wanted).stat().st_mtime < A_DAY
    except OSError:
        return False


def _give_up(search: _Search, wanted: Wanted) -> None:
    _marker(search, wanted).parent.mkdir(parents=True, exist_ok=True)
    _marker(search, wanted).touch()


def _from_cache(search: _Search, missing: Sequence[Wanted]) -> None:
    for one in missing:
        artifact = cache.find(search.root, one)
        if artifact is None:
            search.reasons.setdefault(one, []).append("cache: it is not there")
            continue
        search.found[one] = artifact
        _check_pin(search, artifact)


def _check_pin(search: _Search, artifact: Artifact) -> None:
    """A pin speaks of what is downloaded; for plain files that is the binary itself."""
    if BY_NAME[artifact.wanted.name].member:
        return
    pin = next((search.pins[name] for name in web.pin_names(artifact.wanted) if name in search.pins), "")
    if pin and pin != artifact.sha256:
        raise ReleaseError(
            f"{artifact.wanted.title} in the cache is not what the profile pins",
            evidence=[str(artifact.path), f"sha256 in the cache: {artifact.sha256}", f"sha256 pinned:       {pin}"],
            fix=f"rm {artifact.path}, or correct the pin",
        )


def _from_web(search: _Search, missing: Sequence[Wanted], base: str, proxy: Proxy) -> None:
    site = web.Site(base, proxy)

    def one(wanted: Wanted) -> ReleaseError | None:
        row = row_of(wanted)
        if wanted.name == "pause":
            search.failed(wanted, site.title, "image archives are taken from the cache or built from Go modules")
            return None
        try:
            file, download = web.fetch(site, row, wanted, search.pins, search.root, search.say)
            kept = file if row.member else _copied(file)
            artifact = replace(cache.take_in(search.root, wanted, kept, site.title), downloads=(download,))
        except web.Unreachable as error:
            search.failed(wanted, site.title, str(error))
            return None
        except ReleaseError as error:
            return error
        search.found[wanted] = artifact
        search.say(Got(wanted, site.title, artifact.size))
        return None

    with ThreadPoolExecutor(PARALLEL) as pool:
        errors = [error for error in pool.map(one, missing) if error]
    if errors:
        raise errors[0]


def _copied(file: Path) -> Path:
    """A plain file stays in the download folder only while it is being fetched."""
    target = file.with_name(file.name + ".done")
    shutil.move(file, target)
    return target


def _from_go(search: _Search, missing: Sequence[Wanted]) -> None:
    groups: dict[tuple[str, str, str], list[Wanted]] = {}
    for one in missing:
        module = row_of(one).module
        if not module:
            search.failed(one, "go", "no Go module builds it")
            continue
        groups.setdefault((module, one.version, one.arch), []).append(one)
    for (module, _, _), wanted in groups.items():
        try:
            files = golang.build(module, wanted, search.root, search.say)
        except ReleaseError as error:
            for one in wanted:
                search.failed(one, "go", "; ".join([error.message, *error.evidence[-3:]]))
            continue
        for one, file in files.items():
            artifact = cache.take_in(search.root, one, file, "built from its Go module")
            search.found[one] = artifact
            search.say(Got(one, "go", artifact.size))


def _not_to_be_had(search: _Search, lacking: Sequence[Wanted], sources: Sequence[Source]) -> ReleaseError:
    evidence = []
    for one in lacking:
        evidence.append(f"{one.title}:")
        evidence.extend(f"  {reason}" for reason in search.reasons.get(one, []))
    example = cache.path_of(search.root, lacking[0])
    kinds = ", ".join(source.url or source.kind for source in sources)
    return ReleaseError(
        f"{len(lacking)} files could not be had from any source ({kinds})",
        evidence=evidence,
        fix=f"add a mirror under sources: in the profile; or put the file there by hand: {example}",
    )


def rows() -> tuple[Row, ...]:
    """The whole catalog, for ``kubeup release list``."""
    return ROWS
