"""What stands in the way, and what breaks in the middle: told by name, and the rest goes on."""

from __future__ import annotations

import pytest

from kubeup.lab import life
from tests.lab.conftest import Cluster
from tests.support.polling import settle


@pytest.fixture(autouse=True)
def profile(cluster: Cluster) -> None:
    cluster.profile()


def test_a_taken_port_is_told_with_its_owner_and_nothing_is_touched(cluster: Cluster) -> None:
    cluster.on("node3", "systemd-run --collect --unit=squatter socat TCP-LISTEN:6443,fork,reuseaddr PIPE")
    try:
        done = cluster.kubeup("up")
        assert done.returncode == 1
        assert "node3: port 6443, which kube-apiserver needs, is taken by socat" in done.stderr
        assert " of squatter.service) [port-taken]" in done.stderr
        assert "nothing was touched" in done.stderr
        assert "systemctl status" in done.stderr
        assert "No such file" in cluster.on("node3", "ls /var/lib/kubeup/record")
    finally:
        cluster.on("node3", "systemctl stop squatter")


def test_a_node_that_is_off_is_told_and_others_are_checked_all_the_same(cluster: Cluster) -> None:
    cluster.on("node3", "systemd-run --collect --unit=squatter socat TCP-LISTEN:10250,fork,reuseaddr PIPE")
    life.power_off(cluster.name, "node4")
    try:
        done = cluster.kubeup("up")
        assert done.returncode == 1
        assert cluster.addresses[1] in done.stderr
        assert "port 10250, which kubelet needs, is taken by socat" in done.stderr
        assert "nothing was touched" in done.stderr
    finally:
        life.power_on(cluster.name, "node4")
        cluster.on("node3", "systemctl stop squatter")


def test_another_cluster_s_node_is_refused(cluster: Cluster) -> None:
    cluster.on("node4", "mkdir -p /etc/kubernetes && echo theirs >/etc/kubernetes/kubelet.conf")
    try:
        done = cluster.kubeup("up")
        assert done.returncode == 1
        assert "node4: it is part of another Kubernetes cluster, not built by kubeup" in done.stderr
        assert "/etc/kubernetes/kubelet.conf" in done.stderr
        assert cluster.on("node4", "cat /etc/kubernetes/kubelet.conf") == "theirs\n"
    finally:
        cluster.on("node4", "rm -r /etc/kubernetes")


def test_a_wrong_profile_contacts_no_node(cluster: Cluster) -> None:
    cluster.profile(more="flanel_net: 10.0.0.0/8\n")
    done = cluster.kubeup("up")
    assert done.returncode == 2
    assert "did you mean `flannel_net`?" in done.stderr
    assert "no node was contacted" in done.stderr


def test_a_unit_that_does_not_get_ready_shows_its_journal_the_others_finish_and_the_next_up_mends_it(
    cluster: Cluster,
) -> None:
    folder = "/etc/systemd/system/kube-proxy.service.d"
    script = '[Service]\\nExecStart=\\nExecStart=/bin/sh -c "echo this proxy is broken; exit 1"\\n'
    cluster.on("node4", f"mkdir -p {folder} && printf '{script}' >{folder}/broken.conf")
    done = cluster.kubeup("up")
    assert done.returncode == 1
    assert "node4: waiting for kube-proxy.service: kube-proxy.service did not become ready" in done.stderr
    assert "this proxy is broken" in done.stderr
    assert "1 of 2 nodes failed" in done.stderr, done.stderr
    assert "active" in cluster.on("node3", "systemctl is-active kubelet kube-proxy")
    cluster.on("node4", f"rm -r {folder} && systemctl daemon-reload")
    outcome = cluster.json("up")
    nodes = outcome["nodes"]
    assert isinstance(nodes, list)
    assert nodes[0]["units"] == []
    assert "kube-proxy.service" in nodes[1]["units"]
    assert outcome["health"]["healthy"] is True  # type: ignore[index]


def test_a_dead_etcd_is_said_and_down_works_all_the_same(cluster: Cluster) -> None:
    # An API server without its etcd takes more than a minute to end by itself.
    cluster.on("node3", "systemctl stop --no-block etcd kube-apiserver; systemctl kill -s KILL etcd kube-apiserver")
    refused = cluster.kubeup("down", "--yes")
    assert refused.returncode == 1
    assert "no snapshot of etcd could be taken" in refused.stderr
    done = cluster.kubeup("down", "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No such file" in cluster.on("node3", "ls /var/lib/kubeup/record")


def test_a_node_that_is_off_can_be_undone_later(cluster: Cluster) -> None:
    assert cluster.kubeup("up", "--no-validate").returncode == 0
    life.power_off(cluster.name, "node4")
    try:
        refused = cluster.kubeup("down", "--yes")
        assert refused.returncode == 1
        assert "--skip-unreachable" in refused.stderr
        skipped = cluster.kubeup("down", "--yes", "--skip-unreachable")
        assert skipped.returncode == 0
        # It is called as the other one knows it.
        assert f"The cluster {cluster.name} is down but for node4. " in skipped.stdout, skipped.stdout
        assert "When it answers again: kubeup down " in skipped.stdout
    finally:
        life.power_on(cluster.name, "node4")
    assert "inactive" in cluster.on("node3", "systemctl is-active etcd")
    done = cluster.kubeup("down", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No such file" in cluster.on("node4", "ls /var/lib/kubeup/record")


@pytest.mark.soak
@pytest.mark.parametrize("threshold", ["nodefs.available", "imagefs.available"])
def test_kubelet_says_what_preflight_says_of_a_disk_below_a_threshold(cluster: Cluster, threshold: str) -> None:
    """Also where one disk is for both."""
    pressed = (
        """kubectl --kubeconfig=/etc/kubernetes/admin.conf get node node4 """
        """-o jsonpath='{.status.conditions[?(@.type=="DiskPressure")].status} {.spec.taints[*].key}'"""
    )
    cluster.profile(kubelet=f"{{config: {{failCgroupV1: false, evictionHard: {{{threshold}: 99%}}}}}}")
    assert cluster.kubeup("up", "--no-validate").returncode == 0
    settle(lambda: "True node.kubernetes.io/disk-pressure" in cluster.on("node3", pressed), 90, "kubelet to say so")
    assert cluster.kubeup("down", "--yes", "--no-snapshot").returncode == 0


@pytest.mark.soak
@pytest.mark.parametrize("version", ["1.35", "1.36"])
def test_older_kubernetes_runs(cluster: Cluster, version: str) -> None:
    cluster.profile(kubernetes=version)
    done = cluster.kubeup("up", limit=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"v{version}." in done.stdout
    assert cluster.kubeup("down", "--yes").returncode == 0
