"""``kubeup addons``: what the cluster runs for its users."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import click

from kubeup import addons
from kubeup.cli import console, session
from kubeup.cli.options import BUNDLE, DRY_RUN, OUTPUT, PARALLEL, THROUGH_ME, VERBOSE, profile_first
from kubeup.commands import addons as command
from kubeup.execution import probing
from kubeup.model.cluster import Cluster
from kubeup.model.errors import UsageError
from kubeup.profile import LoadedProfile
from kubeup.report import addons as report
from kubeup.report import data, plan

ARGUMENTS = click.argument("arguments", metavar="[PROFILE] [NAME...]", nargs=-1)


class UpByDefault(click.Group):
    """``kubeup addons profile.yaml dns`` is ``kubeup addons up profile.yaml dns``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["up", *args]
        return super().parse_args(ctx, args)


HELP = f"""Addons: what the cluster runs for its users, your own included.

There are {", ".join(addons.BY_NAME)}, and folders of manifests of your own.

\b
kubeup addons                       the profile's, as `kubeup up` installs them (addons: [dns, ...])
kubeup addons up metrics-server     one more
kubeup addons list                  what is installed, and what there is
kubeup addons down metrics-server   takes one away
"""


@click.group("addons", cls=UpByDefault, help=HELP)
def addons_group() -> None:
    pass


@addons_group.command("list")
@VERBOSE
@ARGUMENTS
@PARALLEL
@OUTPUT
def list_command(arguments: tuple[str, ...], parallel: int, output: str) -> None:
    """What is installed, against what there is."""
    loaded, _ = _read(arguments)
    with session.fleet(loaded.cluster, parallel) as fleet, session.job(fleet) as job:
        answers = probing.ask_to_change(job, loaded.cluster)
        probing.refuse_strangers(answers.cluster, answers.facts)
        found = command.installed(job, answers.cluster, answers.facts)
    if output == "json":
        print(report.as_json(answers.cluster, found))
    else:
        report.show(console.stdout(), answers.cluster, found)


@addons_group.command("up")
@VERBOSE
@ARGUMENTS
@PARALLEL
@OUTPUT
@BUNDLE
@THROUGH_ME
@DRY_RUN
def up_command(
    arguments: tuple[str, ...], parallel: int, output: str, bundle: Path | None, through_me: bool, dry_run: bool
) -> None:
    """Install addons, put right what was changed of them, and wait until they run. Without NAME: the profile's.

    One that the profile does not name stays through every `kubeup up`, until `kubeup addons down`.
    """
    loaded, names = _read(arguments, bundle, changes=not dry_run)
    _carry_out(addons.by_hand(loaded.cluster, names), parallel, output, dry_run, through_me=through_me)


@addons_group.command("down")
@VERBOSE
@ARGUMENTS
@PARALLEL
@OUTPUT
@DRY_RUN
def down_command(arguments: tuple[str, ...], parallel: int, output: str, dry_run: bool) -> None:
    """Take addons away: every object that kubeup made for them. Volumes that the storage addon made stay.

    Kinds and namespaces in which others made something stay as well, and are named.
    """
    loaded, names = _read(arguments, changes=not dry_run)
    if not names:
        raise UsageError("say which addons to take away", fix="kubeup addons down metrics-server")
    _carry_out(addons.without(loaded.cluster, names), parallel, output, dry_run)
    kept = [name for name in names if name in loaded.cluster.addons]
    if kept and not dry_run:
        text = f"{', '.join(kept)}: still in the addons of {loaded.path}; the next `kubeup up` brings it back"
        console.stderr().print(text, highlight=False, soft_wrap=True)


def _read(
    arguments: Sequence[str], bundle: Path | None = None, *, changes: bool = False
) -> tuple[LoadedProfile, tuple[str, ...]]:
    path, words = profile_first(arguments)
    loaded = session.load_to_change(path, bundle) if changes else session.load(path, bundle)
    return loaded, tuple(_name(word, loaded.cluster) for word in words)


def _name(word: str, cluster: Cluster) -> str:
    known = (*addons.BY_NAME, *cluster.own_addons)
    if word in known:
        return word
    meant = addons.meant(word) or next(iter(difflib.get_close_matches(word, known, 1, 0.6)), "")
    fix = f"did you mean `{meant}`? ({report.what(meant)})" if meant else f"there are: {', '.join(known)}"
    raise UsageError(f"there is no addon `{word}`", fix=fix)


def _carry_out(cluster: Cluster, parallel: int, output: str, dry_run: bool, *, through_me: bool = False) -> None:
    _check_needs(cluster)
    with session.fleet(cluster, parallel) as fleet, session.job(fleet) as job:
        prepared = command.prepare(job, cluster)
        if dry_run:
            print(data.plan(prepared.plan)) if output == "json" else plan.show(console.stdout(), prepared.plan)
            session.tell_absence(prepared, "what they lack is not in this plan")
            return
        with session.images_through_me(job, prepared, through_me) as bring_images:
            changed = command.execute(job, prepared, bring_images)
    if output == "json":
        print(report.changes_json(changed))
    else:
        report.show_changes(console.stdout(), prepared.cluster, changed)
    session.tell_absence(prepared, "nothing was done there")


def _check_needs(cluster: Cluster) -> None:
    for addon, need in addons.missing(cluster):
        raise UsageError(f"{addon.name} needs {need.what}", fix=f"write into the profile: {need.line}")
