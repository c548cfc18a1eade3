"""Host keys: verified always. Known ones by OpenSSH's files, unknown ones refused or kept, changed ones refused."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from pathlib import Path

import paramiko

from kubeup.errors import ConnectError
from kubeup.model import HostKeys

_WRITE = threading.Lock()


def fingerprint(key: paramiko.PKey) -> str:
    """As ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


class Verifier(paramiko.MissingHostKeyPolicy):
    """What to do about a key that known_hosts does not have: called by paramiko for unknown hosts only."""

    def __init__(self, node: str, policy: HostKeys, pinned: str, known_hosts: Path) -> None:
        self._node, self._policy, self._pinned, self._known_hosts = node, policy, pinned, known_hosts

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        if self._pinned:
            if matches(self._pinned, key):
                return
            raise ConnectError(
                self._node,
                "host key",
                "the host key is not the one the profile pins",
                evidence=[f"offered: {key.get_name()} {fingerprint(key)}", f"pinned:  {self._pinned}"],
                fix="find out why it differs; if the machine is the right one, change host_key in the profile",
            )
        if self._policy is HostKeys.ACCEPT_NEW:
            _remember(self._known_hosts, hostname, key)
            return
        host = hostname.strip("[]").partition("]:")[0]
        raise ConnectError(
            self._node,
            "host key",
            f"the host key of {hostname} is not known",
            evidence=[f"offered: {key.get_name()} {fingerprint(key)}"],
            fix=f"check it on the machine's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then type: "
            f"ssh {host} true; or say host_keys: accept-new under ssh: in the profile",
        )


def changed(node: str, error: paramiko.BadHostKeyException, known_hosts: Path) -> ConnectError:
    """The message for a key that is not the one we know."""
    return ConnectError(
        node,
        "host key",
        f"the host key of {error.hostname} has CHANGED",
        evidence=[
            f"known:   {error.expected_key.get_name()} {fingerprint(error.expected_key)}",
            f"offered: {error.key.get_name()} {fingerprint(error.key)}",
        ],
        fix="someone may be listening in. If the machine was installed again, type: "
        f"ssh-keygen -f {known_hosts} -R '{error.hostname}'",
    )


def matches(pinned: str, key: paramiko.PKey) -> bool:
    """pinned: ``SHA256:...`` or ``ssh-ed25519 AAAA...`` as in known_hosts."""
    if pinned.startswith("SHA256:"):
        return pinned.rstrip("=") == fingerprint(key)
    parts = pinned.split()
    return parts[:2] == [key.get_name(), key.get_base64()]


def _remember(path: Path, hostname: str, key: paramiko.PKey) -> None:
    with _WRITE:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(f"{hostname} {key.get_name()} {key.get_base64()}\n")
