"""How people and kubeup log in to lab nodes: a key made for the lab, host keys known from the start."""

from __future__ import annotations

import os
from pathlib import Path

from kubeup.lab.model import Lab, LabNode
from kubeup.lab.shell import run
from kubeup.model import lab_folder


def make_key(path: Path, comment: str) -> None:
    """An ed25519 key pair, whole or not at all. Does nothing if it is there."""
    if path.exists():
        return
    partial = path.with_name(f"{path.name}.new")
    for old in (partial, partial.with_name(f"{partial.name}.pub")):
        old.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(partial)])
    partial.with_name(f"{partial.name}.pub").rename(path.with_name(f"{path.name}.pub"))
    partial.rename(path)


def key(lab: Lab) -> Path:
    return lab.state / "id_ed25519"


def authorize(lab: Lab, upper: Path, base: Path) -> None:
    """Let the lab's key in. upper: the node's own layer over the base image."""
    public = key(lab).with_name("id_ed25519.pub").read_text()
    lines = [line.split(":") for line in (base / "etc/passwd").read_text().split("\n")]
    accounts = {fields[0]: fields for fields in lines}
    for user in lab.kind.users:
        uid, gid, home = int(accounts[user][2]), int(accounts[user][3]), accounts[user][5]
        folder = upper / home.lstrip("/") / ".ssh"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "authorized_keys").write_text(public)
        for path, mode in ((folder.parent, 0o700), (folder, 0o700), (folder / "authorized_keys", 0o600)):
            os.chown(path, uid, gid)
            path.chmod(mode)


def write_config(lab: Lab, host_keys: dict[LabNode, str]) -> None:
    """known_hosts and ssh_config of the lab. host_keys: ``ssh-ed25519 AAAA...`` by node."""
    known = "".join(f"{node.name},{node.address} {text}\n" for node, text in host_keys.items())
    (lab.state / "known_hosts").write_text(known)
    blocks = "".join(
        f"Host {node.name} {node.address}\n"
        f"    HostName {node.address}\n"
        f"    User {lab.user}\n"
        f"    IdentityFile {key(lab)}\n"
        f"    IdentitiesOnly yes\n"
        f"    UserKnownHostsFile {lab.state}/known_hosts\n"
        f"    StrictHostKeyChecking yes\n"
        for node in host_keys
    )
    lab_folder.ssh_config(lab.name).write_text(blocks)
