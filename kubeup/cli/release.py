"""``kubeup release``: the binaries and images of a profile, where they come from, and getting them ahead of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from kubeup import profile
from kubeup.image_store import fetch
from kubeup.image_store.required import required_images
from kubeup.model.cluster import Cluster, Runtime
from kubeup.model.errors import FleetError
from kubeup.model.events import Phase, Working
from kubeup.model.facts import Facts
from kubeup.planning import required
from kubeup.release import artifacts
from kubeup.release.catalog import row_of
from kubeup.report.progress import View, size
from kubeup.sources import bundle, cache, search
from kubeup.sources.cache import cache_root

ARCH = click.option("--arch", type=click.Choice(["amd64", "arm64"]), default="amd64", show_default=True)


@click.group("release")
def release_group() -> None:
    """Binaries: what a profile needs, and getting it ahead of time."""


@release_group.command("list")
@click.argument("profile_path", metavar="PROFILE", type=click.Path(path_type=Path))
@ARCH
def list_command(profile_path: Path, arch: str) -> None:
    """What a profile needs, and what of it is in the cache."""
    cluster = profile.load(profile_path).cluster
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for title in ("NAME", "VERSION", "IN CACHE", "SIZE", "FROM", "SHA256"):
        table.add_column(title, no_wrap=True)
    for one in _wanted(cluster, arch):
        found = cache.find(cache_root(), one)
        if found:
            table.add_row(one.name, one.version, "yes", size(found.size), found.source, found.sha256[:16])
        else:
            table.add_row(one.name, one.version, "no", "", "", "")
    Console(width=140).print(table)
    click.echo(f"cache: {cache_root()}; sources: {', '.join(s.url or s.kind for s in cluster.sources)}")


@release_group.command("fetch")
@click.argument("profile_path", metavar="PROFILE", type=click.Path(path_type=Path))
@ARCH
def fetch_command(profile_path: Path, arch: str) -> None:
    """Get everything a profile needs into the cache: binaries, the images of its addons, images of its own."""
    cluster = profile.load(profile_path).cluster
    with _view() as view:
        found = _gathered(cluster, (arch,), view)
    click.echo(f"{len(found)} files, {size(sum(one.size for one in found))}, in {cache_root()}")


@release_group.command("bundle")
@click.argument("profile_path", metavar="PROFILE", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option(
    "--arch",
    "archs",
    type=click.Choice(["amd64", "arm64"]),
    multiple=True,
    default=["amd64"],
    show_default=True,
    help="Of the machines; may be given again.",
)
def bundle_command(profile_path: Path, output: Path, archs: tuple[str, ...]) -> None:
    """Everything a profile needs in one file: with it, `kubeup up --bundle FILE` needs no network but its nodes.

    \b
    kubeup release bundle profile.yaml -o kubeup.tar     # on a machine with a network
    kubeup up profile.yaml --bundle kubeup.tar           # where there is none
    """
    cluster = profile.load(profile_path).cluster
    with _view() as view:
        found = _gathered(cluster, archs, view)
        view.emit(Phase(f"writing {output}"))
        title = f"writing {output}"

        def copied(done: int, total: int) -> None:
            view.emit(Working("this machine", title, done, total, bytes=True))

        bundle.write(output, cache_root(), found, copied)
    click.echo(f"{output}: {len(found)} files, {size(output.stat().st_size)}")


def _gathered(cluster: Cluster, archs: Sequence[str], view: View) -> list[bundle.Entry]:
    """All of it in the cache. What `up` would leave to nodes, images above all, must not be lacking here."""
    needed = dict.fromkeys(one for arch in archs for one in _wanted(cluster, arch))
    options = {"pins": cluster.pins, "proxy": cluster.proxy, "emit": view.emit_release}
    named = [(need, arch) for need in required_images(cluster) for arch in archs if need.purpose == "images"]
    images = [
        *(one for one in needed if row_of(one).image),
        *(one for need, arch in named if (one := need.wanted(arch))),
    ]
    others = tuple(one for one in needed if one not in images)
    found = search.resolve(others, cluster.sources, **options)  # type: ignore[arg-type]
    had, lacking = search.attempt(images, cluster.sources, **options)  # type: ignore[arg-type]
    if lacking:
        raise FleetError("not everything could be had", tuple(lacking.values()), fix="what was got lies in the cache")
    own = [fetch.own_or_kept(cluster, need.name, arch, view.emit) for need, arch in named if not need.wanted(arch)]
    root = cache_root()
    entries = [bundle.Entry.of(one) for one in (*found, *had.values())]
    return [*entries, *(bundle.Entry.of_file(root, path) for path in own)]


@contextmanager
def _view() -> Iterator[View]:
    console = Console(stderr=True)
    with View(console, live=console.is_terminal) as view:
        yield view


def _wanted(cluster: Cluster, arch: str) -> tuple[artifacts.ArtifactRef, ...]:
    """Without asking any machine: all are taken to be of one architecture, and the runtime to be what is said."""
    decided = replace(cluster, runtime=cluster.runtime or Runtime.CONTAINERD)
    return required.for_cluster(decided, {node.host: Facts(arch=arch) for node in cluster.nodes})
