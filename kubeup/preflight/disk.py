"""What kubelet will say of a disk once kubeup's programs are on it."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.model.cluster import Cluster
from kubeup.model.facts import Facts
from kubeup.plan.steps import Plan
from kubeup.preflight.problem import PreflightProblem, problem

DEFAULTS = {"nodefs.available": 10, "imagefs.available": 15}
"""In percent. https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#hard-eviction-thresholds"""
LOWER = 5
ROOM = "make room on the node: df -h /var/lib; apt-get clean; journalctl --vacuum-size=100M"
# kubelet forgets the defaults of all others once one is said: that of memory is said, too.
OTHERWISE = (
    "; or kubelet: {config: {evictionHard: "
    f"{{nodefs.available: {LOWER}%, imagefs.available: {LOWER}%, memory.available: 100Mi}}}}}}"
)


def pressure(cluster: Cluster, plan: Plan, facts: Mapping[str, Facts]) -> tuple[PreflightProblem, ...]:
    """Nodes whose disk will have less room than kubelet wants. A profile that says its own thresholds knows."""
    override = cluster.override("kubelet")
    if "evictionHard" in override.config or "eviction-hard" in override.flags:
        return ()
    found = []
    for machine, node in zip(cluster.nodes, plan.nodes, strict=True):
        about = facts[machine.endpoint]
        if not machine.is_worker or not about.disk_size:
            continue
        free = max(0, about.disk_free - sum(binary.size for binary in node.binaries))
        below = [f"{name} < {limit}%" for name, limit in DEFAULTS.items() if 100 * free < limit * about.disk_size]
        if below:
            found.append(
                problem(
                    "disk-pressure",
                    node.node,
                    f"{about.disk_path} will have {free / 10**9:.1f} of {about.disk_size / 10**9:.1f} GB free "
                    f"({100 * free // about.disk_size} %): kubelet will evict pods and take no new ones",
                    ROOM + (OTHERWISE if 100 * free > LOWER * about.disk_size else ""),
                    (f"kubelet's own thresholds: {', '.join(below)}",),
                )
            )
    return tuple(found)
