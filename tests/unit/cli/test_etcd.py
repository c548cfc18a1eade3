"""``kubeup etcd``: what people and scripts are told of the members."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kubeup.model.facts import Said, running
from tests.support.recorded import Kubeup
from tests.unit.cli.conftest import FIRST

MEMBERS = {
    "members": [
        {"ID": 1, "name": "node3", "peerURLs": [f"https://{FIRST}:2380"]},
        {"ID": 2, "name": "node9", "peerURLs": ["https://192.168.200.19:2380"]},
        {"ID": 3, "peerURLs": ["https://192.168.200.20:2380"], "isLearner": True},
    ]
}
STATUS = [
    {
        "Status": {
            "header": {"cluster_id": 7, "member_id": 1},
            "version": "3.6.16",
            "leader": 1,
            "dbSize": 2_000_000,
            "errors": ["memberID:1 alarm:NOSPACE"],
        }
    }
]
WELL = [{"Status": {"header": {"member_id": 1}, "leader": 1}}]


@pytest.fixture
def telling(demo: Kubeup) -> Kubeup:
    node = demo.nodes[FIRST]
    answers = {running.MEMBERS: MEMBERS, running.ETCD_STATUS: STATUS, running.MEMBERS_WELL: WELL}
    said = {id_: Said(json.dumps(answer)) for id_, answer in answers.items()}
    node.facts = replace(node.facts, said=said)
    return demo


def test_each_member_is_a_line(telling: Kubeup) -> None:
    done = telling("etcd", "members")
    assert [line.split() for line in done.stdout.splitlines()][1:] == [
        ["3", "(not", "in", "the", "profile)", "3", "192.168.200.20", "learner", "not", "well", "-", "-", "-"],
        ["node3", "1", FIRST, "leader", "well", "3.6.16", "2.0", "MB", "memberID:1", "alarm:NOSPACE"],
        ["node9", "(not", "in", "the", "profile)", "2", "192.168.200.19", "voter", "not", "well", "-", "-", "-"],
    ]
    assert done.exit_code == 0
    assert not telling.touched


def test_a_full_one_is_told_with_the_way_out(telling: Kubeup) -> None:
    done = telling("etcd", "alarms")
    assert "node3: memberID:1 alarm:NOSPACE" in done.stdout
    assert "kubeup etcd defrag, then kubeup etcd alarms --disarm" in done.stdout


def test_nothing_is_defragmented_while_one_is_not_well(telling: Kubeup) -> None:
    done = telling("etcd", "defrag")
    assert done.exit_code == 1
    assert "members of etcd are not well: 3, node9; nothing was touched" in done.stderr


def test_where_nobody_tells_that_is_said(demo: Kubeup) -> None:
    done = demo("etcd", "members", "-o", "json")
    assert done.exit_code == 1
    assert "nobody could tell which members etcd has" in done.stderr
    assert "kubeup validate" in done.stderr
