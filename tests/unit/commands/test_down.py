"""What a control-plane node is asked for before its data goes."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import tarfile
from pathlib import Path

import pytest

from kubeup.commands import etcd_snapshot

# An etcd without quorum, or without space: it is not well, and gives its data.
ILL = """#!/bin/sh
case "$*" in
*"snapshot save "*) for file; do :; done; echo "all of etcd" >"$file" ;;
*) echo "context deadline exceeded" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def member(tmp_path: Path) -> Path:
    """A machine's root folder, with an etcdctl, an etcdutl and keys."""
    for folder in ("opt/kubeup/bin", "var/lib/kubeup", "etc/kubernetes/pki"):
        (tmp_path / folder).mkdir(parents=True)
    install(tmp_path, "etcdctl", ILL)
    install(tmp_path, "etcdutl", '#!/bin/sh\ntest -s "$3"\n')
    (tmp_path / "etc/kubernetes/pki/ca.crt").write_text("ca")
    return tmp_path


def install(root: Path, name: str, text: str) -> None:
    program = root / "opt/kubeup/bin" / name
    program.write_text(text)
    program.chmod(0o755)


def ask(root: Path, port: int) -> subprocess.CompletedProcess[bytes]:
    script = etcd_snapshot.SCRIPT.read_text().replace("/opt/kubeup", f"{root}/opt/kubeup")
    script = script.replace("127.0.0.1/2379", f"127.0.0.1/{port}").replace("PATIENCE=300", "PATIENCE=5")
    environment = {**os.environ, "KUBEUP_ROOT": str(root)}
    return subprocess.run(["sh", "-c", script], capture_output=True, timeout=30, check=False, env=environment)


def test_a_member_that_is_ill_gives_its_snapshot_all_the_same(member: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as etcd:
        done = ask(member, etcd.getsockname()[1])
    assert done.returncode == 0, done.stderr
    _, _, content = done.stdout.partition(b"kubeup-snapshot 12\n")
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        names = tar.getnames()
        data = tar.extractfile("etcd.db")
        assert data is not None
        assert data.read() == b"all of etcd\n"
    assert "etc/kubernetes/pki/ca.crt" in names
    assert list((member / "var/lib/kubeup").iterdir()) == [], "nothing of it stays on the machine"


@pytest.mark.parametrize(
    ("program", "text", "told"),
    [
        (
            "etcdutl",
            "#!/bin/sh\necho 'snapshot file integrity check failed. 2 errors found.' >&2; exit 1\n",
            "2 errors found",
        ),
        ("etcdctl", "#!/bin/sh\necho 'etcdserver: mvcc: no data' >&2; exit 1\n", "mvcc: no data"),
        (
            "etcdctl",
            "#!/bin/sh\nfor file; do :; done; echo half >$file.part; exec sleep 60\n",
            "etcd gave nothing for a minute",
        ),
    ],
    ids=["not whole", "refused", "stuck"],
)
def test_what_is_not_whole_is_not_sent(member: Path, program: str, text: str, told: str) -> None:
    install(member, program, text)
    with socket.create_server(("127.0.0.1", 0)) as etcd:
        done = ask(member, etcd.getsockname()[1])
    assert done.returncode != 0
    assert told in done.stderr.decode()
    assert b"kubeup-snapshot" not in done.stdout
    assert list((member / "var/lib/kubeup").iterdir()) == [], "nothing of it stays on the machine"


def test_a_member_that_does_not_run_says_so_at_once(member: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = ask(member, port)
    assert done.returncode == 1
    assert b"nothing listens on 127.0.0.1:2379" in done.stderr
    assert b"kubeup-snapshot" not in done.stdout
