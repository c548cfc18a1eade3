"""How fast bytes reach a node: a trip with a tar stream against ``ssh node 'cat > file'``, turn by turn on one sshd.

    python -m benchmarks.push [MEGABYTES]

Needs root (a throwaway machine of tests/ssh is the node; it writes to memory). Never fails by the clock.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from kubeup.model.cluster import Node
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import SshConnection
from tests.ssh.conftest import Operator
from tests.ssh.machine import Machine, make_key

ROUNDS = 5
CHUNK = 256 * 1024
STORE = "/var/lib/kubeup"


def member(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(format=tarfile.GNU_FORMAT)


def stream(path: Path) -> Iterator[bytes | memoryview]:
    """As kubeup sends a binary: a small part first, then the file in pieces."""
    script = b"exit 0\n"
    yield member("apply.sh", len(script)) + script.ljust(512, b"\0")
    yield member("piece/file.0", path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield memoryview(chunk)
    yield bytes(-path.stat().st_size % 512 + 1024)


def by_trip(connection: SshConnection, path: Path) -> None:
    reply = connection.call(Kind.APPLY, stream(path))
    assert reply.status == 0, reply


def by_ssh(words: list[str], path: Path) -> None:
    with path.open("rb") as file:
        subprocess.run([*words, f"cat >{STORE}/file"], stdin=file, check=True)


def seconds(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def main(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        machine = Machine(folder)
        try:
            measure(machine, folder, megabytes)
        finally:
            machine.stop()


def measure(machine: Machine, folder: Path, megabytes: int) -> None:
    key = make_key(folder / "id_ed25519")
    machine.authorize(key.with_suffix(".pub"))
    daemon = machine.sshd()
    path = folder / "bytes"
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1_000_000))
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True)
    config = folder / "ssh_config"
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{daemon.port} {daemon.public()}\n")
    config.write_text(
        f"Port {daemon.port}\nUser root\nIdentityFile {key}\nUserKnownHostsFile {known}\nLogLevel ERROR\n"
    )
    operator = Operator(home, key, config=str(config))
    connection = operator.connect(Node("127.0.0.1", frozenset()))
    words = ["ssh", "-F", str(config), "127.0.0.1"]
    print(f"{megabytes} MB that do not compress, {ROUNDS} turns each; MB/s: median (all)")
    login = statistics.median(seconds(lambda: subprocess.run([*words, "true"], check=True)) for _ in range(ROUNDS))
    report(megabytes, *turns(machine, connection, words, path), login)
    connection.close()


def turns(machine: Machine, connection: SshConnection, words: list[str], path: Path) -> tuple[list[float], list[float]]:
    trips, plain = [], []
    for _ in range(ROUNDS):
        machine.run(f"rm -rf {STORE}/*")
        plain.append(seconds(lambda: by_ssh(words, path)))
        machine.run(f"rm -rf {STORE}/*")
        trips.append(seconds(lambda: by_trip(connection, path)))
    return trips, plain


def report(megabytes: int, trips: list[float], plain: list[float], login: float) -> None:
    for name, times in (("ssh 'cat > file'", plain), ("one APPLY trip", trips)):
        speeds = [megabytes / one for one in times]
        print(f"  {name:18} {statistics.median(speeds):6.0f}  ({', '.join(f'{speed:.0f}' for speed in speeds)})")
    ratio = statistics.median(plain) / statistics.median(trips)
    print(f"  ratio              {ratio:6.2f}  (goal: at least 0.80)")
    # The trip's connection was open already; ssh logs in each time.
    ratio = (statistics.median(plain) - login) / statistics.median(trips)
    print(f"  ratio              {ratio:6.2f}  without the {login:.2f} s of ssh's login")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
