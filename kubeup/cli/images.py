"""``kubeup images``: what images the cluster needs, where they are, and bringing them there without a registry."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO

import click

from kubeup.cli import console, session
from kubeup.cli.options import BUNDLE, OUTPUT, PARALLEL, VERBOSE, profile_first
from kubeup.execution import probing
from kubeup.execution.job import Job
from kubeup.execution.probing import Answers
from kubeup.image_store import fetch, provision, push, required, survey
from kubeup.image_store.survey import NodeImages
from kubeup.images import archive_reader, decompress
from kubeup.images.names import normal
from kubeup.model.cluster import Cluster
from kubeup.model.errors import FleetError, KubeupError, UsageError
from kubeup.model.facts import Facts
from kubeup.report import images as report
from kubeup.sources import cache

PROFILE = click.option(
    "--profile", "profile_path", type=click.Path(path_type=Path), help="Default: as for `kubeup up`."
)
ARGUMENT = click.argument("argument", metavar="[PROFILE]", required=False, type=click.Path(path_type=Path))

BUILD = "kubeup up, then again"


@click.group("images")
def images_group() -> None:
    """Images: what the cluster needs, where each node stands, and bringing them there without a registry."""


@images_group.command("list")
@VERBOSE
@ARGUMENT
@PROFILE
@PARALLEL
@OUTPUT
def list_command(argument: Path | None, profile_path: Path | None, parallel: int, output: str) -> None:
    """Every image the cluster needs (pause, the addons', the profile's own), with where each node stands."""
    found = _table(argument or profile_path, parallel)
    print(report.as_json(found)) if output == "json" else report.show(console.stdout(), found)


@images_group.command("check")
@VERBOSE
@ARGUMENT
@PROFILE
@PARALLEL
@OUTPUT
def check_command(argument: Path | None, profile_path: Path | None, parallel: int, output: str) -> None:
    """Compare: does every node have every image, and the same one? Exit code 1 where not."""
    found = _table(argument or profile_path, parallel)
    print(report.as_json(found)) if output == "json" else report.show(console.stdout(), found, check=True)
    if not found.complete:
        sys.exit(1)


@images_group.command("push")
@VERBOSE
@click.argument("words", metavar="[PROFILE] ARCHIVE...", nargs=-1, required=True)
@click.option(
    "--name", default="", help="What to call an image whose archive does not say (an OCI archive of skopeo's)."
)
@PROFILE
@PARALLEL
@OUTPUT
def push_command(words: tuple[str, ...], name: str, profile_path: Path | None, parallel: int, output: str) -> None:
    """Bring images to every node, over SSH: files of `docker save` or OCI archives, also packed; `-` is stdin.

    \b
    docker save app:1 | kubeup images push -
    kubeup images push app.tar.gz other.tar
    """
    argument, archives = profile_first(words)
    if not archives:
        raise UsageError("no archive is named", fix="kubeup images push ARCHIVE...; `-` is standard input")
    if archives.count("-") > 1:
        raise UsageError("standard input can be read once only", fix="kubeup images push - OTHER.tar")
    loaded = session.load_to_change(argument or profile_path)
    with ExitStack() as stack:
        images = [one for text in archives for one in _read(text, name, stack)]
        fleet = stack.enter_context(session.fleet(loaded.cluster, parallel))
        job = stack.enter_context(session.job(fleet))
        asked, had = _look(job, loaded.cluster)
        _some_for_all(images, asked.facts)
        results = push.push(job, asked.cluster, images, asked.facts, had)
    names = [name for one in images for name in one.names]
    _tell(asked.cluster, results.values, {**asked.failures, **results.failures}, output, names)


@images_group.command("pull")
@VERBOSE
@click.argument("words", metavar="[PROFILE] [NAME...]", nargs=-1)
@PROFILE
@PARALLEL
@OUTPUT
@BUNDLE
def pull_command(
    words: tuple[str, ...], profile_path: Path | None, parallel: int, output: str, bundle: Path | None
) -> None:
    """Get images once, and bring them to every node that lacks them. Without NAME: all that the cluster needs.

    This machine gets them, or, where it cannot, one node does; the others need no registry.
    """
    argument, names = profile_first(words)
    loaded = session.load_to_change(argument or profile_path, bundle)
    with ExitStack() as stack:
        fleet = stack.enter_context(session.fleet(loaded.cluster, parallel))
        job = stack.enter_context(session.job(fleet))
        asked = probing.ask_built(job, loaded.cluster, fix=BUILD)
        wanted = names or [one.name for one in required.required_images(asked.cluster)]
        done = provision.ensure_images(job, asked.cluster, wanted, asked.facts, anew=bool(names))
    told = [normal(name) for name in wanted if normal(name) not in done.failures]
    _tell(asked.cluster, done.nodes, {**asked.failures, **done.failures}, output, told)


def _read(text: str, name: str, stack: ExitStack) -> Sequence[archive_reader.Image]:
    source: Path | IO[bytes] = sys.stdin.buffer if text == "-" else Path(text)
    if text == "-" and sys.stdin.isatty():
        raise UsageError(
            "`-` is standard input, and nothing comes from there", fix="docker save app:1 | kubeup images push -"
        )
    path = stack.enter_context(decompress.to_plain_tar(source, cache.cache_root() / "spool"))
    return archive_reader.read(path, name=name)


def _look(job: Job, cluster: Cluster) -> tuple[Answers, Mapping[str, NodeImages]]:
    """What the machines and, by node.endpoint, their runtimes say; who does not answer is among the failures."""
    asked = probing.ask_built(job, cluster, fix=BUILD)
    had = survey.list_node_images(job, asked.cluster, asked.facts)
    asked = replace(asked, failures={**asked.failures, **had.failures})
    if not had.values:
        raise FleetError("no node has images to look at", tuple(asked.failures.values()), fix="mend what is said above")
    return asked, had.values


def _some_for_all(images: Sequence[archive_reader.Image], facts: Mapping[str, Facts]) -> None:
    """An image that is for none of the machines is a slip."""
    archs = {found.arch for found in facts.values()}
    for one in images:
        if one.arch not in archs:
            raise UsageError(
                f"{one.names[0]} is an image for {one.arch}", fix=f"take one for {', '.join(sorted(archs))}"
            )


def _table(profile_path: Path | None, parallel: int) -> report.Table:
    loaded = session.load(profile_path)
    with session.fleet(loaded.cluster, parallel) as fleet, session.job(fleet) as job:
        asked, had = _look(job, loaded.cluster)
    needed = required.required_images(asked.cluster)
    return report.table(asked.cluster, needed, had, fetch.known(needed, asked.facts), asked.failures)


def _tell(
    cluster: Cluster,
    done: Mapping[str, push.Pushed],
    failures: dict[str, KubeupError],
    output: str,
    names: Sequence[str],
) -> None:
    if output == "json":
        print(report.pushed_json(cluster, done, failures, names))
    else:
        report.pushed(console.stdout(), cluster, done, names)
    if failures:
        causes = tuple(failures.values())
        raise FleetError(
            "not all of it could be done", causes, fix="run the same command again: bytes that arrived stay"
        )
