"""``kubeup down``."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import click

from kubeup.cli import console, session
from kubeup.cli.options import DRAIN_TIMEOUT, LIMIT, OUTPUT, PARALLEL, PROFILE, VERBOSE
from kubeup.cli.state import State
from kubeup.commands import down, leave, operator_access
from kubeup.model.errors import UsageError
from kubeup.model.events import Note
from kubeup.report import data, summary


@click.command("down")
@VERBOSE
@PROFILE
@LIMIT
@PARALLEL
@OUTPUT
@click.option("--yes", "-y", is_flag=True, help="Do not ask whether to take it down.")
@click.option(
    "--keep-data", is_flag=True, help="Keep etcd's data, the PKI and the record: a later `up` takes it up again."
)
@click.option("--no-snapshot", is_flag=True, help="Do not save a snapshot of etcd first.")
@click.option("--skip-unreachable", is_flag=True, help="Undo what can be reached now; run again for the rest.")
@DRAIN_TIMEOUT
def down_command(
    profile_path: Path | None,
    limit: tuple[str, ...],
    parallel: int,
    output: str,
    yes: bool,
    keep_data: bool,
    no_snapshot: bool,
    skip_unreachable: bool,
    drain_timeout: int,
) -> None:
    """Leave the machines as they were found: what kubeup made goes, what it replaced comes back.

    With --limit the cluster goes on: its pods on a worker are drained first, where its API answers.
    """
    loaded, only = session.load(profile_path), session.chosen(limit)
    others = frozenset() if profile_path else _could_be_meant(loaded.cluster.name)
    if others and (yes or not sys.stdin.isatty()):
        raise _unclear(loaded.cluster.name, others)
    with session.fleet(loaded.cluster, parallel) as fleet:
        with session.job(fleet) as job:
            surveyed = down.survey(job, loaded.cluster, keep_data=keep_data, limit=only)
        if surveyed.plan.empty and not surveyed.failures:
            if not limit:
                with session.job(fleet) as job:
                    operator_access.forget(job, loaded.cluster.name)
            console.stderr().print("Nothing to do: kubeup has nothing on these nodes.")
            return
        _confirm(surveyed, yes, others, whole=not limit)
        with session.job(fleet) as job:
            if not no_snapshot and not keep_data and surveyed.has_data:
                path = down.save_snapshot(job, surveyed, State.of(os.environ).snapshots)
                job.emit(Note(f"snapshot of etcd, and the keys it needs: {path}"))
            goes_on = bool(limit) and (skip_unreachable or not surveyed.failures)
            drained = leave.before_down(job, surveyed, drain_timeout) if goes_on else None
            outcome = down.execute(job, surveyed, skip_unreachable=skip_unreachable, forget_access=not limit)
            if drained:
                leave.after_down(job, drained)
                outcome = replace(outcome, changed=outcome.changed or bool(drained.names))
    if not limit and not surveyed.failures:
        State.of(os.environ).forget(loaded.cluster.name)
    if output == "json":
        print(data.outcome(outcome, None))
        return
    summary.show(console.stderr(), outcome, undone=True)
    if limit:
        out = drained.names if drained else ()
        gone = [node.title for node in surveyed.going] + [one.title for one in surveyed.lost if one.name in out]
        if gone:
            told = f"Out of the cluster {loaded.cluster.name}: {', '.join(gone)}."
            console.stdout().print(told, highlight=False, soft_wrap=True)
    elif surveyed.unreached:
        rest = f"The cluster {loaded.cluster.name} is down but for {', '.join(surveyed.unreached)}."
        again = f"When it answers again: kubeup down {shlex.quote(loaded.path)}"
        console.stdout().print(f"{rest} {again}", highlight=False, soft_wrap=True)
    else:
        console.stdout().print(f"The cluster {loaded.cluster.name} is down.", highlight=False)


def _could_be_meant(name: str) -> frozenset[str]:
    """The clusters beside this one that a `down` without PROFILE could mean; this one's name is said aloud.

    By ./profile.yaml: the one that the last ``up`` changed. Without such a file: every one known here.
    """
    console.stderr().print(f"cluster: {name}", highlight=False, markup=False, soft_wrap=True)
    state = State.of(os.environ)
    meant = state.known()
    if Path("profile.yaml").exists():
        meant &= {state.last_name()}
    return meant - {name}


def _unclear(name: str, others: frozenset[str]) -> UsageError:
    return UsageError(
        f"`down` without a profile could mean {_listed(name, others)}; nothing was touched",
        fix="say which one by its profile: kubeup down PROFILE --yes",
    )


def _listed(name: str, others: frozenset[str]) -> str:
    return " or ".join(sorted({name, *others}))


def _confirm(surveyed: down.Surveyed, yes: bool, others: frozenset[str], *, whole: bool) -> None:
    """others: where it is not clear which cluster is meant, its name has to be typed."""
    names = ", ".join(node.title for node in surveyed.cluster.nodes if node.endpoint in surveyed.facts)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("`down` asks before it acts, and there is nobody to answer", fix="kubeup down --yes")
    question = f"Take the cluster {surveyed.cluster.name} down on {names}, with all its data?"
    if not whole:
        names = ", ".join(node.title for node in (*surveyed.going, *surveyed.lost))
        data = ", with its member's data of etcd" if surveyed.has_data else ""
        question = f"Take {names} out of the cluster {surveyed.cluster.name}{data}?"
    if others:
        listed = _listed(surveyed.cluster.name, others)
        typed = click.prompt(f"{question} You could mean {listed}: type its name", err=True, type=str).strip()
        if typed != surveyed.cluster.name:
            fix = "kubeup down PROFILE takes the cluster of that profile down"
            raise UsageError(f"`{typed}` is not {surveyed.cluster.name}; nothing was touched", fix=fix)
    elif not click.confirm(question, err=True):
        raise click.exceptions.Exit(1)
