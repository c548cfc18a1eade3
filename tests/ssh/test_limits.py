"""What is in the way of a connection, each told as what it is; and servers that take only so much."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kubeup.model.cluster import Node
from kubeup.model.errors import ConnectError, NodeError
from kubeup.node.wire.remote_commands import Kind
from tests.ssh.conftest import Operator, refusal
from tests.ssh.machine import Daemon, Machine, free_port
from tests.support.bad_line import BadLine


def test_a_name_that_does_not_resolve(operator: Operator, node: Node) -> None:
    error = refusal(operator, replace(node, host="node3.invalid"))
    assert error.title() == "node3.invalid: connecting: the name node3.invalid does not resolve"
    assert error.fix == "correct it in the profile, or add the name to ~/.ssh/config, /etc/hosts or DNS"


def test_a_port_where_nothing_listens(operator: Operator, node: Node) -> None:
    port = free_port()
    error = refusal(operator, replace(node, port=port))
    assert error.title() == f"127.0.0.1: connecting: nothing listens on port {port} of 127.0.0.1"
    assert error.evidence == (f"127.0.0.1 port {port}: Connection refused",)
    assert error.fix == "start sshd on it (systemctl enable --now ssh), or correct the port in the profile"


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port whose queue is full: the kernel drops what knocks, as a firewall does."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = int(listener.getsockname()[1])
    knocking = [socket.socket() for _ in range(4)]
    for one in knocking:
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
    yield port
    for one in (*knocking, listener):
        one.close()


def test_a_machine_that_does_not_answer(
    operator: Operator, node: Node, deaf: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubeup.node.ssh.tcp.CONNECT_SECONDS", 0.5)
    error = refusal(operator, replace(node, port=deaf))
    assert error.title() == f"127.0.0.1: connecting: 127.0.0.1 did not answer on port {deaf} within 0 s"
    assert error.fix == (
        f"is the machine on, is the address right, does a firewall drop port {deaf}? "
        f"try: ssh -p {deaf} root@127.0.0.1 true"
    )


def test_an_address_without_a_route(operator: Operator, node: Node, machine: Machine) -> None:
    error = refusal(operator, replace(node, host="255.255.255.255"))
    assert error.title() == "255.255.255.255: connecting: 255.255.255.255 cannot be reached"


def test_the_second_address_of_a_name_is_tried(
    operator: Operator, sshd: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """localhost is ::1 first on many machines, and sshd may listen on 127.0.0.1 only."""
    kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    both = [
        (socket.AF_INET6, *kind, ("::1", sshd.port, 0, 0)),
        (socket.AF_INET, *kind, ("127.0.0.1", sshd.port)),
    ]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: both)
    operator.trust(sshd, "localhost")
    link = operator.connect(replace(operator.node(sshd), host="localhost"))
    assert link.call(Kind.PROBE, [b"echo in"]).stdout == b"in\n"


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_a_port_that_does_not_talk_ssh(
    operator: Operator, node: Node, greeting: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubeup.node.ssh.connector.CONNECT_SECONDS", 0.5)
    monkeypatch.setattr("kubeup.node.ssh.connector.RETRY_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    near, _ = server.accept()
                except OSError:
                    return
                near.sendall(greeting)
                held.append(near)
                if greeting:
                    near.close()

        held: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        port = int(server.getsockname()[1])
        error = refusal(operator, replace(node, port=port))
    assert error.title() == (
        f"127.0.0.1: greeting: 127.0.0.1 accepted the connection on port {port}, but did not talk SSH"
    )
    assert "is it sshd that listens there?" in error.fix
    for one in held:
        one.close()


def test_a_server_that_drops_early_connections_is_tried_again(operator: Operator, machine: Machine) -> None:
    """MaxStartups: while one connection hangs in its login, most others are dropped unheard."""
    daemon = machine.sshd("MaxStartups 1", "LoginGraceTime 2")
    operator.trust(daemon)
    with socket.create_connection(("127.0.0.1", daemon.port)):
        link = operator.connect(operator.node(daemon))
        assert link.call(Kind.PROBE, [b"echo in"]).stdout == b"in\n"


def test_a_server_with_one_session_at_a_time(operator: Operator, machine: Machine) -> None:
    daemon = machine.sshd("MaxSessions 1")
    operator.trust(daemon)
    link = operator.connect(operator.node(daemon))
    for number in range(5):
        assert link.call(Kind.PROBE, [f"echo {number}".encode()]).stdout == f"{number}\n".encode()


def test_a_server_without_sessions(operator: Operator, machine: Machine) -> None:
    daemon = machine.sshd("MaxSessions 0")
    operator.trust(daemon)
    with pytest.raises(ConnectError) as raised:
        operator.connect(operator.node(daemon)).call(Kind.PROBE, [b"echo never"])
    assert raised.value.title() == "127.0.0.1: session: the server opened no session"
    assert raised.value.fix == "look at MaxSessions in its /etc/ssh/sshd_config: one is needed"


def test_a_server_that_froze_is_not_waited_for_without_end(
    operator: Operator, node: Node, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("ssh.connector", "wire.transport"):
        monkeypatch.setattr(f"kubeup.node.{module}.CHANNEL_SECONDS", 1.0)
    link = operator.connect(node)
    pid = link.call(Kind.PROBE, [b"echo $PPID"]).stdout.decode().strip()
    machine.run(f"kill -STOP {pid}")
    try:
        with pytest.raises(ConnectError) as raised:
            link.call(Kind.PROBE, [b"echo never"])
    finally:
        machine.run(f"kill -CONT {pid}")
    assert raised.value.title() == "127.0.0.1: session: the server started no command within 1 s"


def test_a_slow_line_costs_few_round_trips(operator: Operator, sshd: Daemon) -> None:
    with BadLine(sshd.port, delay=0.05) as line:
        operator.trust(sshd)
        operator.trust(replace(sshd, port=line.port))
        link = operator.connect(operator.node(sshd, port=line.port))  # type: ignore[arg-type]
        direct = operator.connect(operator.node(sshd)).call(Kind.PROBE, [b"echo in"]).seconds
        begin = time.monotonic()
        link.call(Kind.PROBE, [b"echo in"])
        # A round trip is 0.1 s: the session, the command and its hello, the script and its answer.
        assert time.monotonic() - begin < 0.4 + 3 * direct


def test_a_line_cut_while_sending_tells_how_far_it_came(operator: Operator, sshd: Daemon) -> None:
    with BadLine(sshd.port, cut_after=1_000_000) as line:
        operator.known_hosts.write_text(f"[127.0.0.1]:{line.port} {sshd.public()}\n")
        link = operator.connect(operator.node(sshd, port=line.port))  # type: ignore[arg-type]
        with pytest.raises(NodeError) as raised:
            link.call(Kind.PROBE, [b"cat >/dev/null", bytes(5_000_000)])
        assert raised.value.message == "the connection was lost"
        line.cut_after = None
        assert link.call(Kind.PROBE, [b"echo back"]).stdout == b"back\n"
        assert line.connections == 2


def test_closing_a_link_on_a_dead_line_is_quick(
    operator: Operator, sshd: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that takes nothing any more: Ctrl-C must not wait for it."""
    with BadLine(sshd.port) as line:
        operator.known_hosts.write_text(f"[127.0.0.1]:{line.port} {sshd.public()}\n")
        link = operator.connect(operator.node(sshd, port=line.port))  # type: ignore[arg-type]
        line.delay = 3600.0
        done = threading.Event()

        def run() -> None:
            with pytest.raises((NodeError, ConnectError)):
                link.call(Kind.PROBE, [b"cat >/dev/null", bytes(50_000_000)])
            done.set()

        threading.Thread(target=run, daemon=True).start()
        time.sleep(0.5)
        begin = time.monotonic()
        link.close()
        assert time.monotonic() - begin < 1
        assert done.wait(5)
