"""A lab from its first boot to its end: up, down, and what can be asked of it between."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubeup.lab import cgroups, image, kernel, network, node, ssh, state
from kubeup.lab.model import Lab, LabNode
from kubeup.lab.shell import PROGRAMS, remove_tree, require
from kubeup.model import lab_folder
from kubeup.model.errors import LabError

Say = Callable[[str], None]


@dataclass(frozen=True)
class NodeStatus:
    """ssh: whether an SSH server answers at the address."""

    name: str
    address: str
    running: bool
    ssh: bool


def up(lab: Lab, say: Say) -> None:
    """Bring a lab up; what runs already is kept, what is half there is completed, nodes that are new are added."""
    _need_root("it makes network namespaces and containers")
    require(*PROGRAMS)
    with state.alone(say):
        network.refuse_conflicts(lab)
        lab = state.record(lab)
        base = image.ensure(lab, say)
        kernel.save()
        kernel.raise_limits()
        network.up(lab)
        ssh.make_key(ssh.key(lab), f"kubeup lab {lab.name}")
        for one in lab.nodes:
            node.prepare(lab, one, base)
        ssh.write_config(lab, {one: node.host_key(lab, one) for one in lab.nodes})
        off = [one for one in lab.nodes if not node.pid_of(lab, one)]
        for one in off:
            say(f"booting {one.name} ({one.address})")
            node.start(lab, one)
        for one in lab.nodes:
            node.wait_booted(lab, one)
            if one not in off:
                node.add_hosts(lab, one)
    say(f"the lab {lab.name} is up: {', '.join(f'{one.name} ({one.address})' for one in lab.nodes)}")


def down(name: str, say: Say, *, purge: bool = False) -> None:
    """End a lab, also a half-made one. purge: the unreachable route goes, too. Raises LabError if something stays."""
    _need_root("it made network namespaces and containers")
    with state.alone(say):
        recorded = state.find(name)
        lab = recorded or Lab(name)
        there = lab.state.exists() or bool(leftovers(name))
        for home in sorted((lab.state / "nodes").glob("*")):
            node.pull(lab, LabNode(home.name, ""))
        for top in cgroups.of_lab(lab.netns):
            cgroups.clean(top)
        network.down(lab)
        remove_tree(lab.state)
        kernel.restore(labs_left=bool(state.labs()))
        if purge:
            _purge(name, recorded)
        left = leftovers(name)
        if left:
            raise LabError(f"something of the lab {name} stays", evidence=left, fix=f"kubeup lab down --name {name}")
        state.remove_if_empty()
    say(f"the lab {name} is gone" if there else f"there is no lab {name}")


def _purge(name: str, recorded: Lab | None) -> None:
    subnet = state.routed(name) or (recorded.subnet if recorded else None)
    state.forget_route(name)
    if subnet and not state.is_routed(subnet):
        network.drop_route(subnet)


def leftovers(name: str) -> list[str]:
    """What is on this machine of a lab: nothing after `down`. The unreachable route is not counted."""
    lab = Lab(name)
    found = [f"cgroup {top}" for top in cgroups.of_lab(lab.netns)] + network.leftovers(lab)
    return [*found, f"folder {lab.state}"] if lab.state.exists() else found


def status(name: str) -> tuple[NodeStatus, ...]:
    """Its nodes; empty if there is no such lab."""
    lab = state.find(name)
    return tuple(_status(lab, one) for one in lab.nodes) if lab else ()


def _status(lab: Lab, one: LabNode) -> NodeStatus:
    running = bool(node.init_pid(lab, one))
    return NodeStatus(one.name, one.address, running, running and node.ssh_answers(one))


def shell(name: str, node_name: str, command: Sequence[str] = ()) -> int:
    """An ssh to a node, as a person would; its exit code."""
    lab, _ = _node(name, node_name)
    return subprocess.run(["ssh", *ssh_options(lab.name), node_name, *command], check=False).returncode


def ssh_config(name: str) -> Path:
    """An OpenSSH client configuration with the lab's nodes, their key and their host keys."""
    return lab_folder.ssh_config(name)


def ssh_options(name: str) -> tuple[str, ...]:
    """What makes ssh, scp and sftp reach the lab's nodes by name or address."""
    return ("-F", str(ssh_config(name)))


def inside(
    name: str, node_name: str, argv: Sequence[str] | str, *, limit: float = 60, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program, or a shell script given as one string, in a node as root, without ssh and whatever the node is
    like. limit: seconds. Never raises for its exit code."""
    lab, one = _node(name, node_name)
    return node.inside(lab, one, ["sh", "-c", argv] if isinstance(argv, str) else argv, limit=limit, stdin=stdin)


def power_off(name: str, node_name: str, *, pull: bool = False) -> None:
    """Switch a node off; its disk stays. pull: without asking its systemd first, as when the power fails."""
    lab, one = _node(name, node_name)
    with state.alone(_quietly):
        if not pull:
            node.ask(lab, one, node.POWER_OFF)
            node.wait_off(lab, one)
        node.pull(lab, one)


def power_on(name: str, node_name: str) -> None:
    """Boot it again, with the disk it had."""
    lab, one = _node(name, node_name)
    with state.alone(_quietly):
        node.start(lab, one)
        node.wait_booted(lab, one)


def reboot(name: str, node_name: str) -> None:
    """Reboot a node as ``systemctl reboot`` does; returns once it is up again."""
    lab, one = _node(name, node_name)
    before = node.ask(lab, one, node.REBOOT)
    if not before:
        raise LabError(f"{node_name} is not running", fix=f"kubeup lab up --name {name}")
    node.wait_booted(lab, one, after=before)


def remove_images(say: Say) -> None:
    """Remove the base images that no lab uses, and the packages they were made of."""
    with state.alone(say):
        image.remove_all()
        state.remove_if_empty()


def _quietly(_: str) -> None:
    """For what nobody watches."""


def _need_root(why: str) -> None:
    if os.geteuid():
        raise LabError(f"a lab needs root: {why}", fix="the same command with sudo")


def _node(name: str, node_name: str) -> tuple[Lab, LabNode]:
    lab = state.find(name)
    if lab is None:
        raise LabError(f"there is no lab {name}", fix=f"kubeup lab up --name {name}")
    for one in lab.nodes:
        if one.name == node_name:
            return lab, one
    names = ", ".join(one.name for one in lab.nodes)
    raise LabError(f"the lab {name} has no node {node_name}", evidence=[f"it has {names}"], fix=f"take one of {names}")
