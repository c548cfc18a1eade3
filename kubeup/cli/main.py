"""Commands: options in, exit code out. The only module that imports click."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from kubeup import __version__, validate
from kubeup.cli import session
from kubeup.cli.addons import addons_group
from kubeup.cli.images import images_group
from kubeup.cli.import_kube_up import import_command
from kubeup.cli.lab import lab
from kubeup.cli.node import node
from kubeup.cli.options import BUNDLE, THROUGH_ME
from kubeup.cli.release import release_group
from kubeup.cli.state import State
from kubeup.commands import down, up
from kubeup.execution import executor
from kubeup.execution.job import Job, Outcome, Prepared
from kubeup.model.cluster import Cluster
from kubeup.model.errors import KubeupError, UsageError
from kubeup.model.events import Note
from kubeup.pki import kubeconfig
from kubeup.planning import resolve
from kubeup.profile import LoadedProfile
from kubeup.report import data, errors, health, plan, summary

INTERRUPTED = 130


class Group(click.Group):
    """The one place where a failure becomes words and an exit code."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        options["standalone_mode"] = False
        try:
            return super().main(args, *rest, **options)
        except KubeupError as error:
            errors.show(session.stderr(), error)
            sys.exit(error.exit_code)
        except click.exceptions.Abort:
            session.stderr().print(
                "\nstopped. What is done is done, nothing is half-written; the same command goes on from here."
            )
            # Threads may still wait for a node; the node's half ends by itself.
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        except click.ClickException as error:
            error.show()
            sys.exit(2)
        except click.exceptions.Exit as error:
            sys.exit(error.exit_code)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kubeup")
def main() -> None:
    """Turn Ubuntu or Debian machines that you can SSH to into a Kubernetes cluster, and back.

    \b
    kubeup up profile.yaml        bring the cluster up, or make it what the profile says
    kubeup plan profile.yaml      what `up` would do; touches nothing
    kubeup validate               the truth about the cluster
    kubeup down                   leave the machines as they were found
    """


main.add_command(addons_group)
main.add_command(images_group)
main.add_command(import_command)
main.add_command(lab)
main.add_command(node)
main.add_command(release_group)

PROFILE = click.argument("profile_path", metavar="[PROFILE]", required=False, type=click.Path(path_type=Path))
PARALLEL = click.option("--parallel", default=32, show_default=True, metavar="N", help="Nodes worked on at once.")
OUTPUT = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or scripts."
)
LIMIT = click.option("--limit", multiple=True, metavar="NODE", help="Change only this node; may be given again.")


@main.command("up")
@PROFILE
@LIMIT
@PARALLEL
@OUTPUT
@BUNDLE
@THROUGH_ME
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--no-validate", is_flag=True, help="Do not validate afterwards.")
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
    restart_docker: bool,
) -> None:
    """Bring a cluster up, or make a living one what the profile says.

    \b
    kubeup up profile.yaml              # without PROFILE: ./profile.yaml, else the cluster of the last `up`
    kubeup up --limit node4             # only this node changes
    kubeup up --bundle kubeup.tar       # no network but the nodes'; see kubeup release bundle
    """
    loaded = session.load(profile_path, bundle)
    with session.fleet(loaded.cluster, parallel) as fleet, session.job(fleet) as job:
        prepared = up.prepare(job, loaded.cluster, session.chosen(limit))
        _warn(loaded, prepared)
        if dry_run:
            _show_plan(prepared, output)
            return
        up.refuse_restarts(prepared, allowed=restart_docker)
        with session.images_through_me(job, prepared, through_me) as bring_images:
            outcome = up.execute(job, prepared, bring_images)
        deep = outcome.changed
        known = {} if deep else prepared.facts
        found = None if no_validate else validate.run(job, prepared.cluster, deep=deep, facts=known)
    State.of(os.environ).remember(loaded.cluster.name, Path(loaded.path))
    if output == "json":
        print(data.outcome(outcome, found))
    else:
        summary.show(session.stderr(), outcome)
        if found:
            health.show(session.stdout(), found)
        _say_access(outcome, loaded.cluster)
    if found and not found.healthy:
        sys.exit(1)


@main.command("plan")
@PROFILE
@LIMIT
@PARALLEL
@OUTPUT
@BUNDLE
def plan_command(
    profile_path: Path | None, limit: tuple[str, ...], parallel: int, output: str, bundle: Path | None
) -> None:
    """Say what `up` would do: files with their diffs, units, bytes. Touches nothing."""
    loaded = session.load(profile_path, bundle)
    with session.fleet(loaded.cluster, parallel) as fleet, session.job(fleet) as job:
        prepared = up.prepare(job, loaded.cluster, session.chosen(limit))
    _warn(loaded, prepared)
    _show_plan(prepared, output)


