"""What is gone of what components had made makes a cluster unhealthy, with what brings it back."""

from __future__ import annotations

from dataclasses import replace

from kubeup.model.facts import Facts, UnitFact
from kubeup.validate import losses
from kubeup.validate.checks import Status
from tests.support.plans import built, two_nodes

CLUSTER = two_nodes()
NODE4 = CLUSTER.nodes[1]
FACTS, _ = built(CLUSTER, NODE4)


def told(facts: Facts) -> dict[str, str]:
    """What is not well, by id."""
    found = [one for one in losses.check(CLUSTER, {NODE4.endpoint: facts}) if one.status is not Status.OK]
    assert all(one.fix.startswith("kubeup up brings it back") for one in found)
    return {one.id: one.message for one in found}


def test_where_all_is_there_each_is_a_check_that_is_well() -> None:
    assert told(FACTS) == {}
    found = losses.check(CLUSTER, {NODE4.endpoint: FACTS})
    assert [one.id for one in found] == [
        "kept/node4/flannel-link",
        "kept/node4/cni-file",
        "kept/node4/kube-proxy-rules",
    ]


def test_what_is_gone_is_named() -> None:
    checks = {**FACTS.checks, "kube-proxy-rules": False, "ip-forward": False}
    whys = {"ip-forward": "/proc/sys/net/ipv4/ip_forward is not 1"}
    assert told(replace(FACTS, checks=checks, whys=whys)) == {
        "kept/node4/kube-proxy-rules": "node4: of kube-proxy, its rules in the nftables table kube-proxy are gone",
        "kept/node4/ip-forward": "node4: /proc/sys/net/ipv4/ip_forward is not 1",
    }


def test_of_what_does_not_run_and_of_a_node_that_was_not_asked_nothing_is_missed() -> None:
    stopped = {**FACTS.units, "flannel.service": UnitFact("flannel.service", "loaded", "inactive")}
    assert told(replace(FACTS, units=stopped, checks={**FACTS.checks, "flannel-link": False})) == {}
    assert losses.check(CLUSTER, {}) == []
