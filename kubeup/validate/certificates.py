"""Certificates that run out: a month before, and when it is over."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

from kubeup.model.cluster import Cluster
from kubeup.model.facts import Facts
from kubeup.pki import expiry
from kubeup.validate import checks as ids
from kubeup.validate.checks import Check, Status


def check(cluster: Cluster, facts: Mapping[str, Facts], now: datetime.datetime) -> list[Check]:
    """Of each node that was probed. Once one has run out, what works by it does not."""
    checks = []
    for node in cluster.nodes:
        soon = expiry.soon(cluster, node, facts[node.endpoint], now) if node.endpoint in facts else ()
        if soon:
            fix = "kubeup up" if not any(one.authority for one in soon) else "a new cluster: kubeup down, kubeup up"
            status = Status.FAILED if soon[0].days < 0 else Status.WARNING
            text = f"{node.title}: {expiry.told(soon)}"
            checks.append(Check(ids.certificates_id(node.title), status, text, fix, _paths(soon)))
    return checks


def _paths(soon: Iterable[expiry.Expiring]) -> tuple[str, ...]:
    return tuple(f"{one.path}: {one.days} days" for one in soon)
