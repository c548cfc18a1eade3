"""kubeup as somebody types it, in a folder of their own."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from kubeup import profile
from kubeup.pki import kubeconfig
from kubeup.pki.kubeconfig import Access
from kubeup.planning import resolve
from tests.support.machines import bare, built_nodes, fill_cache, installed
from tests.support.recorded import SNAPSHOT, Answer, Kubeup, RecordedNode

FIRST, SECOND, THIRD = "192.168.200.13", "192.168.200.14", "192.168.200.15"


def told(stderr: str) -> str:
    """From the last error on."""
    return stderr[stderr.rindex("error: ") :]


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


@pytest.fixture
def built(kubeup: Kubeup) -> Kubeup:
    """a.yaml is a cluster that an `up` built of node3 (control plane and worker), node4 and node5."""
    facts = {host: bare(number) for number, host in ((3, FIRST), (4, SECOND), (5, THIRD))}
    cluster = resolve.resolve(profile.load(kubeup.profile("a", *facts)).cluster, facts)
    found = fill_cache(cluster, facts, kubeup.home / "cache")
    kubeup.nodes |= built_nodes(cluster, facts, found, datetime.datetime.now(datetime.timezone.utc))
    return kubeup
