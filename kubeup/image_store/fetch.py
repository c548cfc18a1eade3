"""Images to this machine: out of the release sources, out of a registry, or from a node that can pull."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from kubeup.components.base import sh
from kubeup.components.containerd import CTR
from kubeup.components.registries import FOLDER, SERVERS
from kubeup.execution.job import Job
from kubeup.image_store import registry
from kubeup.image_store.required import RequiredImage
from kubeup.image_store.survey import NodeImages
from kubeup.images.archive_reader import Image, read
from kubeup.images.names import Reference, parse
from kubeup.model.cluster import Cluster, Node, Runtime
from kubeup.model.errors import ImageError, KubeupError, NodeError, ReleaseError
from kubeup.model.events import EventSink, Note, Phase, Working
from kubeup.model.facts import Facts
from kubeup.node.wire.remote_commands import Kind
from kubeup.sources import bundle, cache, search
from kubeup.sources.cache import cache_root
from kubeup.sources.site import Site, UnavailableError

PULL_SECONDS = 900.0
BY_HAND = "`docker save {name}` where it can be had, and put the file there: {path}"
TRIES = 3
ANSWERED = re.compile(r"not found|manifest unknown|denied|unauthorized|forbidden", re.IGNORECASE)
"""What runtimes print of a registry that is there and does not give the image."""


@dataclass
class FetchedImages:
    """What could be had. failures: by image name. had: what nodes have by now, those that pulled one included.

    vain: registry -> the nodes that could not reach it.
    """

    images: list[Image] = field(default_factory=list)
    failures: dict[str, KubeupError] = field(default_factory=dict)
    had: dict[str, NodeImages] = field(default_factory=dict)
    vain: dict[str, set[str]] = field(default_factory=dict)


def fetch(
    job: Job,
    cluster: Cluster,
    needs: Sequence[RequiredImage],
    facts: Mapping[str, Facts],
    had: Mapping[str, NodeImages],
) -> FetchedImages:
    """Each image once for each architecture of the workers that answered; one that cannot be had stops no other."""
    got = FetchedImages(had=dict(had))
    if not needs:
        return got
    job.emit(Phase("getting images"))
    pairs = [
        (need, arch) for need in needs for arch in sorted({facts[node.endpoint].arch for node in _asked(cluster, had)})
    ]
    wanted = [one for need, arch in pairs if (one := need.wanted(arch))]
    found, failed = search.attempt(cluster, wanted, emit=job.emit_release)
    for need, arch in pairs:
        one = need.wanted(arch)
        try:
            if one and one in failed:
                raise failed[one]
            path = found[one].path if one else own(cluster, need.name, arch, job.emit)
            got.images += read(path, arch, need.name, trusted=True)
        except KubeupError as here:
            _by_a_node(job, cluster, need, arch, facts, got, here)
    return got


def _asked(cluster: Cluster, had: Mapping[str, NodeImages]) -> list[Node]:
    return [node for node in cluster.workers if node.endpoint in had]


def known(needs: Sequence[RequiredImage], facts: Mapping[str, Facts]) -> Mapping[str, frozenset[str]]:
    """Name -> ids of the images of that name in the cache, of any architecture; nothing is fetched."""
    found = {}
    for need in needs:
        paths = [path for arch in {one.arch for one in facts.values()} if (path := _cached(need, arch))]
        found[need.name] = frozenset(image.id for path in paths for image in read(path, "", need.name, trusted=True))
    return found


def _cached(need: RequiredImage, arch: str) -> Path | None:
    wanted = need.wanted(arch)
    if wanted is None:
        path = own_path(need.name, arch)
        return path if path.is_file() else None
    artifact = cache.find(cache_root(), wanted)
    return artifact.path if artifact else None


def own_path(name: str, arch: str) -> Path:
    """Where an image of the user's lies in the cache, once it was pulled; one may be put there by hand."""
    return cache_root() / "images" / quote(name, safe="") / f"{arch}.tar"


def own(cluster: Cluster, name: str, arch: str, emit: EventSink) -> Path:
    """An image of the user's in the cache: pulled anew, for what a tag means can change. Raises KubeupError.

    Where nothing else may be asked the cache's word is enough.
    """
    path = own_path(name, arch)
    of_bundle = next((Path(source.url) for source in cluster.sources if source.kind == "bundle"), None)
    if of_bundle:
        with bundle.opened(of_bundle) as found:
            if not found.take_file(cache_root(), path):
                raise ImageError(f"{name} ({arch}) is not in the bundle", fix=bundle.MAKE.format(of_bundle))
        return path
    if all(source.kind == "cache" for source in cluster.sources):
        if path.is_file():
            return path
        raise ImageError(f"{name} is not in the cache", fix=BY_HAND.format(name=name, path=path))
    return _pulled(cluster, name, arch, path, emit)


