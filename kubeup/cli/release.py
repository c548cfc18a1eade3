"""``kubeup release``: the binaries and images of a profile, where they come from, and getting them ahead of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from kubeup import profile
from kubeup.cli import console
from kubeup.image_store import fetch
from kubeup.image_store.required import RequiredImage, required_images
from kubeup.model.cluster import KUBERNETES, Cluster, Runtime
from kubeup.model.errors import FleetError
from kubeup.model.events import Phase, Working
from kubeup.model.facts import Facts
from kubeup.model.listing import listed
from kubeup.planning import required
from kubeup.release import artifacts, pins
from kubeup.release.catalog import row_of
from kubeup.release.kubernetes import minor_of
from kubeup.report import release as report
from kubeup.report.progress import View, size
from kubeup.sources import bundle, cache, golang, patches, search
from kubeup.sources.cache import cache_root

PROFILE = click.argument("profile_path", metavar="PROFILE", type=click.Path(path_type=Path))
"""It has to be named: no cluster is needed, so the last one is not meant."""
ARCH = click.option("--arch", type=click.Choice(["amd64", "arm64"]), default="amd64", show_default=True)
ARCHS = click.option(
    "--arch",
    "archs",
    type=click.Choice(["amd64", "arm64"]),
    multiple=True,
    default=["amd64"],
    show_default=True,
    help="Of the machines; may be given again.",
)


@click.group("release")
def release_group() -> None:
    """Binaries: what a profile needs, and getting it ahead of time."""


@release_group.command("list")
@PROFILE
@ARCH
def list_command(profile_path: Path, arch: str) -> None:
    """What a profile needs, and what of it is in the cache."""
    cluster = _with_patch(profile.load(profile_path).cluster, patches.known)
    report.show((one, cache.find(cache_root(), one)) for one in _wanted(cluster, arch))
    click.echo(f"cache: {cache_root()}; sources: {', '.join(s.url or s.kind for s in cluster.sources)}")


@release_group.command("fetch")
@PROFILE
@ARCH
def fetch_command(profile_path: Path, arch: str) -> None:
    """Get everything a profile needs into the cache: binaries, the images of its addons, images of its own."""
    cluster = profile.load(profile_path).cluster
    with _view() as view:
        found = _gathered(_with_newest(cluster, view), (arch,), view)
    click.echo(f"{len(found)} files, {size(sum(one.size for one in found))}, in {cache_root()}")


@release_group.command("bundle")
@PROFILE
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@ARCHS
def bundle_command(profile_path: Path, output: Path, archs: tuple[str, ...]) -> None:
    """Everything a profile needs in one file: with it, `kubeup up --bundle FILE` needs no network but its nodes.

    \b
    kubeup release bundle profile.yaml -o kubeup.tar     # on a machine with a network
    kubeup up profile.yaml --bundle kubeup.tar           # where there is none
    """
    cluster = profile.load(profile_path).cluster
    with _view() as view:
        found = _gathered(_with_newest(cluster, view), archs, view)
        view.emit(Phase(f"writing {output}"))
        title = f"writing {output}"

        def copied(done: int, total: int) -> None:
            view.emit(Working("this machine", title, done, total, bytes=True))

        bundle.write(output, cache_root(), found, copied)
    click.echo(f"{output}: {len(found)} files, {size(output.stat().st_size)}")
    balanced = [node.title for node in cluster.nodes if cluster.balances(node)]
    if balanced:
        click.echo(f"not in it: haproxy, which must be on {listed(balanced)} (apt-get install haproxy)", err=True)


@release_group.command("pins")
@PROFILE
@ARCHS
def pins_command(profile_path: Path, archs: tuple[str, ...]) -> None:
    """Print `pins:` of everything a profile needs, to be pasted into it; what is not in the cache is fetched.

    \b
    kubeup release pins profile.yaml --arch amd64 --arch arm64 >>profile.yaml
    """
    cluster = replace(profile.load(profile_path).cluster, require_pins=False)
    with _view() as view:
        found = [one for one in _released(_with_newest(cluster, view), archs, view) if not golang.is_built(one)]
    sums = {pins.name(one.wanted): pin for one in found if (pin := pins.pin(one))}
    click.echo("\n".join(["pins:", *(f"  {name}: {pin}" for name, pin in sums.items())]) if sums else "pins: {}")


def _gathered(cluster: Cluster, archs: Sequence[str], view: View) -> list[bundle.BundledFile]:
    """All of it in the cache, images of the user's own, too."""
    found = _released(cluster, archs, view)
    named = _named(cluster, archs)
    own = [fetch.own_or_kept(cluster, need.name, arch, view.emit) for need, arch in named if not need.wanted(arch)]
    root = cache_root()
    return [*(bundle.BundledFile.of(one) for one in found), *(bundle.BundledFile.of_file(root, path) for path in own)]


def _released(cluster: Cluster, archs: Sequence[str], view: View) -> list[artifacts.Artifact]:
    """All of it that is some release's, in the cache. What `up` would leave to nodes, images above all, must not be
    lacking here."""
    needed = dict.fromkeys(one for arch in archs for one in _wanted(cluster, arch))
    images = [
        *(one for one in needed if row_of(one).image),
        *(one for need, arch in _named(cluster, archs) if (one := need.wanted(arch))),
    ]
    others = tuple(one for one in needed if one not in images)
    found = search.for_cluster(cluster, others, emit=view.emit_release)
    had, lacking = search.attempt(cluster, images, emit=view.emit_release)
    if lacking:
        raise FleetError("not everything could be had", tuple(lacking.values()), fix="what was got lies in the cache")
    return [*found, *had.values()]


def _with_newest(cluster: Cluster, view: View) -> Cluster:
    return _with_patch(cluster, lambda minor: patches.newest(cluster, minor, view.emit_release))


def _with_patch(cluster: Cluster, patch: Callable[[str], str]) -> Cluster:
    """A minor version alone is its newest patch, as a first `up` takes it."""
    asked = cluster.kubernetes_asked
    if not asked or minor_of(asked) != asked:
        return cluster
    return replace(cluster, versions=cluster.versions.with_(KUBERNETES, patch(asked)))


def _named(cluster: Cluster, archs: Sequence[str]) -> list[tuple[RequiredImage, str]]:
    return [(need, arch) for need in required_images(cluster) for arch in archs if need.purpose == "images"]


@contextmanager
def _view() -> Iterator[View]:
    stderr = console.stderr()
    with View(stderr, live=stderr.is_terminal) as view:
        yield view


def _wanted(cluster: Cluster, arch: str) -> tuple[artifacts.ArtifactRef, ...]:
    """Without asking any machine: all are taken to be of one architecture, and the runtime to be what is said."""
    decided = replace(cluster, runtime=cluster.runtime or Runtime.CONTAINERD)
    return required.for_cluster(decided, {node.endpoint: Facts(arch=arch) for node in cluster.nodes})
