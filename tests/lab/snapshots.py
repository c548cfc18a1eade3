"""What a node is like, and what differs from before."""

from __future__ import annotations

import re

from kubeup.node.agent import snapshot
from tests.lab.conftest import Cluster

SHARED = re.compile(r"vm\.overcommit_memory|kernel\.panic|kernel\.panic_on_oops|kernel\.keys\.root_max.*")


def look(cluster: Cluster, node: int) -> snapshot.Things:
    path = cluster.home / "snapshot"
    # Of the tests' own kubectl.
    cluster.on(f"node{3 + node}", "rm -rf /dev/shm/test-cache")
    done = cluster.kubeup("node", "snapshot", cluster.addresses[node], "-o", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    return snapshot.parse(path.read_text("utf-8", "surrogateescape"))


def differences(before: snapshot.Things, after: snapshot.Things) -> str:
    """None of a lab's nodes has these to itself: another lab's kubelet sets them, too."""
    found = snapshot.compare(before, after, snapshot.exemptions())
    return "\n".join(one.format() for one in found if not (one.kind == "sysctl" and SHARED.fullmatch(one.name)))
