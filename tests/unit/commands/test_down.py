"""What a control-plane node is asked for before its data goes."""

from __future__ import annotations

import io
import socket
import subprocess
import tarfile
from pathlib import Path

import pytest

from kubeup.commands import down

# An etcd without quorum, or without space: it is not well, and gives its data.
ILL = """#!/bin/sh
case "$*" in
*"snapshot save "*) for file; do :; done; echo "all of etcd" >"$file" ;;
*) echo "context deadline exceeded" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def member(tmp_path: Path) -> Path:
    """A machine's root folder, with an etcdctl and keys."""
    for folder in ("opt/kubeup/bin", "var/lib/kubeup", "etc/kubernetes/pki"):
        (tmp_path / folder).mkdir(parents=True)
    program = tmp_path / "opt/kubeup/bin/etcdctl"
    program.write_text(ILL)
    program.chmod(0o755)
    (tmp_path / "etc/kubernetes/pki/ca.crt").write_text("ca")
    return tmp_path


def ask(root: Path, port: int) -> subprocess.CompletedProcess[bytes]:
    script = down.SNAPSHOT.replace("/opt/kubeup", f"{root}/opt/kubeup").replace("/var/lib", f"{root}/var/lib")
    script = script.replace("-C / ", f"-C {root} ").replace("127.0.0.1/2379", f"127.0.0.1/{port}")
    return subprocess.run(["sh", "-c", script], capture_output=True, timeout=30, check=False)


def test_a_member_that_is_ill_gives_its_snapshot_all_the_same(member: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as etcd:
        done = ask(member, etcd.getsockname()[1])
    assert done.returncode == 0, done.stderr
    _, _, content = done.stdout.partition(b"kubeup-snapshot\n")
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        names = tar.getnames()
        data = tar.extractfile("etcd.db")
        assert data is not None
        assert data.read() == b"all of etcd\n"
    assert "etc/kubernetes/pki/ca.crt" in names
    assert list((member / "var/lib/kubeup").iterdir()) == [], "nothing of it stays on the machine"


def test_a_member_that_does_not_run_says_so_at_once(member: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = ask(member, port)
    assert done.returncode == 1
    assert b"nothing listens on 127.0.0.1:2379" in done.stderr
    assert b"kubeup-snapshot" not in done.stdout