def own_or_kept(cluster: Cluster, name: str, arch: str, emit: EventSink) -> Path:
    """The same, but what was pulled or put there earlier will do."""
    try:
        return own(cluster, name, arch, emit)
    except ImageError as error:
        path = own_path(name, arch)
        if not path.is_file() or any(source.kind == "bundle" for source in cluster.sources):
            raise
        emit(Note(f"{error.message}; the cache's is taken"))
        return path


def _pulled(cluster: Cluster, name: str, arch: str, path: Path, emit: EventSink) -> Path:
    reference = parse(name)
    if reference is None:
        raise ImageError(f"`{name}` is not the name of an image")
    reasons = []

    def wait(host: str, seconds: float) -> None:
        emit(Working("this machine", f"waiting {seconds:.0f} s for {host}, which is busy"))
        time.sleep(seconds)

    for base, ca in _places(cluster, reference):
        site = Site(base, cluster.proxy, ca + cluster.release_ca, wait)
        try:
            registry.pull(site, reference, arch, path, emit)
        except UnavailableError as error:
            reasons.append(str(error))
        except ReleaseError as error:
            reasons += [error.message, *error.evidence]
        else:
            return path
    raise ImageError(
        f"{name} could not be pulled by this machine", evidence=reasons, fix=BY_HAND.format(name=name, path=path)
    )


def _places(cluster: Cluster, reference: Reference) -> list[tuple[str, str]]:
    """(URL with the login, authority) of the mirrors, then of the registry itself."""
    registries = cluster.registries
    plain = reference.host in registries.insecure
    own = SERVERS.get(reference.host, f"{'http' if plain else 'https'}://{reference.host}")
    found = []
    for url in (*registries.mirrors.get(reference.host, ()), own):
        scheme, _, host = url.rstrip("/").partition("://")
        login = registries.logins.get(reference.host if url == own else host.partition("/")[0], "")
        user, colon, password = login.partition(":")
        written = f"{quote(user, safe='')}:{quote(password, safe='')}@" if colon else ""
        found.append((f"{scheme}://{written}{host.removesuffix('/v2')}", registries.ca.get(host, "")))
    return found


def _keep(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _by_a_node(
    job: Job,
    cluster: Cluster,
    need: RequiredImage,
    arch: str,
    facts: Mapping[str, Facts],
    got: FetchedImages,
    here: KubeupError,
) -> None:
    """A node that can reach the registry pulls, and what it got comes here, to be sent to the others.

    Nodes mostly share their way out: a few that cannot reach a registry speak for all.
    """
    reasons = [f"this machine: {here.message}", *(f"  {line}" for line in here.evidence)]
    # A bundle is asked for where there is no network, and to have just what is in there.
    closed = any(source.kind == "bundle" for source in cluster.sources)
    vain = got.vain.setdefault(need.name.partition("/")[0], set())
    for node in [] if closed else _asked(cluster, got.had):
        if facts[node.endpoint].arch != arch or node.endpoint in vain:
            continue
        if len(vain) >= TRIES:
            break
        try:
            path = _node_pulls(job, cluster, node, need.name, arch)
            found = read(path, arch, need.name)
        except KubeupError as error:
            reasons += [f"{node.title}: {error.message}", *(f"  {line}" for line in error.evidence[-2:])]
            if not ANSWERED.search(" ".join(error.evidence)):
                vain.add(node.endpoint)
            continue
        job.emit(Note(f"pulled {need.name}, which this machine could not", node.title))
        had = got.had[node.endpoint]
        got.had[node.endpoint] = replace(had, images={**had.images, need.name: found[0].id})
        got.images += found
        return
    kept = own_path(need.name, arch)
    if kept.is_file() and not closed:
        job.emit(Note(f"{need.name} could not be had anew; the cache's is taken"))
        got.images += read(kept, arch, need.name)
        return
    got.failures[need.name] = ImageError(
        f"{need.name} could not be had", evidence=reasons, fix="kubeup images push ARCHIVE, from where it can be had"
    )


def _node_pulls(job: Job, cluster: Cluster, node: Node, name: str, arch: str) -> Path:
    job.emit(Working(node.title, f"pulling {name}"))
    if cluster.runtime is Runtime.DOCKER:
        script = f"docker pull -q {sh(name)} >&2 && docker save {sh(name)}"
    else:
        hosts = f"--hosts-dir={FOLDER} " if any((cluster.registries.mirrors, cluster.registries.insecure)) else ""
        script = f"{CTR} images pull {hosts}--platform=linux/{arch} {sh(name)} >&2 && "
        script += f"{CTR} images export --platform=linux/{arch} - {sh(name)}"
    reply = job.fleet.connection(node).call(Kind.SHELL, [f"{script}\n".encode()], timeout=PULL_SECONDS)
    if reply.status:
        lines = [line for line in reply.stderr.decode("utf-8", "replace").split("\n") if line.strip()]
        raise NodeError(node.title, "pull", f"{name} could not be pulled", evidence=lines[-3:])
    return _keep(own_path(name, arch), reply.stdout)
