"""What APPLY does on the node before apply.sh takes over: lock, unpack, tell."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kubeup.model.cluster import Node
from kubeup.model.errors import ConnectError, NodeError
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import SshConnection
from tests.ssh.conftest import Operator
from tests.ssh.machine import Machine
from tests.support.polling import settle

HOME = "/var/lib/kubeup"


def archive(script: str, **files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in {"apply.sh": script.encode(), **files}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o600
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture(autouse=True)
def clean(machine: Machine) -> None:
    machine.run(f"rm -rf {HOME}/* /tmp/*")


def test_the_stream_is_unpacked_and_its_script_run_there(connection: SshConnection, machine: Machine) -> None:
    lines: list[str] = []
    body = [archive("cat steps; pwd; umask; exit 4", steps=b"one\ntwo\n", **{"blob/x": b"\0\1"})]
    reply = connection.call(Kind.APPLY, body, on_line=lines.append)
    assert lines == ["one", "two", f"{HOME}/incoming", "0077"]
    assert reply.status == 4
    assert machine.run(f"stat -c %a {HOME}/incoming {HOME}/incoming/blob/x {HOME}/lock") == "700\n600\n600\n"


def test_what_earlier_trips_left_goes_and_what_arrived_stays(connection: SshConnection, machine: Machine) -> None:
    machine.run(f"mkdir -p {HOME}/incoming/piece {HOME}/incoming/download {HOME}/incoming/blob")
    machine.run(f"cd {HOME}/incoming; touch piece/a download/b blob/old steps undo.sh output")
    reply = connection.call(Kind.APPLY, [archive("find . -type f | sort | tr '\\n' ' '")])
    assert reply.stdout == b"./apply.sh ./download/b ./piece/a "


def test_a_second_operator_is_told_who_is_at_work(operator: Operator, node: Node, machine: Machine) -> None:
    first, second = operator.connect(node), operator.connect(node)
    started, done = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        yield archive("echo go; cat >/dev/null; while [ ! -e /tmp/go-on ]; do sleep 0.05; done; echo end")

    def work() -> None:
        first.call(Kind.APPLY, body(), on_line=lambda _: started.set(), operator="alice@desk")
        done.set()

    threading.Thread(target=work, daemon=True).start()
    assert started.wait(10)
    with pytest.raises(NodeError) as raised:
        second.call(Kind.APPLY, [archive("echo never >/tmp/never")], operator="bob@laptop")
    assert raised.value.title() == "127.0.0.1: lock: another kubeup is at work on this node"
    assert raised.value.evidence[0].startswith("alice@desk since 20")
    assert "alice@desk" in machine.run(f"cat {HOME}/lock")
    machine.run("touch /tmp/go-on")
    assert done.wait(10)
    assert second.call(Kind.APPLY, [archive("cat ../lock")], operator="bob@laptop").stdout.startswith(
        b"bob@laptop since"
    )
    assert "No such file" in machine.run("ls /tmp/never", check=False)


def test_a_stream_that_breaks_off_is_told_and_what_arrived_stays(connection: SshConnection, machine: Machine) -> None:
    whole = archive("echo never", **{"piece/abc.0": b"x" * 3_000_000})
    lines: list[str] = []
    reply = connection.call(Kind.APPLY, [whole[:2_000_000]], on_line=lines.append)
    assert reply.status == 1
    assert len(lines) == 1
    assert lines[0].startswith("failed\tunpacking: tar: Unexpected EOF in archive (")
    assert int(machine.run(f"stat -c %s {HOME}/incoming/piece/abc.0")) > 1_900_000


def test_a_lost_line_leaves_what_arrived_and_ends_the_nodes_half(
    operator: Operator, node: Node, machine: Machine
) -> None:
    connection = operator.connect(node)
    whole = archive("touch /tmp/ran", **{"piece/abc.0": b"x" * 3_000_000})
    arrived = f"stat -c %s {HOME}/incoming/piece/abc.0"

    def body() -> Iterator[bytes]:
        yield whole[:2_000_000]
        settle(lambda: int(machine.run(f"{arrived} || echo 0").split()[-1]) > 1_900_000, 20, "the bytes")
        connection.close()
        yield whole[2_000_000:]

    with pytest.raises(NodeError, match="kubeup was stopped"):
        connection.call(Kind.APPLY, body())
    settle(lambda: machine.run(f"flock -n {HOME}/lock echo free", check=False) == "free\n", 20, "the lock is free")
    assert int(machine.run(arrived)) > 1_900_000
    assert "No such file" in machine.run("ls /tmp/ran", check=False)


def test_a_line_that_died_without_a_word_does_not_hold_the_lock(
    operator: Operator, node: Node, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes stop coming, and nobody says why: a laptop that was taken to another network."""
    monkeypatch.setattr("kubeup.node.wire.remote_commands.STALLED_SECONDS", 2)
    whole = archive("touch /tmp/ran", **{"piece/abc.0": b"x" * 3_000_000})
    over = threading.Event()

    def body() -> Iterator[bytes]:
        yield whole[:1_000_000]
        time.sleep(1.5)
        yield whole[1_000_000:2_000_000]
        over.wait(30)

    reply = operator.connect(node).call(Kind.APPLY, body())
    over.set()
    assert reply.status == -1, "ended by a signal"
    assert reply.seconds > 3
    settle(lambda: machine.run(f"flock -n {HOME}/lock echo free", check=False) == "free\n", 20, "the lock is free")
    assert int(machine.run(f"stat -c %s {HOME}/incoming/piece/abc.0")) > 1_900_000
    assert "No such file" in machine.run("ls /tmp/ran", check=False)
    settle(lambda: "sleep 1" not in machine.run("ps -e -o args"), 20, "nobody watches any more")


