"""``kubeup lab``: nodes on this machine, to try kubeup on."""

from __future__ import annotations

import ipaddress
import sys

import click

from kubeup.lab import life, model
from kubeup.lab.kinds import KINDS
from kubeup.model.errors import LabError, UsageError

NAME = click.option("--name", default="lab", show_default=True, help="The lab's name.")


def _say(text: str) -> None:
    click.echo(text, err=True)


@click.group("lab")
def lab() -> None:
    """Nodes on this machine, by systemd-nspawn: real systemd, sshd, network; the nodes reach nothing outside."""


@lab.command("up")
@NAME
@click.option("--nodes", default=2, show_default=True, metavar="N", help="How many.")
@click.option(
    "--subnet", default="192.168.200.0/24", show_default=True, help="A private /24; the first node is at .13."
)
@click.option(
    "--like",
    type=click.Choice(list(KINDS)),
    default="debian",
    show_default=True,
    help=f"What the nodes are like: {'; '.join(f'{name} ({kind.summary})' for name, kind in KINDS.items())}.",
)
def lab_up(name: str, nodes: int, subnet: str, like: str) -> None:
    """Boot the nodes; what runs already is kept."""
    try:
        network = ipaddress.IPv4Network(subnet)
    except ValueError as error:
        raise UsageError(f"{subnet} is not a subnet: {error}", fix="e.g. --subnet 192.168.210.0/24") from error
    life.up(model.Lab(name, network, nodes, like), _say)
    _say(f"log in: kubeup lab shell {life.status(name)[0].name}{'' if name == 'lab' else f' --name {name}'}")


@lab.command("down")
@NAME
@click.option("--purge", is_flag=True, help="Take the unreachable route away, too.")
def lab_down(name: str, purge: bool) -> None:
    """End the nodes and remove everything of theirs; the base image stays in the cache."""
    life.down(name, _say, purge=purge)


@lab.command("status")
@NAME
def lab_status(name: str) -> None:
    """Which nodes there are, and whether they run."""
    nodes = life.status(name)
    if not nodes:
        raise LabError(f"there is no lab {name}", fix="kubeup lab up")
    for node in nodes:
        click.echo(f"{node.name}  {node.address}  {'running' if node.running else 'off'}")
    click.echo(f"ssh -F {life.ssh_config(name)} {nodes[0].name}")
    if not all(node.running for node in nodes):
        sys.exit(1)


@lab.command("shell", context_settings={"ignore_unknown_options": True})
@NAME
@click.argument("node")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def lab_shell(name: str, node: str, command: tuple[str, ...]) -> None:
    """Log in to a node, or run COMMAND there."""
    sys.exit(life.shell(name, node, command))
