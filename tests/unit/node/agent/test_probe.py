"""What tests' nodes answer is what the probe reads: the same facts come out that went in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup.model.errors import NodeError
from kubeup.model.facts import Facts, Said
from kubeup.node.agent.probe import parse
from tests.support.machines import bare, installed
from tests.support.plans import built, two_nodes
from tests.support.probe_reply import probe_reply


def read(reply: bytes) -> Facts:
    return parse(reply, sent_at=0, received_at=0, node="node3")


def test_a_bare_machine_and_an_installed_one_come_out_as_they_went_in() -> None:
    for facts in (bare(3), installed(4, "demo", "worker", "kubelet.service")):
        assert read(probe_reply(facts)) == facts


def test_what_the_cluster_said_comes_out_as_it_went_in() -> None:
    said = {"nodes": Said("node one\n\n\tcidr"), "none": Said(), "etcd": Said(why="Error: context deadline exceeded")}
    facts = bare(3, said=said)
    assert read(probe_reply(facts)) == facts


def test_files_certificates_and_the_record_come_out_as_they_went_in() -> None:
    cluster = two_nodes()
    facts, _ = built(cluster, cluster.nodes[1])
    whole = replace(bare(4), **{name: getattr(facts, name) for name in ("files", "record", "units", "checks", "store")})
    assert read(probe_reply(whole)) == whole


def test_an_answer_that_broke_off_is_told_with_its_end() -> None:
    whole = probe_reply(bare(3))
    with pytest.raises(NodeError, match="the answer broke off"):
        read(whole[: whole.index(b"\ntar\n")])
    with pytest.raises(NodeError) as caught:
        read(b"Welcome! Your password expires today.\n")
    assert "Welcome! Your password expires today." in caught.value.evidence
