"""Nodes on this machine by systemd-nspawn: real systemd, sshd, network and kernel view; real enough for Kubernetes."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubeup.errors import LabError
from kubeup.lab import image, kernel, network, node
from kubeup.lab.model import PASSWORD, Lab, LabNode, state_root
from kubeup.lab.shell import run

Say = Callable[[str], None]

__all__ = [
    "PASSWORD",
    "Lab",
    "LabNode",
    "NodeStatus",
    "down",
    "find",
    "inside",
    "power_off",
    "power_on",
    "shell",
    "ssh_config",
    "status",
    "up",
]


@dataclass(frozen=True)
class NodeStatus:
    name: str
    address: str
    running: bool


def up(lab: Lab, say: Say) -> None:
    """Bring a lab up; what runs already is kept, what is half there is completed."""
    if os.geteuid():
        raise LabError("a lab needs root: it makes network namespaces and containers", fix="sudo kubeup lab up")
    with _alone():
        network.refuse_conflicts(lab)
        base = image.ensure(lab, say)
        _record(lab)
        kernel.save()
        network.up(lab)
        _keys(lab)
        for one in lab.nodes:
            node.prepare(lab, one, base)
        _write_ssh(lab)
        starting = [one for one in lab.nodes if not node.pid_of(lab, one)]
        for one in starting:
            say(f"booting {one.name} ({one.address})")
            node.start(lab, one)
        for one in lab.nodes:
            node.wait_booted(lab, one)
        say(f"the lab {lab.name} is up: {', '.join(f'{one.name} ({one.address})' for one in lab.nodes)}")


def down(name: str, say: Say, *, purge: bool = False) -> None:
    """End a lab, also a half-made one. purge: the unreachable route goes, too."""
    if os.geteuid():
        raise LabError("a lab needs root", fix="sudo kubeup lab down")
    with _alone():
        lab = find(name) or Lab(name)
        for one in lab.nodes:
            if (node.folder(lab, one)).exists():
                say(f"stopping {one.name}")
                node.stop(lab, one)
        for top in Path("/sys/fs/cgroup").glob(f"*/{lab.netns}-*"):
            node.clean_cgroups(top.name)
        network.down(lab, purge=purge)
        shutil.rmtree(lab.state, ignore_errors=True)
        kernel.restore(labs_left=any(path.is_dir() for path in state_root().glob("*")))
        say(f"the lab {name} is gone")


def find(name: str) -> Lab | None:
    """The lab of that name as it was recorded; None if there is none."""
    path = state_root() / name / "lab.json"
    if not path.is_file():
        return None
    values = json.loads(path.read_text())
    return Lab(name, ipaddress.IPv4Network(values["subnet"]), int(values["size"]), values["like"])


def status(name: str) -> tuple[NodeStatus, ...]:
    lab = find(name)
    if lab is None:
        return ()
    return tuple(NodeStatus(one.name, one.address, bool(node.init_pid(lab, one))) for one in lab.nodes)


def shell(name: str, node_name: str, command: Sequence[str] = ()) -> int:
    """An ssh to a node, as a person would; its exit code."""
    lab, _ = _node(name, node_name)
    return subprocess.run(["ssh", "-F", str(ssh_config(lab.name)), node_name, *command], check=False).returncode


def inside(
    name: str, node_name: str, argv: Sequence[str], *, limit: float = 60, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program in a node as root, without ssh."""
    lab, one = _node(name, node_name)
    return node.inside(lab, one, list(argv), limit=limit, stdin=stdin)


def power_off(name: str, node_name: str) -> None:
    """The node's plug is pulled after its systemd was asked to stop."""
    lab, one = _node(name, node_name)
    node.stop(lab, one)


def power_on(name: str, node_name: str) -> None:
    """Boot it again, with the disk it had."""
    lab, one = _node(name, node_name)
    node.start(lab, one)
    node.wait_booted(lab, one)


def ssh_config(name: str) -> Path:
    """An OpenSSH client configuration with the lab's nodes, their key and their host keys."""
    return state_root() / name / "ssh_config"


def _node(name: str, node_name: str) -> tuple[Lab, LabNode]:
    lab = find(name)
    if lab is None:
        raise LabError(f"there is no lab {name}", fix="kubeup lab up")
    for one in lab.nodes:
        if one.name == node_name:
            return lab, one
    names = ", ".join(one.name for one in lab.nodes)
    raise LabError(f"the lab {name} has no node {node_name}", evidence=[f"it has {names}"], fix=f"take one of {names}")


@contextmanager
def _alone() -> Iterator[None]:
    """One kubeup at a time builds or ends labs."""
    state_root().mkdir(parents=True, exist_ok=True)
    with (state_root() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _record(lab: Lab) -> None:
    known = find(lab.name)
    if known and (known.subnet, known.like) != (lab.subnet, lab.like):
        raise LabError(
            f"the lab {lab.name} exists and is another one ({known.like}, {known.subnet})",
            fix=f"kubeup lab down --name {lab.name}, or take another name",
        )
    lab.state.mkdir(mode=0o711, parents=True, exist_ok=True)
    size = max(lab.size, known.size if known else 0)
    (lab.state / "lab.json").write_text(json.dumps({"subnet": str(lab.subnet), "size": size, "like": lab.like}))


def _keys(lab: Lab) -> None:
    key = lab.state / "id_ed25519"
    if not key.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"kubeup lab {lab.name}", "-f", str(key)])


def _write_ssh(lab: Lab) -> None:
    known = "".join(f"{one.name},{one.address} {node.host_key(lab, one)}\n" for one in lab.nodes)
    (lab.state / "known_hosts").write_text(known)
    blocks = "".join(
        f"Host {one.name} {one.address}\n"
        f"    HostName {one.address}\n"
        f"    User {lab.user}\n"
        f"    IdentityFile {lab.state}/id_ed25519\n"
        f"    IdentitiesOnly yes\n"
        f"    UserKnownHostsFile {lab.state}/known_hosts\n"
        for one in lab.nodes
    )
    (lab.state / "ssh_config").write_text(blocks)
