"""What nodes said of themselves, judged: rows in, checks out."""

from __future__ import annotations

import pytest

from kubeup.model.cluster import Node, Role
from kubeup.validate import evaluate

ONE = Node("10.0.0.1", frozenset({Role.CONTROL_PLANE, Role.WORKER}), name="one", address="10.0.0.1")


@pytest.mark.parametrize(
    ("why", "fix"),
    [
        ("Pending ImagePullBackOff", "ssh 10.0.0.1 journalctl -u kubelet -n 50"),
        (
            "Failed Evicted Pod was rejected: The node had condition: [DiskPressure].",
            "make room: ssh 10.0.0.1 df -h /var/lib",
        ),
    ],
)
def test_a_probe_pod_that_does_not_run_is_told_with_where_to_look(why: str, fix: str) -> None:
    (check,) = evaluate.pods([ONE], [["pod-failed", "one", "-", why]])
    assert (check.id, check.message) == ("pod/one", f"the probe pod on one does not run: {why}")
    assert check.fix == fix
