"""``kubeup validate``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from kubeup.cli import console, session
from kubeup.cli.options import OUTPUT, PARALLEL, PROFILE, VERBOSE
from kubeup.execution import probing
from kubeup.report import data, health
from kubeup.validate.run import validate


@click.command("validate")
@VERBOSE
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
        asked = probing.ask_built(job, loaded.cluster, fix=f"kubeup up {loaded.path}")
        found = validate(job, asked.cluster, deep=not read_only, facts=asked.facts, problems=asked.failures)
    if output == "json":
        print(data.health(found))
    else:
        health.show(console.stdout(), found, all_checks=all_checks)
    if not found.healthy:
        sys.exit(1)
