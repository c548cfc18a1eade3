"""``kubeup etcd``: the members of etcd, their alarms, and room on their disks."""

from __future__ import annotations

from pathlib import Path

import click

from kubeup.cli import console, session
from kubeup.cli.options import OUTPUT, PARALLEL, PROFILE, VERBOSE
from kubeup.commands import etcd as command
from kubeup.report import etcd as report


@click.group("etcd")
def etcd_group() -> None:
    """The members of etcd: how they are, what they alarm about, and room given back on their disks.

    \b
    kubeup etcd members      one a control-plane node: who leads, who is well, how large
    kubeup etcd alarms       such as NOSPACE; --disarm switches them off
    kubeup etcd defrag       gives back room, one member after the other

    Members come and go with the profile: `kubeup up`.
    """


@etcd_group.command("members")
@VERBOSE
@PROFILE
@PARALLEL
@OUTPUT
def members_command(profile_path: Path | None, parallel: int, output: str) -> None:
    """Who is a member, who leads, who is well."""
    loaded = session.load(profile_path)
    with session.fleet(loaded.cluster, parallel) as fleet, session.job(fleet) as job:
        _, found = command.survey(job, loaded.cluster)
    if output == "json":
        print(report.as_json(found))
    else:
        report.show(console.stdout(), found)


@etcd_group.command("alarms")
@VERBOSE
@PROFILE
@PARALLEL
@click.option("--disarm", is_flag=True, help="Switch them off, once their reason is gone.")
def alarms_command(profile_path: Path | None, parallel: int, disarm: bool) -> None:
    """What the members alarm about."""
    loaded = session.load(profile_path) if not disarm else session.load_to_change(profile_path)
    with session.fleet(loaded.cluster, parallel) as fleet, session.job(fleet) as job:
        if disarm:
            command.disarm(job, loaded.cluster)
        _, found = command.survey(job, loaded.cluster)
    report.alarms(console.stdout(), found)


@etcd_group.command("defrag")
@VERBOSE
@PROFILE
@PARALLEL
def defrag_command(profile_path: Path | None, parallel: int) -> None:
    """Give back room on the members' disks, one after the other, the leader last."""
    loaded = session.load_to_change(profile_path)
    with session.fleet(loaded.cluster, parallel) as fleet, session.job(fleet) as job:
        found = command.defrag(job, loaded.cluster)
    report.defragmented(console.stdout(), found)
