"""``kubeup up`` and ``kubeup plan``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from kubeup.cli import console, session
from kubeup.cli.options import BUNDLE, DRAIN_TIMEOUT, DRY_RUN, LIMIT, OUTPUT, PARALLEL, PROFILE, THROUGH_ME, VERBOSE
from kubeup.cli.state import State
from kubeup.commands import leave, up
from kubeup.execution.job import Job, Outcome, Prepared
from kubeup.model.cluster import Cluster
from kubeup.profile import LoadedProfile
from kubeup.report import data, health, plan, summary
from kubeup.validate.checks import Health
from kubeup.validate.run import validate, validate_what_was_changed

NOT_PLANNED = "what they lack is not in this plan"


@click.command("up")
@VERBOSE
@PROFILE
@LIMIT
@PARALLEL
@OUTPUT
@BUNDLE
@THROUGH_ME
@DRY_RUN
@click.option("--no-validate", is_flag=True, help="Do not validate afterwards.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask whether another version of kubeup may change nodes.")
@click.option("--remove", is_flag=True, help="Do not ask: drain and remove nodes that left the profile.")
@DRAIN_TIMEOUT
@click.option("--restart-docker", is_flag=True, help="Restart the machines' own Docker where its options change.")
def up_command(
    profile_path: Path | None,
    limit: tuple[str, ...],
    parallel: int,
    output: str,
    bundle: Path | None,
    through_me: bool,
    dry_run: bool,
    no_validate: bool,
    yes: bool,
    remove: bool,
    drain_timeout: int,
    restart_docker: bool,
) -> None:
    """Bring a cluster up, or make a living one what the profile says.

    \b
    kubeup up profile.yaml              # without PROFILE: ./profile.yaml, else the cluster of the last `up`
    kubeup up --limit node4             # only this node changes
    kubeup up --bundle kubeup.tar       # no network but the nodes'; see kubeup release bundle
    """
    loaded = session.load(profile_path, bundle) if dry_run else session.load_to_change(profile_path, bundle)

    def remember() -> None:
        State.of(os.environ).remember(loaded.cluster.name, Path(loaded.path))

    only = session.chosen(limit)
    with session.fleet(loaded.cluster, parallel) as fleet, session.job(fleet) as job:
        prepared = up.prepare(job, loaded.cluster, only)
        _warn(loaded, prepared)
        if dry_run:
            _show_plan(prepared, output)
            session.tell_absence(prepared, NOT_PLANNED)
            return
        up.refuse_restarts(prepared, allowed=restart_docker)
        up.refuse_kubeconfig(prepared)
        if not up.agree_to_changes_of_kubeup(job, prepared, allowed=yes):
            raise click.exceptions.Exit(1)
        leaving = leave.agree(job, prepared, allowed=remove)
        before = session.nodes_of_last_up(loaded.cluster.name)
        leave.lift_cordons(job, prepared, leaving)
        leave.demote(job, prepared, leaving)
        with session.images_through_me(job, prepared, through_me) as bring_images:
            outcome = up.execute(job, prepared, bring_images, remember)
        stayed = leave.remove(job, prepared, leaving, before, drain_timeout)
        found = None if no_validate else _look(job, prepared, changed=outcome.changed or bool(leaving))
    remember()
    _show_outcome(outcome, found, loaded.cluster, output)
    if stayed:
        raise stayed
    session.tell_absence(prepared, "nothing was done there; the others are as the plan has them")
    if found and not found.healthy:
        sys.exit(1)


def _look(job: Job, prepared: Prepared, *, changed: bool) -> Health:
    """Whether the cluster is well; where nothing was changed by reading only, with what the probe said."""
    if changed:
        return validate_what_was_changed(job, prepared.cluster, prepared.failures)
    return validate(job, prepared.cluster, deep=False, facts=prepared.facts, problems=prepared.failures)


@click.command("plan")
@VERBOSE
@PROFILE
@LIMIT
@PARALLEL
@OUTPUT
@BUNDLE
@click.option("--check", is_flag=True, help="Exit with 1 where there is something to do, or where nobody can tell.")
def plan_command(
    profile_path: Path | None, limit: tuple[str, ...], parallel: int, output: str, bundle: Path | None, check: bool
) -> None:
    """Say what `up` would do: files with their diffs, units, bytes. Touches nothing.

    \b
    kubeup plan --check >/dev/null || echo "the cluster is not what its profile says"    # from a timer, say
    """
    loaded = session.load(profile_path, bundle)
    only = session.chosen(limit)
    with session.fleet(loaded.cluster, parallel) as fleet, session.job(fleet) as job:
        prepared = up.prepare(job, loaded.cluster, only)
    _warn(loaded, prepared)
    _show_plan(prepared, output)
    session.tell_absence(prepared, NOT_PLANNED)
    if check and (not prepared.plan.empty or prepared.plan.leaving):
        sys.exit(1)


def _show_outcome(outcome: Outcome, found: Health | None, cluster: Cluster, output: str) -> None:
    if output == "json":
        print(data.outcome(outcome, found))
        return
    summary.show(console.stderr(), outcome)
    if found:
        health.show(console.stdout(), found)
    _say_access(outcome, cluster)


def _show_plan(prepared: Prepared, output: str) -> None:
    if prepared.no_access:
        text = f"warning: `up` will refuse to begin: {prepared.no_access.message}\n    fix: {prepared.no_access.fix}"
        console.stderr().print(text, highlight=False, markup=False, soft_wrap=True)
    if output == "json":
        print(data.plan(prepared.plan))
    else:
        plan.show(console.stdout(), prepared.plan)


def _warn(loaded: LoadedProfile, prepared: Prepared) -> None:
    for text in loaded.warnings:
        console.stderr().print(text, highlight=False, markup=False, soft_wrap=True)
    for problem in prepared.warnings:
        console.stderr().print(f"warning: {problem.format()}", highlight=False, markup=False, soft_wrap=True)


def _say_access(outcome: Outcome, cluster: Cluster) -> None:
    merged = outcome.kubeconfig
    if merged is None or not merged.changed:
        return
    kept = f" (the earlier file: {_short(merged.backup)})" if merged.backup else ""
    console.stderr().print(
        f"kubectl: the context {cluster.name} in {_short(merged.path)} is now current{kept}",
        highlight=False,
        soft_wrap=True,
    )


def _short(path: Path) -> str:
    """A path as people write it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
