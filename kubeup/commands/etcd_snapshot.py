"""A snapshot of etcd with the keys that it needs, from a control-plane node to the operator's disk."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from kubeup.execution.job import Job
from kubeup.model.cluster import Node
from kubeup.model.errors import KubeupError, NodeError
from kubeup.model.events import EventSink, Phase, Working
from kubeup.node.agent import probe
from kubeup.node.wire.remote_commands import Kind

SCRIPT = Path(probe.__file__).with_name("etcd_snapshot.sh")
TIMEOUT_SECONDS = 24 * 3600.0
"""Whatever its size: the node's half ends by itself where etcd gives nothing any more."""
TELL_BYTES = 1 << 20


def save(job: Job, cluster: str, masters: Sequence[Node], folder: Path) -> Path:
    """One tar, 0600, in the folder: etcd.db and etc/kubernetes/pki. Whether etcd is well does not matter.

    masters: nodes with a member, asked one after the other until one gives what is whole. Raises KubeupError with every
    reason when none does, or where it cannot be written.
    """
    job.emit(Phase("saving a snapshot of etcd"))
    reasons: list[str] = []
    for master in masters:
        job.emit(Working(master.title, "saving a snapshot"))
        try:
            return _from(job, master, folder, f"{cluster}-{_stamp(job.now())}")
        except NodeError as error:
            reasons.extend([error.title(), *error.evidence])
    raise KubeupError(
        "no snapshot of etcd could be taken; nothing was touched",
        evidence=reasons,
        fix="start etcd on a control-plane node and try again; or go on without one: kubeup down --no-snapshot",
    )


def _stamp(now: datetime.datetime) -> str:
    return f"{now:%Y%m%d-%H%M%S}"


def _from(job: Job, master: Node, folder: Path, name: str) -> Path:
    path = folder / f"{name}.tar"
    with _written(path) as file:
        arriving = _Arriving(master.title, file, job.emit)
        connection = job.fleet.connection(master)
        reply = connection.call(Kind.SHELL, [SCRIPT.read_bytes()], sink=arriving.take, timeout=TIMEOUT_SECONDS)
        if reply.status or not arriving.begun:
            lines = [line for line in reply.stderr.decode("utf-8", "replace").split("\n") if line]
            told = [_message(line) for line in lines if '"info"' not in line]
            raise NodeError(master.title, "snapshot", "etcd gave none that is whole", evidence=told[-3:])
    return path


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A file that is there when all of it is on the disk, and not before."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        raise KubeupError(
            f"the snapshot could not be written to {part}: {error.strerror}; nothing was touched",
            fix="make room there, or have it elsewhere: XDG_STATE_HOME=FOLDER kubeup down",
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


class _Arriving:
    """Takes the node's answer: the line that tells the size of etcd's part, then what goes into the file."""

    def __init__(self, node: str, file: BinaryIO, emit: EventSink) -> None:
        self._node, self._file, self._emit = node, file, emit
        self._head = b""
        self._size = self._done = self._told = 0
        self.begun = False

    def take(self, data: bytes) -> None:
        if not self.begun:
            self._head += data
            found = re.search(rb"^kubeup-snapshot (\d+)\n", self._head, re.MULTILINE)
            if not found:
                return
            self.begun, self._size, data = True, int(found.group(1)), self._head[found.end() :]
        self._file.write(data)
        self._done += len(data)
        if self._done - self._told >= TELL_BYTES:
            self._told = self._done
            # The keys behind it are small.
            total = max(self._size, self._done)
            self._emit(Working(self._node, "saving a snapshot", self._done, total, bytes=True))


def _message(line: str) -> str:
    """etcdctl logs JSON; a person wants the error in it."""
    found = re.search(r'"error":"([^"]+)"', line)
    return found.group(1) if found else line
