"""Certificates that run out: what is told of them, and when."""

from __future__ import annotations

import datetime

import pytest

from kubeup import preflight
from kubeup.model.facts import Facts
from kubeup.pki import expiry
from kubeup.validate import certificates
from kubeup.validate.checks import Status
from tests.support.plans import NOW, built, two_nodes

CLUSTER = two_nodes()
NODE3, NODE4 = CLUSTER.nodes
FACTS: dict[str, Facts] = {node.endpoint: built(CLUSTER, node)[0] for node in CLUSTER.nodes}
ALL = {NODE3.endpoint: 14, NODE4.endpoint: 3}
"""How many leaves each node has."""


def day(number: float) -> datetime.datetime:
    """Of the certificates' life, which began at NOW."""
    return NOW + datetime.timedelta(days=number)


@pytest.mark.parametrize("number", [0, 244, 334])
def test_nothing_is_said_as_long_as_thirty_days_are_left(number: int) -> None:
    assert certificates.check(CLUSTER, FACTS, day(number)) == []
    assert preflight.run_out(CLUSTER, FACTS, day(number)) == []


def test_validate_warns_a_month_before_with_the_node_and_what_to_type() -> None:
    one, other = certificates.check(CLUSTER, FACTS, day(336))
    assert (one.id, one.status, one.fix) == ("certificates/node3", Status.WARNING, "kubeup up")
    assert one.message == (
        "node3: 14 of its certificates run out, the first in 29 days (/etc/kubernetes/pki/admin.crt)"
    )
    assert len(one.evidence) == ALL[NODE3.endpoint]
    assert other.message.startswith("node4: 3 of its certificates run out")


def test_once_it_is_over_the_cluster_is_not_well() -> None:
    one, _ = certificates.check(CLUSTER, FACTS, day(370))
    assert one.status is Status.FAILED
    assert one.message.endswith("the first 5 days ago (/etc/kubernetes/pki/admin.crt)")


def test_a_node_that_was_not_asked_is_passed_over() -> None:
    (one,) = certificates.check(CLUSTER, {NODE4.endpoint: FACTS[NODE4.endpoint]}, day(336))
    assert one.id == "certificates/node4"


def test_a_plan_warns_too() -> None:
    one, _ = preflight.run_out(CLUSTER, FACTS, day(336))
    assert one.format() == (
        "node3: 14 of its certificates run out, the first in 29 days (/etc/kubernetes/pki/admin.crt) [certificates]\n"
        "    fix: kubeup up renews them"
    )
    assert one.severity == "warning"


def test_an_authority_at_its_end_is_not_said_to_be_renewed() -> None:
    (one, *_) = preflight.run_out(CLUSTER, FACTS, day(3650 - 20))
    assert one.fix.startswith("kubeup makes no new authority for a living cluster")


def test_one_alone_is_told_as_one() -> None:
    assert expiry.told((expiry.Expiring("/a.crt", 3),)) == "one of its certificates runs out, in 3 days (/a.crt)"
