"""One run over the sources: what was found, what not and why, and how that is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubeup.model.cluster import Proxy, Source
from kubeup.model.errors import ReleaseError
from kubeup.release import pins
from kubeup.release.artifacts import Artifact, ArtifactRef, Got, ReleaseSink, Tried
from kubeup.release.catalog import row_of
from kubeup.sources import bundle, cache, trust
from kubeup.sources.site import Site
from kubeup.sources.trust import Terms


@dataclass
class Resolution:
    """One run over the sources. reasons: why each source did not have a file. refused: what came and is not trusted;
    no further source is asked for that. insist: nothing may be lacking, and all is looked for again."""

    root: Path
    sources: tuple[Source, ...]
    terms: Terms
    proxy: Proxy
    ca: str
    emit: ReleaseSink
    need_file: bool
    insist: bool = False
    found: dict[ArtifactRef, Artifact] = field(default_factory=dict)
    reasons: dict[ArtifactRef, list[str]] = field(default_factory=dict)
    refused: dict[ArtifactRef, ReleaseError] = field(default_factory=dict)

    def may_lack(self, wanted: ArtifactRef) -> bool:
        """Clusters run without it; an image not where nodes have only what is in a bundle, or what is pinned."""
        row = row_of(wanted)
        only = self.terms.require_pins or any(source.kind == "bundle" for source in self.sources)
        closed = row.image and only
        return row.optional and not closed and not self.insist

    def open(self, wanted: Iterable[ArtifactRef]) -> list[ArtifactRef]:
        """What is still to be found."""
        return [one for one in wanted if one not in self.found and one not in self.refused]

    def failed(self, wanted: ArtifactRef, source: str, reason: str) -> None:
        self.reasons.setdefault(wanted, []).append(f"{source}: {reason}")
        self.emit(Tried(wanted, source, reason))

    def got(self, artifact: Artifact, source: str) -> None:
        self.found[artifact.wanted] = artifact
        if artifact.in_cache:
            self.emit(Got(artifact.wanted, source, artifact.size))


def error_for(search: Resolution, lacking: Sequence[ArtifactRef], also: Iterable[ReleaseError] = ()) -> ReleaseError:
    """All that is wrong, at once. also: what was refused."""
    refused = list(dict.fromkeys(also))
    if not lacking and len(refused) == 1:
        return refused[0]
    evidence: list[str] = []
    for error in refused:
        evidence += [error.message, *(f"  {line}" for line in error.evidence)]
    for one in lacking:
        evidence += [f"{one.title}:", *(f"  {reason}" for reason in search.reasons.get(one, []))]
    kinds = ", ".join(_title(source) for source in search.sources)
    parts = [f"{_files(len(lacking))} could not be had from any source ({kinds})"] if lacking else []
    parts += [f"{_files(len(refused))} had to be refused"] if refused else []
    fixes = [error.fix for error in refused if error.fix]
    fixes += [_advice(search, lacking)] if lacking else []
    return ReleaseError(" and ".join(parts), evidence=evidence, fix="; ".join(dict.fromkeys(fixes)))


def _title(source: Source) -> str:
    if source.kind == "bundle":
        return f"the bundle {source.url}"
    return Site(source.url, Proxy()).title if source.url else source.kind


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _advice(search: Resolution, lacking: Sequence[ArtifactRef]) -> str:
    of_bundle = next((source.url for source in search.sources if source.kind == "bundle"), "")
    if of_bundle:
        archs = sorted({one.arch for one in (*search.found, *lacking)})
        return bundle.MAKE.format(of_bundle + "".join(f" --arch {arch}" for arch in archs))
    jobs = [trust.DownloadJob(row_of(one), (one,)) for one in lacking]
    unpinned = [pins.names(job.row, job.wanted)[0] for job in jobs if not job.row.sums and not job.row.image]
    unpinned = [name for name in dict.fromkeys(unpinned) if name not in search.terms.pins]
    ways = ["add a mirror under sources: in the profile"]
    if all(job.row.module for job in jobs) and not any(source.kind == "go" for source in search.sources):
        ways.append("add `go` there, which builds them on this machine")
    ways.append(f"put the file there by hand: {cache.path_of(search.root, lacking[0])}")
    text = "; or ".join(ways)
    if not unpinned or not any(source.kind in ("official", "mirror") for source in search.sources):
        return text
    block = f"pins: {{{', '.join(f'{name}: SHA256' for name in unpinned)}}} in the profile"
    alone = all(not job.row.sums and not job.row.image for job in jobs)
    return f"{block}; {'or ' if alone else 'and for the others '}{text}"
