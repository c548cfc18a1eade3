"""The search for files: the profile's ordered sources, one after the other, until one has what is wanted."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from kubeup.model.cluster import Cluster, Proxy, Source
from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import Artifact, ArtifactRef, ReleaseSink, Without
from kubeup.release.catalog import row_of
from kubeup.sources import bundle, cache, golang, trust, web
from kubeup.sources.resolution import Resolution, error_for
from kubeup.sources.site import Site, UnavailableError, announced
from kubeup.sources.trust import Terms

PARALLEL = 4
A_DAY = 86400.0


def resolve(
    wanted: Sequence[ArtifactRef],
    sources: Sequence[Source],
    *,
    pins: Mapping[str, str] | None = None,
    proxy: Proxy | None = None,
    root: Path | None = None,
    emit: ReleaseSink = lambda _: None,
    need_file: bool = True,
    recorded: Mapping[str, str] | None = None,
    require_pins: bool = False,
    ca: str = "",
) -> tuple[Artifact, ...]:
    """Every wanted file in the operator's cache, in the order wanted; optional ones only where a source has them.

    need_file False: a file that nodes can fetch by themselves may be answered for by upstream's checksum and size
    alone. ``emit`` is called from several threads. pins, recorded, require_pins: see trust.Terms. ca: certificates
    (PEM) of authorities beside the system's. Raises one ReleaseError that lists all that could not be had, with every
    source's reason, and all that came and was refused.
    """
    terms = Terms(pins or {}, recorded or {}, require_pins)
    place = root or cache.cache_root()
    search = Resolution(place, tuple(sources), terms, proxy or Proxy(), ca, emit, need_file)
    _run(search, wanted)
    lacking = _lacking(search, wanted)
    if lacking or search.refused:
        raise error_for(search, lacking, search.refused.values())
    return tuple(search.found[one] for one in wanted if one in search.found)


def for_cluster(
    cluster: Cluster, wanted: Sequence[ArtifactRef], *, emit: ReleaseSink, need_file: bool = True
) -> tuple[Artifact, ...]:
    """``resolve`` by all that a cluster's profile and record say."""
    return resolve(
        wanted,
        cluster.sources,
        pins=cluster.pins,
        proxy=cluster.proxy,
        emit=emit,
        need_file=need_file,
        recorded=cluster.first_sums,
        require_pins=cluster.require_pins,
        ca=cluster.release_ca,
    )


def attempt(
    cluster: Cluster, wanted: Sequence[ArtifactRef], *, emit: ReleaseSink
) -> tuple[Mapping[ArtifactRef, Artifact], Mapping[ArtifactRef, ReleaseError]]:
    """What of it can be had, and why the rest cannot, each for itself; optional ones are no exception."""
    terms = Terms(cluster.pins, cluster.first_sums, cluster.require_pins)
    place, ca = cache.cache_root(), cluster.release_ca
    search = Resolution(place, cluster.sources, terms, cluster.proxy, ca, emit, need_file=True, insist=True)
    _run(search, wanted)
    return search.found, {**search.refused, **{one: error_for(search, [one]) for one in _lacking(search, wanted)}}


def _run(search: Resolution, wanted: Sequence[ArtifactRef]) -> None:
    once = tuple(dict.fromkeys(wanted))
    try:
        for source in search.sources:
            missing = [one for one in search.open(once) if not _given_up(search, one)]
            if missing:
                _from(search, source, missing)
        _do_without(search, [one for one in search.open(once) if search.may_lack(one)])
    except OSError as error:
        place = error.filename or search.root
        raise ReleaseError(
            f"the cache cannot be used: {place}: {error.strerror or error}",
            fix=f"make room or give access there, or set KUBEUP_CACHE (now: {search.root})",
        ) from error


def _lacking(search: Resolution, wanted: Sequence[ArtifactRef]) -> list[ArtifactRef]:
    return [one for one in search.open(dict.fromkeys(wanted)) if not search.may_lack(one)]


def _from(search: Resolution, source: Source, missing: Sequence[ArtifactRef]) -> None:
    if source.kind == "cache":
        _from_cache(search, missing)
    elif source.kind == "go":
        _from_go(search, missing)
    elif source.kind == "bundle":
        _from_bundle(search, Path(source.url), missing)
    else:
        _from_web(search, missing, source.url)


def _from_cache(search: Resolution, missing: Sequence[ArtifactRef]) -> None:
    for one in missing:
        is_new = cache.is_new(search.root, one)
        try:
            artifact = cache.find(search.root, one)
            if artifact is None and not search.need_file:
                artifact = cache.promised(search.root, one)
            if artifact:
                _check_pin(search, artifact)
        except ReleaseError as error:
            search.refused[one] = error
            continue
        if artifact is None:
            search.reasons.setdefault(one, []).append("cache: it is not there")
        elif is_new:
            search.got(artifact, f"the cache, {cache.BY_HAND}")
        else:
            search.found[one] = artifact


