"""The truth about a cluster on a screen."""

from __future__ import annotations

from dataclasses import replace

from kubeup.report import health
from kubeup.validate.checks import Check, ComponentStatus, Status
from tests.unit.report.conftest import HEALTHY, Shown

ILL = replace(
    HEALTHY,
    components=(ComponentStatus("node3", "scheduler", healthy=False, message="connection refused", said=True),),
    nodes=(replace(HEALTHY.nodes[0], ready=False),),
    services=(),
    checks=(
        Check("api", Status.OK, "the API answers"),
        Check("scheduler/node3", Status.FAILED, "scheduler is not", "ssh node3 journalctl", ("refused",)),
        Check("network-policy", Status.WARNING, "nobody enforces them", "kubeup addons up network-policy"),
    ),
)


def test_a_healthy_cluster_ends_as_kube_up_did(shown: Shown) -> None:
    assert shown(health.show, HEALTHY) == (
        "Validate output:\n"
        "NAME        STATUS    MESSAGE\n"
        "scheduler   Healthy   ok\n"
        "etcd-0      Healthy   ok\n"
        "\n"
        "NODE    STATUS   VERSION   ADDRESS    RUNTIME\n"
        "node3   Ready    v1.37.2   10.0.0.1   containerd://2.1\n"
        "\n"
        "SERVICE              CLUSTER-IP   PORTS\n"
        "default/kubernetes   100.0.0.1    443/TCP\n"
        "\n"
        "Cluster validation succeeded (1 checks)\n"
        "Kubernetes API: https://10.0.0.1:6443"
    )


def test_what_is_wrong_comes_with_evidence_and_what_to_type(shown: Shown) -> None:
    text = shown(health.show, ILL)
    assert "scheduler   Unhealthy   connection refused" in text
    assert "node3   NotReady" in text
    assert (
        "FAILED  scheduler is not  [scheduler/node3]\n"
        "          | refused\n"
        "          fix: ssh node3 journalctl\n"
        "warning nobody enforces them  [network-policy]\n"
        "          fix: kubeup addons up network-policy\n"
        "\n"
        "Cluster validation FAILED: 1 of 3 checks"
    ) in text
    assert "the API answers" not in text
    assert "Kubernetes API" not in text


def test_all_checks_are_shown_when_asked_for(shown: Shown) -> None:
    assert "ok      the API answers  [api]" in shown(health.show, ILL, all_checks=True)


def test_several_control_plane_nodes_are_told_apart(shown: Shown) -> None:
    twice = (*HEALTHY.components, replace(HEALTHY.components[0], master="node4"))
    text = shown(health.show, replace(HEALTHY, components=twice))
    assert "scheduler   Healthy   ok        node3" in text
    assert "scheduler   Healthy   ok        node4" in text
