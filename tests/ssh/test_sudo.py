"""Becoming root by sudo: with and without a password, and every way it can be refused."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.model.cluster import Node
from kubeup.model.errors import ConnectError, UsageError
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import SshConnection
from tests.ssh.conftest import Operator
from tests.ssh.machine import CHATTY, PASSWORD, Daemon, Machine

WHO = [b"id -un"]


@pytest.fixture(autouse=True)
def forgotten(machine: Machine) -> None:
    """sudo remembers nothing of the test before."""
    machine.run("rm -rf /run/sudo")


fish = pytest.param("fishy", marks=pytest.mark.skipif(not shutil.which("fish"), reason="needs: apt-get install fish"))


def refusal(operator: Operator, node: Node) -> ConnectError:
    with pytest.raises(ConnectError) as raised:
        operator.connect(node).call(Kind.PROBE, WHO)
    return raised.value


@pytest.mark.parametrize("user", ["free", "chatty", fish])
def test_sudo_without_a_password_asks_nobody(operator: Operator, node: Node, user: str) -> None:
    assert operator.connect(replace(node, user=user)).call(Kind.PROBE, WHO).stdout == b"root\n"
    assert operator.asked == []


def test_a_password_is_asked_once_for_all_nodes_and_trips(operator: Operator, node: Node, machine: Machine) -> None:
    operator.answers["sudo password"] = PASSWORD
    node = replace(node, user="asked")
    dialer = operator.dialer(node)
    answers: list[bytes] = []

    def ask() -> None:
        connection = SshConnection(dialer, node)
        for _ in range(2):
            answers.append(connection.call(Kind.PROBE, WHO).stdout)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [b"root\n"] * 8
    assert operator.asked == ["sudo password on the nodes: "]


def test_a_password_comes_from_the_environment(operator: Operator, node: Node) -> None:
    operator.environment["KUBEUP_SUDO_PASSWORD"] = PASSWORD
    assert operator.connect(replace(node, user="asked")).call(Kind.PROBE, WHO).stdout == b"root\n"
    assert operator.asked == []


def test_a_password_comes_from_a_file(operator: Operator, node: Node, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    operator.environment["KUBEUP_SUDO_PASSWORD_FILE"] = str(tmp_path / "password")
    assert operator.connect(replace(node, user="asked")).call(Kind.PROBE, WHO).stdout == b"root\n"


def test_a_password_file_that_is_not_there_is_told(operator: Operator, node: Node) -> None:
    operator.environment["KUBEUP_SUDO_PASSWORD_FILE"] = "/no/such/file"
    with pytest.raises(UsageError, match="the file that KUBEUP_SUDO_PASSWORD_FILE names cannot be read"):
        operator.connect(replace(node, user="asked")).call(Kind.PROBE, WHO)


def test_a_password_is_seen_nowhere(operator: Operator, node: Node, machine: Machine, sshd: Daemon) -> None:
    operator.environment["KUBEUP_SUDO_PASSWORD"] = PASSWORD
    connection = operator.connect(replace(node, user="asked"))
    seen = connection.call(Kind.PROBE, [b"cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"])
    assert b"sudo" in seen.stdout
    assert PASSWORD.encode() not in seen.stdout + seen.stderr
    assert PASSWORD not in sshd.said()
    assert PASSWORD not in repr(connection) + repr(connection.__dict__)


def test_a_password_is_not_sent_to_who_does_not_ask_for_it(operator: Operator, node: Node) -> None:
    operator.environment["KUBEUP_SUDO_PASSWORD"] = PASSWORD
    reply = operator.connect(replace(node, user="free")).call(Kind.PROBE, [b"echo $l $who; cat"], operator="me")
    assert reply.stdout == b"kubeup-begin me\n"


def test_no_password_where_one_is_wanted(operator: Operator, node: Node) -> None:
    error = refusal(operator, replace(node, user="asked"))
    assert error.title() == "127.0.0.1: sudo: sudo wants a password of asked, and none was given"
    assert error.fix == "run kubeup on a terminal, or set KUBEUP_SUDO_PASSWORD or KUBEUP_SUDO_PASSWORD_FILE"
    assert operator.asked == ["sudo password on the nodes: "]


def test_a_wrong_password_is_tried_once_only(operator: Operator, node: Node, machine: Machine) -> None:
    """Three attempts a node could lock the account (pam_faillock)."""
    machine.run("sed -i '1i Defaults logfile=/tmp/sudo.log' /etc/sudoers; rm -f /tmp/sudo.log")
    operator.answers["sudo password"] = "wrong"
    error = refusal(operator, replace(node, user="asked"))
    assert error.title() == "127.0.0.1: sudo: sudo did not take the password of asked"
    # What comes after it depends on whether sudo sees the end of the line before the line is cut.
    assert "Sorry, try again." in error.evidence
    assert error.fix == "run the command again with the right one, at the prompt or in KUBEUP_SUDO_PASSWORD"
    assert "1 incorrect password attempt" in machine.run("cat /tmp/sudo.log")


def test_a_user_who_may_not_use_sudo(operator: Operator, node: Node) -> None:
    operator.answers["sudo password"] = PASSWORD
    error = refusal(operator, replace(node, user="plain"))
    assert error.title() == "127.0.0.1: sudo: the user plain may not use sudo"
    assert "plain is not in the sudoers file" in " ".join(error.evidence)
    assert error.fix == "as root on the node: usermod -aG sudo plain; or log in as root (root@127.0.0.1 in the profile)"


def test_a_sudo_that_insists_on_a_terminal(operator: Operator, node: Node) -> None:
    error = refusal(operator, replace(node, user="terminal"))
    assert error.title() == "127.0.0.1: sudo: sudo insists on a terminal"
    assert error.fix == "on the node, with visudo: change `Defaults requiretty` to `Defaults:terminal !requiretty`"


@pytest.fixture
def no_sudo(machine: Machine) -> Iterator[None]:
    machine.run("mv /usr/bin/sudo /usr/bin/sudo.away")
    yield
    machine.run("mv /usr/bin/sudo.away /usr/bin/sudo")


@pytest.mark.usefixtures("no_sudo")
@pytest.mark.parametrize("user", ["free", fish])
def test_a_node_without_sudo(operator: Operator, node: Node, user: str) -> None:
    error = refusal(operator, replace(node, user=user))
    assert error.title() == "127.0.0.1: sudo: there is no sudo on the node"
    assert error.fix == "as root on the node: apt-get install sudo; or log in as root (root@127.0.0.1 in the profile)"


def test_a_broken_sudoers_is_shown(operator: Operator, node: Node, machine: Machine) -> None:
    machine.run("cp -p /etc/sudoers /tmp/sudoers; chmod 666 /etc/sudoers")
    try:
        error = refusal(operator, replace(node, user="free"))
    finally:
        machine.run("cp -p /tmp/sudoers /etc/sudoers")
    assert error.message == "sudo refused to run anything for free"
    assert "world writable" in " ".join(error.evidence)


def test_an_account_without_a_shell(operator: Operator, node: Node, machine: Machine) -> None:
    error = refusal(operator, replace(node, user="closed"))
    assert error.title().startswith("127.0.0.1: sudo: sudo refused to run anything for closed")
    assert "This account is currently not available." in error.evidence


def test_a_login_shell_that_never_answers(
    operator: Operator, node: Node, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubeup.node.wire.exchange.HELLO_SECONDS", 1.0)
    machine.write("/test/chatty-shell", "#!/bin/sh\necho thinking >&2\nsleep 60\n", 0o755)
    try:
        error = refusal(operator, replace(node, user="chatty"))
    finally:
        machine.write("/test/chatty-shell", CHATTY, 0o755)
    assert error.title() == "127.0.0.1: sudo: sudo did not answer within 1 s"
    assert error.evidence == ("thinking",)


def test_sudo_speaks_english_whatever_the_language_of_the_login(operator: Operator, machine: Machine) -> None:
    daemon = machine.sshd("SetEnv LC_ALL=de_DE.UTF-8 LANGUAGE=de")
    operator.trust(daemon)
    connection = operator.connect(operator.node(daemon, "free"))
    script = b"for p in $(pidof sudo); do tr '\\0' '\\n' </proc/$p/environ; done"
    assert b"LC_ALL=C\n" in connection.call(Kind.PROBE, [script]).stdout
