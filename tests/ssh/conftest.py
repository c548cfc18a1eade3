"""A real sshd on the loopback, and an operator with a home of his own."""

from __future__ import annotations

import ipaddress
import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kubeup.model.cluster import Cluster, HostKeys, Network, Node, Role
from kubeup.model.errors import ConnectError
from kubeup.node.ssh.connector import Connector
from kubeup.node.ssh.secrets import Secrets
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import SshConnection
from tests.ssh.machine import Daemon, Machine, make_key

NEEDED = {"sshd": "openssh-server", "ssh": "openssh-client", "sudo": "sudo"}


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("a throwaway machine needs root")
    path = os.environ["PATH"] + ":/usr/sbin"
    missing = [package for program, package in NEEDED.items() if not shutil.which(program, path=path)]
    if missing:
        pytest.fail(f"these tests need: apt-get install {' '.join(missing)}")
    made = Machine(tmp_path_factory.mktemp("machine"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def key(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's key, which opens every account."""
    path = make_key(tmp_path_factory.mktemp("keys") / "id_ed25519")
    machine.authorize(path.with_suffix(".pub"))
    return path


@pytest.fixture(scope="session")
def sshd(machine: Machine, key: Path) -> Daemon:
    return machine.sshd(keys=("ed25519", "rsa", "ecdsa"))


@dataclass
class Operator:
    """Whoever runs kubeup: a home with an SSH configuration, an environment, and answers to questions.

    asked: the prompts seen. connections: closed at the end of a test.
    """

    home: Path
    key: Path
    answers: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    closing: list[Callable[[], None]] = field(default_factory=list)
    host_keys: HostKeys = HostKeys.STRICT
    config: str = ""

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        return self.home / ".ssh" / "config"

    def trust(self, daemon: Daemon, name: str = "127.0.0.1", kind: str = "ed25519") -> None:
        with self.known_hosts.open("a") as file:
            file.write(f"[{name}]:{daemon.port} {daemon.public(kind)}\n")

    def ask(self, prompt: str) -> str | None:
        self.asked.append(prompt)
        return next((answer for word, answer in self.answers.items() if word in prompt), None)

    def cluster(self, *nodes: Node) -> Cluster:
        network = Network(
            ipaddress.IPv4Network("172.16.0.0/16"),
            ipaddress.IPv4Network("10.96.0.0/16"),
            ipaddress.IPv4Address("10.96.0.10"),
        )
        return Cluster("test", nodes, network, host_keys=self.host_keys, ssh_config=self.config)

    def dialer(self, *nodes: Node) -> Connector:
        dialer = Connector(self.cluster(*nodes), Secrets(self.environment, self.ask))
        self.closing.append(dialer.close)
        return dialer

    def connect(self, node: Node) -> SshConnection:
        connection = SshConnection(self.dialer(node), node)
        self.closing.append(connection.close)
        return connection

    def node(self, daemon: Daemon, user: str = "root", **settings: str) -> Node:
        node = Node("127.0.0.1", frozenset({Role.CONTROL_PLANE}), user=user, port=daemon.port, key=str(self.key))
        return replace(node, **settings)  # type: ignore[arg-type]


SSH_AT_HOME = """#!/bin/sh
exec unshare --mount sh -c 'mount --bind "$0" /etc/passwd && exec {ssh} "$@"' {passwd} "$@"
"""


def settle_in(home: Path, bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's home, for kubeup and for ssh, which asks the list of users, and no variable, where it is."""
    passwd = home.parent / "passwd"
    passwd.write_text(
        "".join(
            ":".join([*fields[:5], str(home) if fields[2] == "0" else fields[5], *fields[6:]])
            for fields in (line.split(":") for line in Path("/etc/passwd").read_text().splitlines(keepends=True))
        )
    )
    bin.mkdir()
    (bin / "ssh").write_text(SSH_AT_HOME.format(ssh=shutil.which("ssh"), passwd=passwd))
    (bin / "ssh").chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{bin}:{os.environ['PATH']}")
    known = pwd.getpwuid
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: pwd.struct_passwd((*known(uid)[:5], str(home), known(uid)[6])))


@pytest.fixture
def operator(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    settle_in(home, tmp_path / "bin", monkeypatch)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    made = Operator(home, key)
    yield made
    for close in reversed(made.closing):
        close()


@pytest.fixture
def node(operator: Operator, sshd: Daemon) -> Node:
    """The machine, as its root, with a known host key."""
    operator.trust(sshd)
    return operator.node(sshd)


@pytest.fixture
def connection(operator: Operator, node: Node) -> SshConnection:
    return operator.connect(node)


def gets_in(operator: Operator, node: Node) -> bool:
    return operator.connect(node).call(Kind.PROBE, [b"echo in"]).stdout == b"in\n"


def refusal(operator: Operator, node: Node) -> ConnectError:
    with pytest.raises(ConnectError) as raised:
        operator.connect(node)
    return raised.value
