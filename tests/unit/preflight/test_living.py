"""What a living cluster keeps: the profile that says something else is refused, before anything is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup import profile
from kubeup.model.cluster import Cluster
from kubeup.planning import resolve
from tests.support.living import HOSTS, LIVING, PROFILE, built, problems, said, with_members


def test_the_same_profile_is_no_problem() -> None:
    assert problems(said()) == []


ANEW = "or, for a new cluster without the old one's data: kubeup down first"
CHANGES = {
    "flannel_net: 172.16.0.0/16": (
        "node3: the pod network (flannel_net) of a living cluster cannot change: it has 10.244.0.0/16, the profile "
        f"says 172.16.0.0/16 [immutable]\n    fix: write 10.244.0.0/16 into the profile; {ANEW}"
    ),
    "service_cluster_ip_range: 10.97.0.0/16\ndns_server_ip: 10.97.0.9": (
        "node3: the service range (service_cluster_ip_range) of a living cluster cannot change: it has 10.96.0.0/16, "
        f"the profile says 10.97.0.0/16 [immutable]\n    fix: write 10.96.0.0/16 into the profile; {ANEW}"
    ),
    "dns_domain: k8s.example.com": (
        "node3: the DNS domain (dns_domain) of a living cluster cannot change: it has cluster.local, the profile says "
        f"k8s.example.com [immutable]\n    fix: write cluster.local into the profile; {ANEW}"
    ),
    "dns_server_ip: 10.96.0.2": (
        "node3: the address of the DNS (dns_server_ip) of a living cluster cannot change: it has 10.96.0.10, the "
        f"profile says 10.96.0.2 [immutable]\n    fix: write 10.96.0.10 into the profile; {ANEW}"
    ),
    "node_mask: 26": (
        "node3: the length of pod subnets (node_mask) of a living cluster cannot change: it has 24, the profile says "
        f"26 [immutable]\n    fix: write 24 into the profile; {ANEW}"
    ),
    "containerd_snapshotter: native": (
        "node3: what containerd unpacks images with (containerd_snapshotter) of a living cluster cannot change: it has "
        f"overlayfs, the profile says native [immutable]\n    fix: write overlayfs into the profile; {ANEW}"
    ),
}


@pytest.mark.parametrize("line", CHANGES)
def test_what_a_cluster_was_founded_with_is_told_once_to_the_letter(line: str) -> None:
    assert problems(said(line))[0] == CHANGES[line]
    assert len(problems(said(line))) == len(line.splitlines())


def test_what_a_kubeup_of_before_did_not_record_is_known_all_the_same() -> None:
    before = {
        host: replace(
            facts,
            record=replace(
                facts.record,
                meta={
                    key: value for key, value in facts.record.meta.items() if key not in ("node_mask", "snapshotter")
                },
            ),
        )
        for host, facts in LIVING.items()
    }
    assert problems(said(), before) == []
    (found,) = problems(said("node_mask: 26"), before)
    assert "it has 24, the profile says 26" in found
    (found,) = problems(said("containerd_snapshotter: native"), before)
    assert "it has overlayfs, the profile says native" in found


RENAMED = "nodes: [root@192.168.200.13, {host: 192.168.200.14, user: root, name: worker}]"
MOVED = "nodes: [root@192.168.200.13, {host: 192.168.200.14, user: root, address: 10.0.0.14}]"
FIRST = "nodes: [{host: 192.168.200.13, user: root, name: first}, root@192.168.200.14]"
OF_A_NODE = {
    ("runtime:", "runtime: docker"): (
        "node3: the container runtime (runtime) of a living cluster cannot change: it has containerd, the profile says "
        f"docker [immutable]\n    fix: write containerd into the profile; {ANEW}"
    ),
    ("nodes:", RENAMED): (
        "worker: the name of a living node cannot change: the cluster knows it by node4, the profile says worker "
        "[immutable]\n    fix: write name: node4 under the node in the profile; or take the node out first: "
        "kubeup down --limit 192.168.200.14"
    ),
    ("nodes:", FIRST): (
        "first: the name of a living node cannot change: the cluster knows it by node3, the profile says first "
        f"[immutable]\n    fix: write name: node3 under the node in the profile; {ANEW}"
    ),
}


@pytest.mark.parametrize(("drop", "line"), OF_A_NODE)
def test_what_a_living_node_is_stays_to_the_letter(drop: str, line: str) -> None:
    moved = replace(LIVING[HOSTS[1]], addresses=("192.168.200.14/24", "10.0.0.14/24"))
    assert problems(said(line, drop=drop), LIVING | {HOSTS[1]: moved}) == [OF_A_NODE[drop, line]]


@pytest.mark.parametrize(("drop", "line"), OF_A_NODE)
def test_a_node_of_which_nothing_runs_yet_may_be_anything(drop: str, line: str) -> None:
    """A first `up` that failed early, with a profile that was mended since."""
    begun = {
        host: replace(facts, kept_data=(), units={}, record=replace(facts.record, ready={}, units={}))
        for host, facts in LIVING.items()
    }
    begun[HOSTS[1]] = replace(begun[HOSTS[1]], addresses=("192.168.200.14/24", "10.0.0.14/24"))
    assert problems(said(line, drop=drop), begun) == []


def test_what_the_profile_does_not_say_stays_what_the_record_says() -> None:
    """A machine that got another address by DHCP is not another node: it is told, and nothing is rendered with it."""
    machine = replace(LIVING[HOSTS[1]], addresses=("192.168.200.99/24",), primary_address="192.168.200.99")
    by_name = said("nodes: [root@192.168.200.13, root@four]", drop="nodes:")
    machines = {HOSTS[0]: LIVING[HOSTS[0]], "four": machine}
    resolved = resolve.resolve(by_name, machines)
    assert resolved.nodes[1].address == "192.168.200.14"
    assert problems(by_name, machines) == [
        "node4: its address 192.168.200.14, by which the cluster knows it, is on none of its links any more "
        "[address-not-here]\n    | it has 192.168.200.99\n    fix: give it 192.168.200.14 again, and for good: fixed, "
        "or reserved where it is leased (DHCP); or write address: 192.168.200.99 under the node in the profile, beside "
        "host: four, and the cluster knows it by that"
    ]


def test_the_address_of_a_worker_may_change() -> None:
    moved = replace(LIVING[HOSTS[1]], addresses=("192.168.200.14/24", "10.0.0.14/24"))
    assert problems(said(MOVED, drop="nodes:"), LIVING | {HOSTS[1]: moved}) == []


def at_others(*numbers: int) -> Cluster:
    """Three control-plane nodes, some of them by other addresses."""
    nodes = [
        f"{{host: {host}, user: root, address: 10.0.0.{at}}}" if at in numbers else f"root@{host}"
        for at, host in enumerate(HOSTS)
    ]
    text = PROFILE.replace("nodes: [root@192.168.200.13, root@192.168.200.14]", f"nodes: [{', '.join(nodes)}]")
    return profile.load_text(text.replace("ai i", "ai ai ai"), "demo.yaml").cluster


def test_control_plane_nodes_get_other_addresses_one_after_the_other_while_etcd_tells() -> None:
    silent = {
        host: replace(one, addresses=(f"{host}/24", f"10.0.0.{at}/24"))
        for at, (host, one) in enumerate(built(three("ai ai ai")).items())
    }
    telling = with_members(silent)
    assert problems(at_others(1), telling) == []
    assert problems(at_others(1), silent) == [
        "node4: the address of a control-plane node cannot change while etcd does not say which members there are: the "
        "cluster reaches it by 192.168.200.14, the profile says 10.0.0.1 [immutable]\n    fix: mend etcd first (kubeup "
        "validate says what it lacks), or write address: 192.168.200.14 under the node"
    ]
    assert [one.partition(":")[0] for one in problems(at_others(0, 1), telling)] == ["node3", "node4"]
    assert "cannot change at once" in problems(at_others(0, 1), telling)[0]


THREE = "nodes: [root@192.168.200.13, root@192.168.200.14, root@192.168.200.15]"
ROLES = {
    "i ai ai": (
        "node3: it is a control-plane node and has a member's data of etcd, the profile makes it a worker, and no "
        "other member could take over: the data would be lost [roles]\n    fix: give it back its role (ai) in the "
        f"profile, and first let another control-plane node join; {ANEW}"
    ),
    "a ai ai": (
        "node3: it runs pods, and the profile takes that role from it: they would be stopped without a word [roles]\n"
        f"    fix: give it back its role (ai) in the profile; {ANEW}"
    ),
}


@pytest.mark.parametrize("now", ROLES)
def test_a_role_that_a_living_node_loses_is_refused_to_the_letter(now: str) -> None:
    living = built(three("ai ai ai"))
    assert problems(three(now), living) == [ROLES[now]]


def test_a_member_may_go_where_the_others_tell_which_there_are() -> None:
    living = with_members(built(three("ai ai ai")))
    assert problems(three("i ai ai"), living) == []
    text = PROFILE.replace("ai i", "ai ai")
    assert problems(profile.load_text(text, "demo.yaml").cluster, living) == []


def test_members_come_before_others_go() -> None:
    living = with_members(built(three("ai ai i")))
    assert problems(three("ai i ai"), living) == [
        "node4: the profile makes it a worker while node5 is to join the control plane: members come before others go "
        "[roles]\n    fix: two steps: give it back its role (ai) in the profile until `kubeup up` is through"
    ]


def three(roles: str) -> Cluster:
    text = PROFILE.replace("nodes: [root@192.168.200.13, root@192.168.200.14]", THREE).replace("roles: ai i", "")
    return profile.load_text(f"{text}roles: {roles}\n", "demo.yaml").cluster


def test_a_control_plane_node_that_left_the_profile_is_refused_by_name() -> None:
    text = PROFILE.replace("ai i", "ai ai")
    two = profile.load_text(text, "demo.yaml").cluster
    assert problems(two, built(three("ai ai ai"))) == [
        "node3: the control plane of its cluster has the node node5, which the profile lacks: its member of etcd would "
        "stay, and count for the majority, for etcd does not say which members there are [roles]\n    fix: mend etcd "
        f"first (kubeup validate says what it lacks), or put node5 back into the profile; {ANEW}"
    ]


def test_a_reordered_profile_is_the_same() -> None:
    living = built(three("ai ai ai"))
    text = PROFILE.replace("ai i", "ai ai ai").replace(
        "root@192.168.200.13, root@192.168.200.14", ", ".join(f"root@{host}" for host in reversed(HOSTS))
    )
    assert problems(profile.load_text(text, "demo.yaml").cluster, living) == []
