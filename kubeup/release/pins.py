"""How a profile's pins, and the sums in a cluster's record, name what is at one URL."""

from __future__ import annotations

from collections.abc import Sequence

from kubeup.release.artifacts import Artifact, ArtifactRef, ReleaseRow
from kubeup.release.catalog import row_of


def names(row: ReleaseRow, wanted: Sequence[ArtifactRef]) -> tuple[str, ...]:
    """The keys that speak of it, the clearest first: NAME-VERSION-ARCH, NAME-VERSION. An archive has one of its own.

    wanted: what is taken of it, all of one version and architecture.
    """
    group = [row.program.key.replace("_", "-")] if row.member else []
    keys = dict.fromkeys([*group, *(one.name for one in wanted)])
    first = wanted[0]
    exact = [f"{key}-{first.version}-{first.arch}" for key in keys]
    return (*exact, *(f"{key}-{first.version}" for key in keys))


def name(wanted: ArtifactRef) -> str:
    """The clearest of them."""
    return names(row_of(wanted), (wanted,))[0]


def pin(artifact: Artifact) -> str:
    """The sum a pin of it has to be; empty where that is not known, as of an archive whose program was put by hand."""
    sums = [one.sha256 for one in artifact.downloads] or [artifact.first_sum]
    return sums[0] if row_of(artifact.wanted).member else artifact.sha256
