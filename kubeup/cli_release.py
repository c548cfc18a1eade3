"""``kubeup release``: the binaries and images of a profile, where they come from, and getting them ahead of time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from kubeup import profile, release, wanted
from kubeup.facts import Facts
from kubeup.model import Cluster, Runtime
from kubeup.release import cache
from kubeup.report.progress import View, size

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
        found = cache.find(release.cache_root(), one)
        if found:
            table.add_row(one.name, one.version, "yes", size(found.size), found.source, found.sha256[:16])
        else:
            table.add_row(one.name, one.version, "no", "", "", "")
    Console(width=140).print(table)
    click.echo(f"cache: {release.cache_root()}; sources: {', '.join(s.url or s.kind for s in cluster.sources)}")


@release_group.command("fetch")
@click.argument("profile_path", metavar="PROFILE", type=click.Path(path_type=Path))
@ARCH
def fetch_command(profile_path: Path, arch: str) -> None:
    """Get everything a profile needs into the cache, the images of its addons too."""
    cluster = profile.load(profile_path).cluster
    console = Console(stderr=True)
    with View(console, live=console.is_terminal) as view:
        found = release.resolve(
            _wanted(cluster, arch), cluster.sources, pins=cluster.pins, proxy=cluster.proxy, say=view.release
        )
    total = sum(artifact.size for artifact in found)
    click.echo(f"{len(found)} files, {size(total)}, in {release.cache_root()}")


def _wanted(cluster: Cluster, arch: str) -> tuple[release.Wanted, ...]:
    """Without asking any machine: all are taken to be of one architecture, and the runtime to be what is said."""
    decided = replace(cluster, runtime=cluster.runtime or Runtime.CONTAINERD)
    files = wanted.for_cluster(decided, {node.host: Facts(arch=arch) for node in cluster.nodes})
    return tuple(dict.fromkeys((*files, *wanted.images(cluster, arch))))
