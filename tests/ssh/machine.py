"""A throwaway machine for SSH tests: the real root file system under an overlay, seen through a chroot in mount and
process namespaces of its own. What its root does to /etc, /home or /var/lib is gone with it.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.polling import settle

ROOT = """
set -e
mount --make-rprivate /
mkdir -p "$0/layer" "$0/root"
mount -t tmpfs -o size=4g tmpfs "$0/layer"
mkdir "$0/layer/upper" "$0/layer/work"
mount -t overlay -o "lowerdir=$1,upperdir=$0/layer/upper,workdir=$0/layer/work" overlay "$0/root"
mount -t proc proc "$0/root/proc"
mount --rbind /dev "$0/root/dev"
mount -t tmpfs tmpfs "$0/root/run"
mount -t tmpfs tmpfs "$0/root/tmp"
chmod 1777 "$0/root/tmp"
mkdir -p "$0/root/run/sshd" "$0/root/var/lib/kubeup"
mount -t tmpfs -o size=2g,mode=755 tmpfs "$0/root/var/lib/kubeup"
echo ready
exec chroot "$0/root" sh -c 'trap : CHLD; while :; do sleep 3600 & wait $!; done'
"""
SUDOERS = """
Defaults env_reset, use_pty, passwd_tries=3
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
asked ALL=(ALL:ALL) ALL
free ALL=(ALL:ALL) NOPASSWD: ALL
fishy ALL=(ALL:ALL) NOPASSWD: ALL
chatty ALL=(ALL:ALL) NOPASSWD: ALL
coded ALL=(ALL:ALL) NOPASSWD: ALL
Defaults:terminal requiretty
terminal ALL=(ALL:ALL) NOPASSWD: ALL
"""
PASSWORD = "correct horse 'battery' \\ $taple"
CODE = "424242"
# pam_ftp has a question of its own ("Guest login ok, ..."), and shows the answer to the next one as PAM_RUSER.
ASK_CODE = """
auth [success=2 default=ignore] pam_succeed_if.so quiet user != coded
auth required pam_ftp.so users=coded
auth required pam_exec.so quiet /test/check-code
"""
CHATTY = """#!/bin/sh
echo 'Welcome to the machine'
printf 'No news today, not even kubeup'
echo 'mind the step' >&2
exec /bin/sh "$@"
"""
USERS = {"asked": "/bin/bash", "free": "/bin/sh", "plain": "/bin/sh", "terminal": "/bin/sh", "fishy": "/usr/bin/fish",
         "coded": "/bin/sh"}  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Daemon:
    """One sshd of the machine."""

    port: int
    host_keys: Mapping[str, Path]
    process: subprocess.Popen[bytes]
    log: Path

    def public(self, kind: str = "ed25519") -> str:
        """``ssh-ed25519 AAAA...``"""
        return " ".join(self.host_keys[kind].with_suffix(".pub").read_text().split()[:2])

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


class Machine:
    """Boots in a blink; ``run`` executes as its root, ``sshd`` starts a daemon on a free port of the loopback."""

    def __init__(self, folder: Path, base: str = "/") -> None:
        """base: the root file system it begins with, which stays as it is."""
        self.folder = folder
        self._daemons: list[Daemon] = []
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ROOT, str(folder), base],
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n", "the test machine did not boot"
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        self._pid = int(children.read_text().split()[0])
        self._people()
        # Newer ones punish addresses for what these tests do all the time.
        unknown = "Bad configuration" in self.run("/usr/sbin/sshd -t -o PerSourcePenalties=no", check=False)
        self._mild = () if unknown else ("PerSourcePenalties no",)

    def _enter(self, *words: str) -> list[str]:
        return ["nsenter", "--target", str(self._pid), "--mount", "--pid", "--root", "--wd", "--", *words]

    def run(self, script: str, *, check: bool = True, input: bytes = b"") -> str:
        """A shell script as the machine's root; its output."""
        done = subprocess.run(
            self._enter("sh", "-c", script),
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=60,
        )
        text = done.stdout.decode("utf-8", "replace")
        assert not check or done.returncode == 0, text
        return text

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        self.run(f"mkdir -p \"$(dirname '{path}')\" && cat >'{path}' && chmod {mode:o} '{path}'", input=text.encode())

    def _people(self) -> None:
        self.write("/test/chatty-shell", CHATTY, 0o755)
        self.write("/test/check-code", f'#!/bin/sh\n[ "$PAM_RUSER" = {CODE} ]\n', 0o755)
        self.run("cat >>/etc/pam.d/sshd", input=ASK_CODE.encode())
        self.write("/etc/sudoers", SUDOERS, 0o440)
        self.run("rm -rf /etc/sudoers.d/* /root/.bashrc /root/.profile /root/.ssh")
        for user, shell in {**USERS, "chatty": "/test/chatty-shell"}.items():
            self.run(f"useradd --create-home --shell {shell} {user}")
            self.run("chpasswd", input=f"{user}:{PASSWORD}\n".encode())
        self.run(f"useradd --create-home --shell {shutil.which('nologin') or '/usr/sbin/nologin'} closed")

    def authorize(self, public_key: Path) -> None:
        """This key opens every account."""
        self.write("/etc/ssh/test-keys", public_key.read_text())

    def sshd(self, *options: str, keys: Sequence[str] = ("ed25519",), fresh: str = "") -> Daemon:
        """options: lines of sshd_config. keys: kinds of host keys; the same for all daemons, but for a fresh set."""
        port, log = free_port(), self.folder / f"sshd-{len(self._daemons)}.log"
        paths = {kind: self._host_key(kind, fresh) for kind in keys}
        lines = [
            *options,
            *self._mild,
            f"Port {port}",
            "ListenAddress 127.0.0.1",
            "PermitRootLogin yes",
            "StrictModes no",
            "UsePAM yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "AuthorizedKeysFile /etc/ssh/test-keys",
            "PidFile none",
            "LogLevel VERBOSE",
            *(f"HostKey /etc/ssh/test-host/{path.name}" for path in paths.values()),
        ]
        config = f"/etc/ssh/test-sshd-{len(self._daemons)}"
        self.write(config, "\n".join(lines) + "\n")
        with log.open("wb") as output:
            process = subprocess.Popen(self._enter("/usr/sbin/sshd", "-D", "-e", "-f", config), stderr=output)
        daemon = Daemon(port, paths, process, log)
        self._daemons.append(daemon)
        settle(lambda: "listening on" in daemon.said() or process.poll() is not None, 20, "sshd listening")
        assert process.poll() is None, daemon.said()
        return daemon

    def _host_key(self, kind: str, fresh: str) -> Path:
        path = self.folder / "host" / f"{fresh}{kind}"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            make_key(path, kind)
            self.write(f"/etc/ssh/test-host/{path.name}", path.read_text(), 0o600)
        return path

    def stop(self) -> None:
        for daemon in self._daemons:
            daemon.stop()
        self._holder.kill()
        self._holder.wait(10)


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A private key, its public half beside it."""
    words = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path), "-C", path.name]
    subprocess.run(words, check=True)
    return path
