"""Trips over a real sshd: what goes in, what comes back, and that neither waits for the other."""

from __future__ import annotations

import hashlib
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from kubeup.model.cluster import Node
from kubeup.model.errors import NodeError
from kubeup.node.wire.remote_commands import Kind, command
from kubeup.node.wire.transport import SshConnection
from tests.ssh.conftest import Operator
from tests.ssh.machine import Machine
from tests.support.polling import settle


def test_a_probe_brings_back_output_errors_and_status(connection: SshConnection) -> None:
    reply = connection.call(Kind.PROBE, [b"echo out; echo err >&2; exit 3"])
    assert (reply.stdout, reply.stderr, reply.status) == (b"out\n", b"err\n", 3)


def test_a_link_counts_trips_and_bytes(connection: SshConnection) -> None:
    for _ in range(2):
        connection.call(Kind.PROBE, [b"printf 12345"])
    assert (connection.trips, connection.sent, connection.received) == (2, 24, 10)


def test_output_is_bytes_whatever_they_are(connection: SshConnection) -> None:
    reply = connection.call(Kind.PROBE, [rb"printf '\000\377\r\n\036tail'"])
    assert reply.stdout == b"\x00\xff\r\n\x1etail"


def test_the_node_reads_its_clock_between_the_two_times(connection: SshConnection) -> None:
    reply = connection.call(Kind.PROBE, [b"date +%s.%N"])
    assert reply.started_at <= reply.hello_at <= float(reply.stdout) <= reply.started_at + reply.seconds + 0.1


def test_lines_are_cut_at_line_breaks_only(connection: SshConnection) -> None:
    lines: list[str] = []
    connection.call(Kind.SHELL, [rb"printf 'a\036b\rc\nd\342\200\250e\nlast'"], on_line=lines.append)
    assert lines == ["a\x1eb\rc", "d\u2028e", "last"]


def test_a_node_that_talks_while_it_is_sent_to_does_not_block(connection: SshConnection) -> None:
    """Both windows are two megabytes: whoever does not read stops the other."""
    filler = memoryview(bytes(256 * 1024))

    def body() -> Iterator[bytes | memoryview]:
        yield b"head -c 20000000 /dev/zero >&2 & head -c 48000000 /dev/zero; wait; cat >/dev/null; echo all"
        for _ in range(160):
            yield filler

    reply = connection.call(Kind.PROBE, body(), timeout=60)
    assert reply.stdout.endswith(b"all\n")
    assert reply.received > 48_000_000
    assert reply.sent > 160 * len(filler)
    assert len(reply.stderr) == 64 * 1024


def test_lines_come_while_the_script_still_runs_and_it_ends_when_its_input_does(connection: SshConnection) -> None:
    seen = threading.Event()
    lines: list[str] = []

    def body() -> Iterator[bytes]:
        yield b"echo ready; cat >/dev/null; echo cleaned"
        assert seen.wait(10)

    def on_line(line: str) -> None:
        lines.append(line)
        if line == "ready":
            seen.set()

    reply = connection.call(Kind.SHELL, body(), on_line=on_line, timeout=20)
    assert lines == ["ready", "cleaned"]
    assert reply.status == 0


def test_a_script_that_ends_does_not_wait_for_a_caller_who_still_holds_its_input(connection: SshConnection) -> None:
    def body() -> Iterator[bytes]:
        yield b"echo gone; exit 7"
        time.sleep(5)

    begin = time.monotonic()
    assert connection.call(Kind.SHELL, body()).status == 7
    assert time.monotonic() - begin < 3


def test_something_left_behind_that_holds_the_output_open_does_not_hold_the_trip(connection: SshConnection) -> None:
    begin = time.monotonic()
    reply = connection.call(Kind.PROBE, [b"sleep 30 & echo done"])
    assert (reply.stdout, reply.status) == (b"done\n", 0)
    assert time.monotonic() - begin < 10


