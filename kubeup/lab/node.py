"""One lab node: its files, its boot, its end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kubeup.lab import cgroups, network, ssh
from kubeup.lab.model import Lab, LabNode
from kubeup.lab.shell import remove_tree, run, wait_until
from kubeup.model.errors import LabError

BOOT = Path(__file__).with_name("boot.sh")
BOOT_SECONDS = 60.0
STOP_SECONDS = 20.0
POWER_OFF = signal.SIGRTMIN + 4
REBOOT = signal.SIGRTMIN + 5
"""What systemd(1) does on these signals."""
ENVIRONMENT = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")
OPENER = """\
[Unit]
Description=What a container lacks of a machine: writable cgroup v1 hierarchies, mounts that propagate
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'mount --make-rshared /; for d in /sys/fs/cgroup/*/; do \
if mountpoint -q $$d; then mount -o remount,bind,rw $$d; fi; done'
"""


def folder(lab: Lab, node: LabNode) -> Path:
    return lab.state / "nodes" / node.name


def prepare(lab: Lab, node: LabNode, base: Path) -> None:
    """The node's own files over the base image: identity, host key, the key that may log in."""
    home = folder(lab, node)
    if (home / "ready").exists():
        if not (home / "base").exists():
            raise LabError(
                f"the base image that {node.name} stands on is gone",
                evidence=[f"{home}/base -> {os.readlink(home / 'base')}"],
                fix=f"kubeup lab down --name {lab.name}, then kubeup lab up --name {lab.name}",
            )
        return
    remove_tree(home)
    upper = home / "upper"
    for name in ("upper/etc/ssh", "upper/etc/systemd", "work", "root", "data"):
        (home / name).mkdir(parents=True)
    (home / "base").symlink_to(base)
    (upper / "etc/hostname").write_text(f"{node.name}\n")
    (upper / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{_hosts(lab, node)}")
    (upper / "etc/machine-id").write_text(os.urandom(16).hex() + "\n")
    # The gateway has no name server: look-ups fail at once, as nothing outside can be reached.
    if (base / "usr/lib/systemd/systemd-resolved").exists():
        (upper / "etc/systemd/resolved.conf.d").mkdir()
        (upper / "etc/systemd/resolved.conf.d/lab.conf").write_text(f"[Resolve]\nDNS={lab.gateway}\n")
    else:
        (upper / "etc/resolv.conf").write_text(f"nameserver {lab.gateway}\n")
    ssh.make_key(upper / "etc/ssh/ssh_host_ed25519_key", node.name)
    ssh.authorize(lab, upper, base)
    (home / "ready").touch()


def add_hosts(lab: Lab, node: LabNode) -> None:
    """A running node learns of the nodes that came later than it."""
    script = 'while read -r line; do grep -qxF "$line" /etc/hosts || echo "$line" >>/etc/hosts; done'
    inside(lab, node, ["sh", "-c", script], stdin=_hosts(lab, node))


def _hosts(lab: Lab, node: LabNode) -> str:
    if lab.kind.own_name:
        return f"{lab.kind.own_name} {node.name}\n"
    return "".join(f"{node.address} {node.name}\n" for node in lab.nodes)


def host_key(lab: Lab, node: LabNode) -> str:
    """``ssh-ed25519 AAAA...``"""
    text = (folder(lab, node) / "upper/etc/ssh/ssh_host_ed25519_key.pub").read_text()
    return " ".join(text.split()[:2])


def pid_of(lab: Lab, node: LabNode) -> int:
    """The process that holds the node, 0 if it is off. A recycled process id is not taken for it."""
    try:
        pid, started = (folder(lab, node) / "pid").read_text().split()
    except (OSError, ValueError):
        return 0
    return int(pid) if _started(int(pid)) == started else 0


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot (proc(5), field 22 of stat); empty if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def start(lab: Lab, node: LabNode) -> None:
    """Begin to boot. Does nothing if a process holds the node. Two at once must not try: see ``state.alone``."""
    if pid_of(lab, node):
        return
    network.add_node(lab, node)
    home = folder(lab, node)
    _write_opener(home / "upper")
    arguments = (str(home), node.name, lab.node_netns(node.name))
    with (home / "console.log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "slave", "sh", str(BOOT), *arguments],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (home / "pid.new").write_text(f"{process.pid} {_started(process.pid)}")
    (home / "pid.new").rename(home / "pid")
    assert process.stdin is not None
    # Where it ended at once and nobody reads, wait_booted shows what it said.
    with contextlib.suppress(BrokenPipeError), process.stdin as line:
        line.write(b"on record\n")


def _write_opener(upper: Path) -> None:
    units = upper / "usr/lib/systemd/system"
    wants = units / "sysinit.target.wants/lab-node.service"
    wants.parent.mkdir(parents=True, exist_ok=True)
    (units / "lab-node.service").write_text(OPENER)
    if not wants.is_symlink():
        wants.symlink_to("../lab-node.service")


def init_pid(lab: Lab, node: LabNode) -> int:
    """The node's own pid 1, as this machine sees it; 0 while there is none."""
    parents = {pid_of(lab, node)} - {0}
    if not parents:
        return 0
    children: dict[int, list[tuple[int, str]]] = {}
    for line in run(["ps", "-eww", "-o", "ppid=,pid=,comm="], check=False).stdout.split("\n"):
        words = line.split(maxsplit=2)
        if len(words) == 3:
            children.setdefault(int(words[0]), []).append((int(words[1]), words[2]))
    # The holder, systemd-nspawn, the node's systemd: each the child of the one before.
    for _ in range(3):
        family = [child for parent in parents for child in children.get(parent, [])]
        for pid, name in family:
            if name == "systemd":
                return pid
        parents = {pid for pid, _ in family}
    return 0


def inside(
    lab: Lab, node: LabNode, argv: Sequence[str], *, limit: float = 60, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program in the node as root, without ssh."""
    pid = init_pid(lab, node)
    if not pid:
        raise LabError(f"{node.name} is not running", fix=f"kubeup lab up --name {lab.name}")
    spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
    return run(
        ["nsenter", "--target", str(pid), *spaces, "env", "-i", *ENVIRONMENT, *argv],
        limit=limit,
        stdin=stdin,
        check=False,
    )


def wait_booted(lab: Lab, node: LabNode, *, after: int = 0) -> None:
    """Until people can log in; a cluster's units may go on waiting for their peers. after: the process 1 of the boot
    before. Raises LabError with the console."""
    deadline = time.monotonic() + BOOT_SECONDS
    _poll(lab, node, deadline, lambda: init_pid(lab, node) not in (0, after), "its systemd to start")
    _poll(lab, node, deadline, lambda: ssh_answers(node), "sshd to answer")
    _poll(lab, node, deadline, lambda: _lets_in(lab, node), "its systemd to permit user sessions")


def _lets_in(lab: Lab, node: LabNode) -> bool:
    """Before that, only root may log in (pam_nologin(8))."""
    return inside(lab, node, ["systemctl", "is-active", "--quiet", "systemd-user-sessions.service"]).returncode == 0


def ssh_answers(node: LabNode) -> bool:
    """Whether there is an SSH server at the node's address."""
    try:
        with socket.create_connection((node.address, 22), timeout=1) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _poll(lab: Lab, node: LabNode, deadline: float, ready: Callable[[], bool], what: str) -> None:
    while not ready():
        ended = not pid_of(lab, node)
        if ended or time.monotonic() > deadline:
            console = (folder(lab, node) / "console.log").read_bytes().decode("utf-8", "replace")
            raise LabError(
                f"{node.name} ended as it booted, before {what}"
                if ended
                else f"{node.name} did not boot: waited {BOOT_SECONDS:.0f} s for {what}",
                evidence=[line for line in console.split("\n") if line.strip()][-12:],
                fix=f"kubeup lab down --name {lab.name}, then kubeup lab up --name {lab.name}",
            )
        time.sleep(0.1)


def ask(lab: Lab, node: LabNode, number: int) -> int:
    """Ask the node's systemd to power off or reboot; returns its process id, 0 if it is off."""
    init = init_pid(lab, node)
    if init:
        cgroups.kill(init, number)
    return init


def wait_off(lab: Lab, node: LabNode) -> None:
    """Until a node that was asked to power off has ended, or took too long."""
    wait_until(lambda: pid_of(lab, node) == 0, STOP_SECONDS)


def pull(lab: Lab, node: LabNode) -> None:
    """Pull the plug: end the node's processes, all of them, and only them; then its cgroups go."""
    init, holder = init_pid(lab, node), pid_of(lab, node)
    if holder:
        # The holder leads a group of its own: it boots the node no more, and what it just started ends with it.
        cgroups.kill(-holder, signal.SIGKILL)
    if init:
        cgroups.kill(init, signal.SIGKILL)
    gone = wait_until(lambda: pid_of(lab, node) == 0 and not _started(init), STOP_SECONDS)
    stay = [str(top) for top in cgroups.of_node(lab.node_netns(node.name)) if not cgroups.clean(top)]
    if not gone or stay:
        raise LabError(
            f"the processes of {node.name} do not end",
            evidence=stay or [f"process {init}"],
            fix=f"kubeup lab down --name {lab.name}",
        )
    (folder(lab, node) / "pid").unlink(missing_ok=True)