@main.command("validate")
@PROFILE
@PARALLEL
@OUTPUT
@click.option("--read-only", is_flag=True, help="Make no pods: only ask what is there.")
@click.option("--all", "all_checks", is_flag=True, help="Show the checks that hold, too.")
def validate_command(profile_path: Path | None, parallel: int, output: str, read_only: bool, all_checks: bool) -> None:
    """The truth about a cluster: components, nodes, pods that reach each other, services, exec and logs.

    Exit code 0 when it is healthy, 1 when it is not.
    """
    loaded = session.load(profile_path)
    with session.fleet(loaded.cluster, parallel) as fleet, session.job(fleet) as job:
        results = executor.probe_nodes(job.fleet, loaded.cluster, job.emit)
        if results.values and not any(facts.record.exists for facts in results.values.values()):
            raise KubeupError("kubeup has built no cluster on these nodes", fix=f"kubeup up {loaded.path}")
        cluster = resolve.resolve(loaded.cluster, results.values)
        found = validate.run(job, cluster, deep=not read_only, facts=results.values, problems=results.failures)
    if output == "json":
        print(data.health(found))
    else:
        health.show(session.stdout(), found, all_checks=all_checks)
    if not found.healthy:
        sys.exit(1)


@main.command("down")
@PROFILE
@LIMIT
@PARALLEL
@OUTPUT
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option(
    "--keep-data", is_flag=True, help="Keep etcd's data, the PKI and the record: a later `up` takes it up again."
)
@click.option("--no-snapshot", is_flag=True, help="Do not save a snapshot of etcd first.")
@click.option("--skip-unreachable", is_flag=True, help="Undo what can be reached now; run again for the rest.")
def down_command(
    profile_path: Path | None,
    limit: tuple[str, ...],
    parallel: int,
    output: str,
    yes: bool,
    keep_data: bool,
    no_snapshot: bool,
    skip_unreachable: bool,
) -> None:
    """Leave the machines as they were found: what kubeup made goes, what it replaced comes back."""
    loaded = session.load(profile_path)
    with session.fleet(loaded.cluster, parallel) as fleet:
        with session.job(fleet) as job:
            surveyed = down.survey(job, loaded.cluster, keep_data=keep_data, limit=session.chosen(limit))
        if surveyed.plan.empty and not surveyed.failures:
            kubeconfig.remove(kubeconfig.default_path(os.environ), loaded.cluster.name)
            session.stderr().print("Nothing to do: kubeup has nothing on these nodes.")
            return
        _confirm(surveyed, yes)
        with session.job(fleet) as job:
            if not no_snapshot and not keep_data and not limit and surveyed.has_data:
                _snapshot(job, surveyed, yes)
            outcome = down.execute(job, surveyed, skip_unreachable=skip_unreachable, forget_access=not limit)
    if not limit and not surveyed.failures:
        State.of(os.environ).forget(loaded.cluster.name)
    if output == "json":
        print(data.outcome(outcome, None))
        return
    summary.show(session.stderr(), outcome, undone=True)
    if surveyed.unreached:
        rest = f"The cluster {loaded.cluster.name} is down but for {', '.join(surveyed.unreached)}."
        again = f"When it answers again: kubeup down {shlex.quote(loaded.path)}"
        session.stdout().print(f"{rest} {again}", highlight=False, soft_wrap=True)
    else:
        session.stdout().print(f"The cluster {loaded.cluster.name} is down.", highlight=False)


def _confirm(surveyed: down.Surveyed, yes: bool) -> None:
    names = ", ".join(node.title for node in surveyed.cluster.nodes if node.host in surveyed.facts)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("`down` asks before it acts, and there is nobody to answer", fix="kubeup down --yes")
    if not click.confirm(f"Take the cluster {surveyed.cluster.name} down on {names}, with all its data?", err=True):
        raise click.exceptions.Exit(1)


def _snapshot(job: Job, surveyed: down.Surveyed, yes: bool) -> None:
    try:
        path = down.save_snapshot(job, surveyed, State.of(os.environ).snapshots)
    except KubeupError as error:
        # A dead cluster has none to give; that is said, and asked about again.
        errors.show(session.stderr(), error)
        if not yes and not click.confirm("Go on without a snapshot? The cluster's objects are lost then.", err=True):
            raise click.exceptions.Exit(1) from error
        return
    job.emit(Note(f"snapshot of etcd, and the keys it needs: {path}"))


def _show_plan(prepared: Prepared, output: str) -> None:
    if output == "json":
        print(data.plan(prepared.plan))
    else:
        plan.show(session.stdout(), prepared.plan)


def _warn(loaded: LoadedProfile, prepared: Prepared) -> None:
    for text in loaded.warnings:
        session.stderr().print(text, highlight=False, markup=False, soft_wrap=True)
    for problem in prepared.warnings:
        session.stderr().print(f"warning: {problem.format()}", highlight=False, markup=False, soft_wrap=True)


def _say_access(outcome: Outcome, cluster: Cluster) -> None:
    merged = outcome.kubeconfig
    if merged is None or not merged.changed:
        return
    kept = f" (the earlier file: {_short(merged.backup)})" if merged.backup else ""
    session.stderr().print(
        f"kubectl: the context {cluster.name} in {_short(merged.path)} is now current{kept}",
        highlight=False,
        soft_wrap=True,
    )


def _short(path: Path) -> str:
    """A path as people write it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