def test_an_answer_that_comes_together_with_its_end_is_not_lost(
    connection: SshConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine the answer, its end and the channel's may all come while the reader is not looking."""
    monkeypatch.setattr("kubeup.node.wire.exchange.POLL_SECONDS", 0.00001)
    answers = [connection.call(Kind.PROBE, [b"echo in"]).stdout for _ in range(40)]
    assert answers == [b"in\n"] * 40


def test_the_last_words_after_a_long_silence_are_not_lost(
    connection: SshConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sshd may say that the script ended before it hands on what the script said last."""
    monkeypatch.setattr("kubeup.node.wire.exchange.LINGER_SECONDS", 1.0)
    monkeypatch.setattr("kubeup.node.wire.exchange.POLL_SECONDS", 0.05)
    reply = connection.call(Kind.PROBE, [b"sleep 1.3; (sleep 0.4; echo last) & exit 0"])
    assert reply.stdout == b"last\n"


def test_a_script_cut_short_by_a_lost_line_does_not_run(connection: SshConnection, machine: Machine) -> None:
    def body() -> Iterator[bytes]:
        raise ConnectionError("the operator's machine went to sleep")
        yield b""

    machine.run("rm -f /tmp/ran")
    with pytest.raises(ConnectionError):
        connection.call(Kind.PROBE, body())
    half = "echo kubeup-hello >/dev/null; touch /tmp/ran; rm -r /a/b"
    machine.run(command(Kind.PROBE, sudo=False), input=f"kubeup-begin\nme\n{half}".encode(), check=False)
    assert machine.run("ls /tmp/ran", check=False).count("No such file")


def test_what_the_body_raises_reaches_the_caller(connection: SshConnection) -> None:
    def body() -> Iterator[bytes]:
        yield b"cat >/dev/null; sleep 60"
        raise NodeError("n", "reading", "the file became shorter")

    with pytest.raises(NodeError, match="the file became shorter"):
        connection.call(Kind.SHELL, body())
    assert connection.call(Kind.PROBE, [b"echo again"]).stdout == b"again\n"


def test_what_a_listener_raises_reaches_the_caller(connection: SshConnection) -> None:
    def on_line(line: str) -> None:
        raise NodeError("n", "listening", f"heard {line}")

    with pytest.raises(NodeError, match="heard hello"):
        connection.call(Kind.SHELL, [b"echo hello; sleep 60"], on_line=on_line)
    assert connection.call(Kind.PROBE, [b"echo again"]).stdout == b"again\n"


def test_a_trip_has_a_limit_and_says_what_it_waited_for(connection: SshConnection) -> None:
    with pytest.raises(NodeError) as raised:
        connection.call(Kind.PROBE, [b"echo working hard >&2; sleep 60"], timeout=1)
    assert raised.value.title() == "127.0.0.1: probe: the node's half of kubeup did not end within 1 s"
    assert raised.value.evidence == ("working hard",)


def test_nothing_of_what_is_sent_is_on_a_command_line(connection: SshConnection) -> None:
    script = b"secret=hunter2; for p in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$p; echo; done"
    told = connection.call(Kind.PROBE, [script], operator="alice@desk").stdout.decode()
    assert "kubeup-begin" in told
    assert "hunter2" not in told
    assert "alice" not in told


def test_an_operators_name_cannot_smuggle_lines(connection: SshConnection) -> None:
    reply = connection.call(Kind.PROBE, [b"echo $who"], operator="eve\ntouch /tmp/evil\n")
    assert reply.stdout == b"eve touch /tmp/evil\n"


def test_a_line_lost_in_the_middle_is_told_as_such(connection: SshConnection) -> None:
    with pytest.raises(NodeError) as raised:
        connection.call(Kind.SHELL, [b"echo; kill -9 $PPID; sleep 60"])
    assert raised.value.title() == "127.0.0.1: shell: the connection was lost"
    assert "bytes sent" in raised.value.evidence[0]
    assert raised.value.fix == "run the same command again: what is done already is not done twice"


@pytest.mark.parametrize("kind", [Kind.PROBE, Kind.SHELL])
def test_a_script_that_something_ends_gave_no_answer(connection: SshConnection, kind: Kind) -> None:
    """As when memory runs out: the line stands, and what came looks like a shorter answer."""
    with pytest.raises(NodeError) as raised:
        connection.call(kind, [b"echo one of two; echo no room >&2; kill -9 $$; exit"])
    assert raised.value.title() == f"127.0.0.1: {kind.value}: the answer broke off"
    assert raised.value.evidence[0].endswith("and 11 bytes")
    assert raised.value.evidence[1:] == ("no room",)
    assert connection.call(kind, [b"echo again"]).stdout == b"again\n"


def test_a_script_that_ends_in_the_middle_tells_with_which_status(connection: SshConnection) -> None:
    reply = connection.call(Kind.PROBE, [b"echo one; sh -c 'kill -9 $PPID'; echo two"])
    assert (reply.stdout, reply.status) == (b"one\n", 137)


def test_an_answer_of_any_size_goes_through_a_sink_and_is_not_held(
    connection: SshConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubeup.node.wire.exchange.ANSWER", 1 << 20)
    found = hashlib.sha256()
    sizes: list[int] = []

    def sink(data: bytes) -> None:
        found.update(data)
        sizes.append(len(data))

    script = b"yes 0123456789abcde | head -c 96000000; printf '\\nkubeup-ended 0\\n.'"
    tracemalloc.start()
    try:
        reply = connection.call(Kind.SHELL, [script], sink=sink)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (reply.status, reply.stdout, sum(sizes)) == (0, b"", 96_000_000 + 17)
    whole = hashlib.sha256(b"0123456789abcde\n" * 6_000_000 + b"\nkubeup-ended 0\n.")
    assert found.digest() == whole.digest()
    assert peak < 30_000_000


def test_what_went_through_a_sink_and_broke_off_is_no_answer(connection: SshConnection) -> None:
    with pytest.raises(NodeError, match="the answer broke off"):
        connection.call(Kind.SHELL, [b"yes | head -c 1000000; kill -9 $$; exit"], sink=lambda _: None)


def test_words_that_look_like_the_mark_are_part_of_an_answer(connection: SshConnection) -> None:
    said = b"a\nkubeup-ended 0\n\nkubeup-ended 5\nb"
    reply = connection.call(Kind.PROBE, [b"printf '%s' '" + said + b"'; exit 3"])
    assert (reply.stdout, reply.status) == (said, 3)
    with pytest.raises(NodeError, match="the answer broke off"):
        connection.call(Kind.PROBE, [b"printf '%s' '" + said + b"'; kill -9 $$"])


def test_a_connection_lost_between_two_trips_is_made_anew(connection: SshConnection, machine: Machine) -> None:
    pid = connection.call(Kind.PROBE, [b"echo $PPID"]).stdout.decode().strip()
    machine.run(f"kill -9 {pid}")
    settle(lambda: not connection.connected, 20, "the loss")
    assert connection.call(Kind.PROBE, [b"echo back"]).stdout == b"back\n"


def test_closing_a_link_ends_its_trip_at_once(operator: Operator, node: Node) -> None:
    connection = operator.connect(node)
    errors: list[NodeError] = []
    started = threading.Event()

    def run() -> None:
        try:
            connection.call(Kind.SHELL, [b"echo go; sleep 60"], on_line=lambda _: started.set())
        except NodeError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    begin = time.monotonic()
    connection.close()
    thread.join(5)
    assert time.monotonic() - begin < 1
    assert errors[0].message == "kubeup was stopped"