def _from_bundle(search: Resolution, path: Path, missing: Sequence[ArtifactRef]) -> None:
    try:
        with bundle.opened(path) as found:
            for one in missing:
                _out_of(search, found, one)
    except ReleaseError as error:
        for one in search.open(missing):
            search.refused[one] = error


def _out_of(search: Resolution, found: bundle.Bundle, one: ArtifactRef) -> None:
    try:
        artifact = found.take(search.root, one, search.emit)
        if artifact:
            _check_pin(search, artifact)
    except ReleaseError as error:
        search.refused[one] = error
        return
    if artifact:
        # Nodes are not told where upstream has it: they are to need no network.
        search.found[one] = replace(artifact, downloads=())
    elif not search.may_lack(one):
        there = ", ".join(found.others(one))
        search.failed(one, "bundle", f"it has {there} instead" if there else "it is not in there")


def _check_pin(search: Resolution, artifact: Artifact) -> None:
    """A pin is of what is at upstream's URL: the archive, where there is one. What was built here has no such sum."""
    row = row_of(artifact.wanted)
    job = trust.DownloadJob(row, (artifact.wanted,))
    pinned = search.terms.pin(job)
    sums = [one.sha256 for one in artifact.downloads] if row.member else [artifact.sha256]
    first = "" if pinned else search.terms.first_sum(job, search.root)
    if golang.is_built(artifact):
        return
    if search.terms.require_pins and not pinned and artifact.source != cache.BY_HAND:
        raise ReleaseError(
            f"{artifact.wanted.title} in the cache has no pin, and the profile requires one",
            evidence=[str(artifact.path), *(f"sha256 in the cache: {one}" for one in sums)],
            fix="kubeup release pins PROFILE prints what to paste",
        )
    if first and sums and first not in sums:
        raise _other(artifact, "what this cluster was built with", sums[0], "at the start:  ", first)
    if pinned and sums and pinned not in sums:
        raise _other(artifact, "what the profile pins", sums[0], "pinned:       ", pinned)


def _other(artifact: Artifact, what: str, here: str, word: str, demanded: str) -> ReleaseError:
    return ReleaseError(
        f"{artifact.wanted.title} in the cache is not {what}",
        evidence=[str(artifact.path), f"sha256 in the cache: {here}", f"sha256 {word}{demanded}"],
        fix=f"rm {artifact.path}, or correct the pin",
    )


def _from_web(search: Resolution, missing: Sequence[ArtifactRef], base: str) -> None:
    stopped = threading.Event()
    site = Site(base, search.proxy, search.ca, announced(search.emit, stopped))
    fetcher = web.Fetcher(site, search.root, search.terms, search.emit, stopped)

    def work(job: trust.DownloadJob) -> None:
        try:
            known = None if search.need_file else fetcher.known(job)
            if known:
                cache.promise(search.root, known)
            for artifact in [known] if known else fetcher.fetch(job):
                search.got(artifact, site.title)
        except UnavailableError as error:
            for one in job.wanted:
                search.failed(one, site.title, str(error))
        except ReleaseError as error:
            search.refused.update(dict.fromkeys(job.wanted, error))

    pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="kubeup-fetch")
    pending = {pool.submit(work, job) for job in trust.jobs([(row_of(one), one) for one in missing], site)}
    try:
        while pending:
            # A wait with a limit lets the main thread see Ctrl-C.
            finished, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
    except BaseException:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _from_go(search: Resolution, missing: Sequence[ArtifactRef]) -> None:
    groups: dict[tuple[str, str, str], list[ArtifactRef]] = {}
    for one in missing:
        module = row_of(one).module
        if not module:
            search.failed(one, "go", "no Go module builds it")
            continue
        groups.setdefault((module, one.version, one.arch), []).append(one)
    for (module, _, _), wanted in groups.items():
        try:
            for one, file, source in golang.build(module, wanted, search.root, search.emit):
                search.got(cache.take_in(search.root, one, file, source), "go")
        except ReleaseError as error:
            for one in search.open(wanted):
                search.failed(one, "go", "; ".join([error.message, *error.evidence[-3:]]))


def _marker(search: Resolution, wanted: ArtifactRef) -> Path:
    """One for each set of sources that was asked: others may have it."""
    asked = hashlib.sha256(repr((search.sources, sorted(search.terms.pins.items()))).encode()).hexdigest()
    return cache.path_of(search.root, wanted).with_suffix(f".absent-{asked[:16]}")


def _given_up(search: Resolution, wanted: ArtifactRef) -> bool:
    """What clusters run without is looked for once a day: an unchanged ``up`` asks no site."""
    if not search.may_lack(wanted) or cache.path_of(search.root, wanted).exists():
        return False
    try:
        return time.time() - _marker(search, wanted).stat().st_mtime < A_DAY
    except OSError:
        return False


def _do_without(search: Resolution, optional: Sequence[ArtifactRef]) -> None:
    for one in optional:
        if not _given_up(search, one):
            _marker(search, one).parent.mkdir(parents=True, exist_ok=True)
            _marker(search, one).touch()
            search.emit(Without(one))
