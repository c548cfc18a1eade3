"""The commands, one a line: what ``kubeup --help`` says of each, and where it is. Nothing of them is imported here."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Command:
    """A command. place: ``module:variable``. help: the first sentence of its docstring; a test holds them together."""

    name: str
    place: str
    help: str

    def load(self) -> click.Command:
        """Imports the command, and with it all that it needs: half a second for one that talks to nodes."""
        module, _, variable = self.place.partition(":")
        found = getattr(importlib.import_module(module), variable)
        assert isinstance(found, click.Command), self.place
        return found


COMMANDS = (
    Command("up", "kubeup.cli.up:up_command", "Bring a cluster up, or make a living one what the profile says."),
    Command("plan", "kubeup.cli.up:plan_command", "Say what `up` would do: files with their diffs, units, bytes."),
    Command(
        "validate",
        "kubeup.cli.validate:validate_command",
        "The truth about a cluster: components, nodes, pods that reach each other, services, exec and logs.",
    ),
    Command(
        "down",
        "kubeup.cli.down:down_command",
        "Leave the machines as they were found: what kubeup made goes, what it replaced comes back.",
    ),
    Command(
        "addons",
        "kubeup.cli.addons:addons_group",
        "Addons: what the cluster runs for its users, your own included.",
    ),
    Command(
        "etcd",
        "kubeup.cli.etcd:etcd_group",
        "The members of etcd: how they are, what they alarm about, and room given back on their disks.",
    ),
    Command(
        "images",
        "kubeup.cli.images:images_group",
        "Images: what the cluster needs, where each node stands, and bringing them there without a registry.",
    ),
    Command(
        "release",
        "kubeup.cli.release:release_group",
        "Binaries: what a profile needs, and getting it ahead of time.",
    ),
    Command(
        "profile",
        "kubeup.cli.profile:profile_group",
        "The profile: what can stand in it, and ready ones to begin with.",
    ),
    Command(
        "import",
        "kubeup.cli.import_kube_up:import_command",
        "Make a profile of kube-up's cluster/ubuntu/config-default.sh, without carrying out anything in it.",
    ),
    Command(
        "lab",
        "kubeup.cli.lab:lab",
        "Nodes on this machine, by systemd-nspawn: real systemd, sshd, network; the nodes reach nothing outside.",
    ),
    Command(
        "node",
        "kubeup.cli.node:node",
        "Look at one machine: everything on it that a program could leave behind, and what changed since.",
    ),
)


class LazyGroup(click.Group):
    """A group that knows its commands by name and help, and imports one when it is called for.

    ``kubeup --version`` and a word that is no command should not wait for SSH and cryptography.
    """

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        # They stand in for the real ones in lists and in "did you mean".
        for entry in COMMANDS:
            self.add_command(click.Command(entry.name, short_help=entry.help))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return next((entry.load() for entry in COMMANDS if entry.name == cmd_name), None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in COMMANDS])
