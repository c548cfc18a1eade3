"""The newest patch of a minor version of Kubernetes: asked from the profile's sources in order, else what is known."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.version import Version

from kubeup.model.cluster import Cluster
from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import ArtifactRef, ReleaseSink, Tried
from kubeup.release.kubernetes import MINORS, STABLE
from kubeup.sources import bundle, cache
from kubeup.sources.site import Site, UnavailableError, announced


def newest(cluster: Cluster, minor: str, emit: ReleaseSink, root: Path | None = None) -> str:
    """The patch that a first ``up`` of a minor takes, such as 1.36.5. minor: one of release.kubernetes.MINORS."""
    for source in cluster.sources:
        if source.kind == "bundle":
            found = _in_bundle(Path(source.url), minor)
        elif source.kind in ("official", "mirror"):
            found = _of_site(Site(source.url, cluster.proxy, cluster.release_ca, announced(emit)), minor, emit)
        else:
            continue
        if found:
            return found
    return known(minor, root)


def known(minor: str, root: Path | None = None) -> str:
    """The same without asking anybody: the newest that the cache has, else what this kubeup was made with."""
    folder = (root or cache.cache_root()) / "release/kubelet"
    names = [path.name for path in folder.glob(f"{minor}.*")] if folder.is_dir() else []
    return _largest(names, minor) or MINORS[minor].patch


def _of_site(site: Site, minor: str, emit: ReleaseSink) -> str:
    url = site.place(STABLE.format(minor))
    try:
        text = site.text(url).strip().removeprefix("v")
    except UnavailableError as error:
        emit(Tried(ArtifactRef(f"stable-{minor}.txt", minor, ""), site.title, str(error)))
        return ""
    if found := _largest([text], minor):
        return found
    emit(Tried(ArtifactRef(f"stable-{minor}.txt", minor, ""), site.title, f"{url} names no patch of {minor}"))
    return ""


def _in_bundle(path: Path, minor: str) -> str:
    try:
        with bundle.opened(path) as found:
            return _largest(found.versions("kubelet"), minor)
    except ReleaseError:
        # The search for files tells what is wrong with it.
        return ""


def _largest(versions: list[str], minor: str) -> str:
    of_minor = [one for one in versions if re.fullmatch(rf"{re.escape(minor)}\.[0-9]+", one)]
    return max(of_minor, key=Version, default="")
