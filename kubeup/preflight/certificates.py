"""Certificates that run out soon."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from kubeup.model.cluster import Cluster
from kubeup.model.facts import Facts
from kubeup.pki import expiry
from kubeup.preflight.problem import PreflightProblem, problem

AUTHORITY = "kubeup makes no new authority for a living cluster: a new cluster has one, kubeup down and kubeup up"


def run_out(cluster: Cluster, facts: Mapping[str, Facts], now: datetime.datetime) -> list[PreflightProblem]:
    """A warning a node. facts: by node.endpoint."""
    found = []
    for node in cluster.nodes:
        soon = expiry.soon(cluster, node, facts.get(node.endpoint, Facts()), now)
        if soon:
            fix = AUTHORITY if any(one.authority for one in soon) else "kubeup up renews them"
            found.append(problem("certificates", node.title, expiry.told(soon), fix))
    return found
