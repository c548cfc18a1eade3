"""Nodes of the cluster that its profile does not have."""

from __future__ import annotations

from kubeup.model.cluster import Cluster
from kubeup.model.facts import ClusterFacts, Unknown
from kubeup.plan.steps import Plan
from kubeup.preflight.problem import PreflightProblem, problem


def outsiders(cluster: Cluster, told: ClusterFacts, plan: Plan) -> list[PreflightProblem]:
    """A warning for each that the plan does not take out: a machine does not leave the cluster by leaving the profile.
    None where nobody could tell."""
    if isinstance(told.nodes, Unknown):
        return []
    here = {node.name for node in cluster.nodes} | {one.name for one in plan.leaving}
    return [
        problem(
            "not-in-profile",
            one.name,
            "it is a node of the cluster, and the profile does not have it: it stays, with its pods and its subnet",
            f"put it back into the profile; or take it out: kubectl drain {one.name} --ignore-daemonsets, then kubeup "
            f"down --limit {one.name} with a profile that has it, then kubectl delete node {one.name}",
        )
        for one in told.nodes
        if one.name not in here
    ]
