"""Binaries over slow and quick connections: packed where that is sooner, and never the same bytes twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.execution.trip import carry_out
from kubeup.model.cluster import Node
from kubeup.model.errors import KubeupError
from kubeup.model.resources import Binary, ProbeRequest
from kubeup.node.agent.probe import parse, probe_script
from kubeup.node.wire.packing import Packer, Piece
from kubeup.node.wire.payload import Payload
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import SshConnection
from tests.ssh.conftest import Operator
from tests.ssh.machine import Daemon, Machine
from tests.support.bad_line import BadLine

MB = 1 << 20
SLOW = 6.0 * MB
QUICK = 1000.0 * MB
"""How fast this machine is taken to pack: what it really does depends on what else it does."""


@pytest.fixture(autouse=True)
def clean(machine: Machine) -> None:
    machine.run("rm -rf /var/lib/kubeup/*")


@pytest.fixture
def binaries(tmp_path: Path) -> list[tuple[Binary, Path]]:
    """Small ones by which the connection's speed is learnt, and a large one that packs well."""
    contents = [os.urandom(4 * MB) for _ in range(3)]
    contents.append(b"".join(os.urandom(4096) + bytes(8192) for _ in range(30 * MB // 12288)))
    found = []
    for number, content in enumerate(contents):
        path = tmp_path / f"binary{number}"
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        found.append((Binary(path.name, "1", digest, len(content), ""), path))
    return found


def trip(binaries: Sequence[tuple[Binary, Path]], arrived: dict[str, int]) -> Payload:
    pieces = [
        Piece(binary, path, arrived.get(binary.sha256, 0), arrived.get(f"{binary.sha256}.gz", 0))
        for binary, path in binaries
    ]
    lines = [f"store-binary\t{binary.sha256}\t{binary.name}" for binary, _ in binaries]
    return Payload(tuple(lines), tuple(f"storing {binary.name}" for binary, _ in binaries), {}, tuple(pieces))


def bring(node: Node, connection: SshConnection, binaries: Sequence[tuple[Binary, Path]], packer: Packer) -> None:
    """What is not in the node's store yet, from where it broke off."""
    reply = connection.call(Kind.PROBE, [probe_script(ProbeRequest())])
    facts = parse(reply.stdout, sent_at=0, received_at=0, node="node")
    missing = [(binary, path) for binary, path in binaries if binary.sha256 not in facts.store]
    carry_out(node, connection, trip(missing, dict(facts.pieces)), "ann@laptop", lambda _: None, packer)


def stored(machine: Machine, binaries: Sequence[tuple[Binary, Path]]) -> bool:
    sums = "".join(f"{one.sha256}  /var/lib/kubeup/store/{one.sha256}/{one.name}\n" for one, _ in binaries)
    return machine.run("sha256sum -c --quiet && echo whole", input=sums.encode()) == "whole\n"


def test_a_slow_link_gets_large_binaries_packed(
    operator: Operator, sshd: Daemon, node: Node, machine: Machine, binaries: list[tuple[Binary, Path]], tmp_path: Path
) -> None:
    with BadLine(sshd.port, rate=SLOW) as line:
        operator.trust(replace(sshd, port=line.port))
        connection = operator.connect(replace(node, port=line.port))
        bring(node, connection, binaries, Packer(tmp_path / "packed", QUICK))
    assert stored(machine, binaries)
    whole = sum(binary.size for binary, _ in binaries)
    assert connection.sent < whole - 15 * MB


def test_a_quick_link_gets_them_as_they_are(
    connection: SshConnection, node: Node, machine: Machine, binaries: list[tuple[Binary, Path]], tmp_path: Path
) -> None:
    bring(node, connection, binaries, Packer(tmp_path / "packed", SLOW / 100))
    assert stored(machine, binaries)
    assert connection.sent > sum(binary.size for binary, _ in binaries)
    assert not (tmp_path / "packed").exists()


def test_packed_bytes_that_arrived_are_not_sent_again(
    operator: Operator, sshd: Daemon, node: Node, machine: Machine, binaries: list[tuple[Binary, Path]], tmp_path: Path
) -> None:
    packer = Packer(tmp_path / "packed", QUICK)
    with BadLine(sshd.port, rate=SLOW, cut_after=17 * MB) as line:
        operator.trust(replace(sshd, port=line.port))
        connection = operator.connect(replace(node, port=line.port))
        with pytest.raises(KubeupError):
            bring(node, connection, binaries, packer)
    second = operator.connect(node)
    bring(node, second, binaries, packer)
    assert stored(machine, binaries)
    # 12 MB of small ones and a third of 30 MB: what the first line took is not sent by the second.
    assert second.sent < 8 * MB, second.sent


def test_packing_pays_on_slow_links_only(binaries: list[tuple[Binary, Path]], tmp_path: Path) -> None:
    packer, (binary, path) = Packer(tmp_path / "packed"), binaries[-1]
    piece = Piece(binary, path, 0)
    assert packer.pays(piece, 1000.0)
    assert not packer.pays(piece, 1e12)
    assert not packer.pays(piece, None), "a connection whose speed nobody knows yet"
    noise, where = binaries[0]
    assert not packer.pays(Piece(noise, where, 0), 1e12)
