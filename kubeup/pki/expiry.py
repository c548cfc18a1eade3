"""Which of a node's certificates run out soon: they last a year, and only an ``up`` renews them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509

from kubeup.model.cluster import Cluster, Node
from kubeup.model.facts import Facts
from kubeup.pki.specs import CERTIFICATE_AUTHORITIES, specs_for

SOON_DAYS = 30


@dataclass(frozen=True)
class Expiring:
    """days: that are left, whole ones; negative once it is over. authority: `up` makes no new one of these."""

    path: str
    days: int
    authority: bool = False


def soon(cluster: Cluster, node: Node, facts: Facts, now: datetime.datetime) -> tuple[Expiring, ...]:
    """Certificates with less than SOON_DAYS left, the first to end first. cluster, node: with names and addresses."""
    return tuple(sorted(_soon(cluster, node, facts, now), key=lambda one: (one.days, one.path)))


def told(found: tuple[Expiring, ...]) -> str:
    """In a few words, e.g. ``12 of its certificates run out, the first in 3 days (/etc/kubernetes/pki/admin.crt)``."""
    first = found[0]
    many = "one of its certificates runs out" if len(found) == 1 else f"{len(found)} of its certificates run out"
    when = f"in {first.days} days" if first.days >= 0 else f"{-first.days} days ago"
    return f"{many}, {'' if len(found) == 1 else 'the first '}{when} ({first.path})"


def _soon(cluster: Cluster, node: Node, facts: Facts, now: datetime.datetime) -> Iterator[Expiring]:
    authorities = {authority.cert_path for authority in CERTIFICATE_AUTHORITIES}
    for path in (*authorities, *(spec.path for spec in specs_for(cluster, node))):
        content = facts.file(path).content
        try:
            left = x509.load_pem_x509_certificate(content or b"").not_valid_after_utc - now
        except ValueError:
            # None is there, or somebody's own: `up` has its word on that.
            continue
        if left < datetime.timedelta(days=SOON_DAYS):
            yield Expiring(path, left.days, path in authorities)
