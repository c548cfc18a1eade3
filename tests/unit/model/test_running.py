"""What a running cluster answers, as etcd 3.6 and Kubernetes 1.37 print it, and as nothing prints it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from kubeup.model.facts import EtcdStatus, Member, NodeObject, running

NODES = r"""
node node3
pod_cidr 172.16.0.0/24
version v1.37.2
runtime containerd://2.4.2
ready True
address 192.168.200.13
address fd00::1
label kubeup.io/role "x"
annotation kubeup.io/odd "a \"b\"\n\tc é"
annotation kubeup.io/bell "\a"
annotation kubeup.io/revision ""
node node4
unschedulable yes
ready Unknown
"""
HEADER = {"cluster_id": 6012025715201963436, "member_id": 6662698563040693991, "raft_term": 2}
MEMBERS = {
    "header": HEADER,
    "members": [
        {"ID": 6662698563040693991, "name": "node3", "peerURLs": ["https://10.0.0.3:2380"], "clientURLs": ["x"]},
        {"ID": 255, "peerURLs": ["https://10.0.0.4:2380"], "isLearner": True},
    ],
}
STATUS = {
    "Endpoint": "https://127.0.0.1:2379",
    "Status": {"header": HEADER, "version": "3.6.16", "dbSize": 20480, "leader": 255, "errors": ["alarm:NOSPACE "]},
}


def test_node_objects_are_read_with_what_kubeup_wrote_on_them() -> None:
    assert running.nodes(NODES) == (
        NodeObject(
            "node3",
            "172.16.0.0/24",
            "v1.37.2",
            "containerd://2.4.2",
            ready=True,
            address="192.168.200.13",
            labels={"kubeup.io/role": "x"},
            annotations={"kubeup.io/odd": 'a "b"\n\tc é', "kubeup.io/bell": '"\\a"', "kubeup.io/revision": ""},
        ),
        NodeObject("node4", unschedulable=True),
    )


def test_a_cluster_without_nodes_is_known_to_have_none() -> None:
    assert running.nodes("") == ()


def test_members_are_read_with_their_ids_as_etcdctl_takes_them() -> None:
    assert running.members(json.dumps(MEMBERS)) == (
        Member("5c76a90ae78bcee7", "node3", ("https://10.0.0.3:2380",)),
        Member("ff", "", ("https://10.0.0.4:2380",), learner=True),
    )


def test_what_a_member_says_of_itself_is_read_also_where_it_leaves_out_what_is_nothing() -> None:
    assert running.etcd_status(json.dumps([STATUS])) == EtcdStatus(
        "536f0188ef2075ac", "5c76a90ae78bcee7", "3.6.16", "ff", database=20480, alarms=("alarm:NOSPACE ",)
    )
    alone = {"Status": {"header": HEADER, "version": "3.7.3", "isLearner": True}}
    assert running.etcd_status(json.dumps([alone])) == EtcdStatus(
        "536f0188ef2075ac", "5c76a90ae78bcee7", "3.7.3", learner=True
    )


def test_the_api_server_s_version_is_read() -> None:
    assert running.api_version('{\n  "major": "1",\n  "gitVersion": "v1.37.2"\n}') == "v1.37.2"


NONSENSE = ("", "{}", "[]", "null", "[{}]", '{"members": []}', '{"members": [{"name": "x"}]}', "<html>", "{")


@pytest.mark.parametrize("read", [running.members, running.etcd_status, running.api_version])
@pytest.mark.parametrize("text", NONSENSE)
def test_what_is_no_answer_is_not_read_as_one(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"^no |^Expecting "):
        read(text)


@pytest.mark.parametrize("text", ["No resources found", "pod_cidr 172.16.0.0/24", "node ", "<no value>"])
def test_what_tells_of_no_node_is_no_list_of_nodes(text: str) -> None:
    with pytest.raises(ValueError, match=r"^no line about a Node object"):
        running.nodes(text)
