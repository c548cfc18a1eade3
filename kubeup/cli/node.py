"""``kubeup node``: what is on a machine, before and after."""

from __future__ import annotations

from pathlib import Path

import click

from kubeup.cli import console, session
from kubeup.cli.options import VERBOSE
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError, NodeError, UsageError
from kubeup.model.events import Working
from kubeup.node.agent import snapshot
from kubeup.node.wire.remote_commands import Kind

TIMEOUT_SECONDS = 600.0


@click.group("node")
def node() -> None:
    """Look at one machine: everything on it that a program could leave behind, and what changed since."""


@node.command("snapshot")
@VERBOSE
@click.argument("name", metavar="NODE")
@click.option("--profile", "profile_path", type=click.Path(path_type=Path), help="Which cluster's node it is.")
@click.option("-o", "--output", "path", required=True, type=click.Path(path_type=Path), help="Where to write it.")
def snapshot_command(name: str, profile_path: Path | None, path: Path) -> None:
    """Write down every file, unit, connection, route, rule, setting, mount and process of NODE. Changes nothing there.

    \b
    kubeup node snapshot 192.168.200.13 -o before      # then: kubeup up, kubeup down
    kubeup node snapshot 192.168.200.13 -o after
    kubeup node compare before after
    """
    cluster = session.load(profile_path).cluster
    machine = _find(cluster, name)
    with session.fleet(cluster, 1) as fleet, session.job(fleet) as job:
        connection = fleet.connection(machine)
        job.emit(Working(machine.title, "looking at everything"))
        reply = connection.call(Kind.SHELL, [snapshot.SCRIPT.read_bytes()], timeout=TIMEOUT_SECONDS)
    text = reply.stdout.decode("utf-8", "surrogateescape")
    if reply.status:
        raise NodeError(machine.title, "snapshot", f"it ended with status {reply.status}", evidence=[text[-500:]])
    snapshot.parse(text)
    # It names every file of the machine: for its owner alone.
    path.touch(mode=0o600)
    path.write_text(text, "utf-8", "surrogateescape")
    console.stderr().print(f"{text.count(chr(10)) - 1} things of {machine.title}: {path}", highlight=False)


@node.command("compare")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Also what differs on a machine that nobody touches.")
def compare_command(before: Path, after: Path, everything: bool) -> None:
    """What is new, gone or changed from one snapshot to another. Exit code 1 when anything is."""
    exempt = () if everything else snapshot.exemptions()
    found = snapshot.compare(_read(before), _read(after), exempt)
    for one in found:
        click.echo(one.format())
    console.stderr().print("nothing differs" if not found else f"{len(found)} differences", highlight=False)
    if found:
        raise click.exceptions.Exit(1)


def _read(path: Path) -> snapshot.Things:
    try:
        return snapshot.parse(path.read_text("utf-8", "surrogateescape"))
    except OSError as error:
        raise KubeupError(
            f"{path} cannot be read: {error.strerror}", fix="name a file of kubeup node snapshot"
        ) from error


def _find(cluster: Cluster, name: str) -> Node:
    """By its place in the profile, its name or its address."""
    for machine in cluster.nodes:
        if name in (machine.name, machine.host, machine.address):
            return machine
    known = ", ".join(machine.title for machine in cluster.nodes)
    raise UsageError(f"the profile has no node {name}", fix=f"it has: {known}")
