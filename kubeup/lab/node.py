"""One lab node: its folder, its boot, its end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from kubeup.errors import LabError
from kubeup.lab import network
from kubeup.lab.model import Lab, LabNode
from kubeup.lab.shell import run

BOOT = Path(__file__).with_name("boot.sh")
BOOT_SECONDS = 60.0
STOP_SECONDS = 20.0


def folder(lab: Lab, node: LabNode) -> Path:
    return lab.state / "nodes" / node.name


def group(lab: Lab, node: LabNode) -> str:
    """The name of the node's cgroups, and its machine name."""
    return f"{lab.netns}-{node.name}"


def prepare(lab: Lab, node: LabNode, base: Path) -> None:
    """The node's own files over the base image: identity, host key, the key that may log in."""
    home = folder(lab, node)
    upper = home / "upper"
    if (home / "ready").exists():
        return
    shutil.rmtree(upper, ignore_errors=True)
    for name in ("upper/etc/ssh", "work", "root", "data"):
        (home / name).mkdir(parents=True, exist_ok=True)
    if not (home / "base").is_symlink():
        (home / "base").symlink_to(base)
    (upper / "etc/hostname").write_text(f"{node.name}\n")
    hosts = "".join(f"{other.address} {other.name}\n" for other in lab.nodes)
    (upper / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{hosts}")
    (upper / "etc/machine-id").write_text(os.urandom(16).hex() + "\n")
    key = upper / "etc/ssh/ssh_host_ed25519_key"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", node.name, "-f", str(key)])
    _authorize(lab, upper, base)
    (home / "ready").touch()


def _authorize(lab: Lab, upper: Path, base: Path) -> None:
    public = (lab.state / "id_ed25519.pub").read_text()
    users = {"ubuntu": "home/ubuntu"} if lab.like == "ubuntu" else {"root": "root", "admin": "home/admin"}
    for user, home in users.items():
        ids = next(
            line.split(":")[2:4]
            for line in (base / "etc/passwd").read_text().split("\n")
            if line.startswith(f"{user}:")
        )
        target = upper / home
        target.mkdir(parents=True, exist_ok=True)
        os.chmod(target, 0o700)
        ssh = target / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        (ssh / "authorized_keys").write_text(public)
        for path in (target, ssh, ssh / "authorized_keys"):
            os.chown(path, int(ids[0]), int(ids[1]))
        os.chmod(ssh / "authorized_keys", 0o600)


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
    return int(pid) if started and _started(int(pid)) == started else 0


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot (proc(5), field 22 of stat); empty if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def start(lab: Lab, node: LabNode) -> None:
    """Begin to boot; returns at once. Does nothing if it runs."""
    if pid_of(lab, node):
        return
    network.add_node(lab, node)
    home = folder(lab, node)
    with (home / "console.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--",
                "sh",
                str(BOOT),
                str(home),
                node.name,
                lab.node_netns(node.name),
                group(lab, node),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (home / "pid").write_text(f"{process.pid} {_started(process.pid)}")


def init_pid(lab: Lab, node: LabNode) -> int:
    """The node's own pid 1, as this machine sees it; 0 while there is none."""
    holder = pid_of(lab, node)
    if not holder:
        return 0
    for line in run(["ps", "-o", "pid=,comm=", "--ppid", str(holder)], check=False).stdout.split("\n"):
        words = line.split()
        if len(words) == 2 and words[1] == "systemd":
            return int(words[0])
    return 0


def inside(
    lab: Lab, node: LabNode, argv: list[str], *, limit: float = 60, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program in the node as root, without ssh."""
    pid = init_pid(lab, node)
    if not pid:
        raise LabError(f"{node.name} is not running", fix="kubeup lab up")
    enter = [
        "nsenter",
        "--target",
        str(pid),
        "--mount",
        "--uts",
        "--ipc",
        "--net",
        "--pid",
        "--cgroup",
        "--root",
        "--wd",
    ]
    return run([*enter, *argv], limit=limit, stdin=stdin, check=False)


def wait_booted(lab: Lab, node: LabNode) -> None:
    """Until sshd answers; the part that cgroup v1 needs is done on the way. Raises LabError with the console."""
    deadline = time.monotonic() + BOOT_SECONDS
    _poll(lab, node, deadline, lambda: init_pid(lab, node) != 0, "its systemd to start")
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        _poll(lab, node, deadline, lambda: _open_cgroups(lab, node), "its cgroups")
    _poll(lab, node, deadline, lambda: _ssh_answers(node), "sshd to answer")


def _open_cgroups(lab: Lab, node: LabNode) -> bool:
    script = (
        "mount --make-rshared / && "
        "for d in /sys/fs/cgroup/*/; do mountpoint -q $d && mount -o remount,bind,rw $d; done; "
        "test -w /sys/fs/cgroup/memory"
    )
    return inside(lab, node, ["sh", "-c", script]).returncode == 0


def _ssh_answers(node: LabNode) -> bool:
    try:
        with socket.create_connection((node.address, 22), timeout=1) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _poll(lab: Lab, node: LabNode, deadline: float, ready: Callable[[], bool], what: str) -> None:
    while not ready():
        if time.monotonic() > deadline or not pid_of(lab, node):
            console = (folder(lab, node) / "console.log").read_bytes().decode("utf-8", "replace")
            raise LabError(
                f"{node.name} did not boot: waited {BOOT_SECONDS:.0f} s for {what}",
                evidence=console.split("\n")[-12:],
                fix="kubeup lab down, then kubeup lab up",
            )
        time.sleep(0.1)


def stop(lab: Lab, node: LabNode) -> None:
    """End the node's processes, all of them, and only them; then its cgroups go."""
    init = init_pid(lab, node)
    if init:
        _kill(init, signal.SIGRTMIN + 4)
        _wait(lambda: init_pid(lab, node) == 0, STOP_SECONDS)
    holder = pid_of(lab, node)
    if holder:
        _kill(holder, signal.SIGKILL)
    _wait(lambda: pid_of(lab, node) == 0, 5)
    clean_cgroups(group(lab, node))
    (folder(lab, node) / "pid").unlink(missing_ok=True)


def clean_cgroups(name: str) -> None:
    """Kill what is left in the node's cgroups, and remove them."""
    for hierarchy in [*Path("/sys/fs/cgroup").glob("*/"), Path("/sys/fs/cgroup")]:
        top = hierarchy / name
        if not top.is_dir():
            continue
        for _ in range(50):
            pids = [pid for path in top.rglob("cgroup.procs") for pid in path.read_text().split()]
            pids += (top / "cgroup.procs").read_text().split()
            if not pids:
                break
            for pid in set(pids):
                _kill(int(pid), signal.SIGKILL)
            time.sleep(0.1)
        for path in sorted((path for path in top.rglob("*") if path.is_dir()), key=lambda p: -len(p.parts)):
            _rmdir(path)
        _rmdir(top)


def _rmdir(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        # Still busy: the next `lab down` finds it by its name.
        return


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.1)