def test_a_script_under_way_stops_at_its_next_word_when_the_line_is_lost(
    operator: Operator, node: Node, machine: Machine
) -> None:
    connection = operator.connect(node)
    script = "echo go; while echo step; do sleep 0.05; done; echo after >/tmp/after"
    started = threading.Event()
    body = [archive(script)]

    def run() -> None:
        with pytest.raises(NodeError):
            connection.call(Kind.APPLY, body, on_line=lambda _: started.set())

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    connection.close()
    thread.join(5)
    settle(lambda: machine.run(f"flock -n {HOME}/lock echo free", check=False) == "free\n", 20, "the lock is free")


def test_a_full_disk_is_told_in_tars_words(operator: Operator, node: Node, machine: Machine) -> None:
    machine.run(f"mount -t tmpfs -o size=1m tmpfs {HOME}")
    try:
        lines: list[str] = []
        body = [archive("echo never", **{"piece/abc.0": b"x" * 3_000_000})]
        reply = operator.connect(node).call(Kind.APPLY, body, on_line=lines.append)
    finally:
        machine.run(f"umount {HOME}")
    assert reply.status == 1
    assert len(lines) == 1
    assert lines[0].startswith("failed\tunpacking: tar: piece/abc.0: ")
    assert lines[0].endswith(f" (0 KiB free in {HOME})")


def test_a_folder_that_cannot_be_made_is_told(connection: SshConnection, machine: Machine) -> None:
    machine.run(f"touch {HOME}/incoming")
    lines: list[str] = []
    assert connection.call(Kind.APPLY, [archive("echo never")], on_line=lines.append).status == 1
    assert lines[0].startswith(f"failed\tcannot make {HOME}: mkdir: ")


def test_large_bodies_arrive_whole(connection: SshConnection) -> None:
    chunk = bytes(range(256)) * 4096

    digest = hashlib.sha256(chunk * 64).hexdigest()
    content = archive("sha256sum <piece/big.0", **{"piece/big.0": chunk * 64})
    reply = connection.call(Kind.APPLY, [memoryview(content)])
    assert reply.stdout.decode().split()[0] == digest
    assert reply.sent == len(content)


def test_sudo_carries_a_tar_stream_unharmed(operator: Operator, node: Node, machine: Machine) -> None:
    content = bytes(range(256)) * 40_000
    reply = operator.connect(replace(node, user="free")).call(
        Kind.APPLY, [archive("id -u; sha256sum <piece/big.0", **{"piece/big.0": content})]
    )
    assert reply.stdout.decode().split()[:2] == ["0", hashlib.sha256(content).hexdigest()]


def test_a_node_that_does_not_let_kubeup_become_root_gets_no_stream(operator: Operator, node: Node) -> None:
    connection = operator.connect(replace(node, user="plain"))
    with pytest.raises(ConnectError):
        connection.call(Kind.APPLY, [archive("echo never")])
    assert connection.sent == 0
