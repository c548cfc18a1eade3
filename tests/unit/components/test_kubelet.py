"""kubelet's settings that follow from the machine."""

from __future__ import annotations

from dataclasses import replace

from kubeup.components import kubelet
from kubeup.components.base import Context
from kubeup.model.facts import ClusterFacts, Facts
from tests.support.plans import BARE, two_nodes


def context(facts: Facts) -> Context:
    cluster = two_nodes()
    return Context(cluster, cluster.nodes[0], facts, ClusterFacts(), {})


def test_pods_that_ask_as_their_machine_does_never_ask_themselves() -> None:
    """A machine that runs a name server of its own beside others, as dnsmasq's users have."""
    facts = replace(
        BARE, nameservers=("127.0.0.1", "10.0.0.53"), resolv_lines=("search lan.example", "options ndots:1")
    )
    (file,) = kubelet.files(context(facts))
    assert kubelet.values(context(facts))["resolv_conf"] == file.path
    assert (file.content or b"").decode().splitlines()[1:] == [
        "nameserver 10.0.0.53",
        "search lan.example",
        "options ndots:1",
    ]


def test_a_machine_s_own_file_is_left_to_pods_where_it_will_do() -> None:
    for servers in ((), ("10.0.0.53",), ("127.0.0.1",)):
        facts = replace(BARE, nameservers=servers)
        assert kubelet.files(context(facts)) == ()
        assert kubelet.values(context(facts))["resolv_conf"] == "/etc/resolv.conf"
