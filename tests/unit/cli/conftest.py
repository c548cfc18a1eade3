"""kubeup as somebody types it, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeup.pki import kubeconfig
from kubeup.pki.kubeconfig import Access
from tests.support.machines import installed
from tests.support.recorded import SNAPSHOT, Answer, Kubeup, RecordedNode

FIRST, SECOND = "192.168.200.13", "192.168.200.14"


@pytest.fixture
def kubeup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubeup:
    for name, value in {"KUBECONFIG": "kubeconfig", "XDG_STATE_HOME": "state", "KUBEUP_CACHE": "cache"}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)
    return Kubeup(tmp_path)


@pytest.fixture
def demo(kubeup: Kubeup) -> Kubeup:
    """node3 (control plane and worker) and node4 are the cluster demo; its profile is profile.yaml here."""
    first = installed(3, "demo", "control-plane,worker", "etcd.service", "kube-apiserver.service", "kubelet.service")
    snapshot = {SNAPSHOT: Answer("kubeup-snapshot 11\nall of etcd")}
    kubeup.nodes |= {
        FIRST: RecordedNode(first, dict(snapshot)),
        SECOND: RecordedNode(installed(4, "demo", "worker", "kubelet.service")),
    }
    kubeup.profile("demo", FIRST, SECOND).rename(kubeup.home / "profile.yaml")
    kubeconfig.merge(kubeup.kubeconfig, "demo", Access(f"https://{FIRST}:6443", b"ca", b"cert", b"key"))
    return kubeup
