"""Machines with two links, the default route by the wrong one, and machines with no default route: all that a cluster
sends goes by the link of the nodes' addresses, and services answer on the machines themselves."""

from __future__ import annotations

import re

import pytest

from kubeup.node.agent import snapshot
from tests.lab.conftest import Cluster
from tests.lab.snapshots import differences, look

# What flannel, etcd, the API server and kubelet could send to another node by the way that leads nowhere.
WATCH = """
nft add table ip watch
nft add chain ip watch out '{ type filter hook postrouting priority 300; }'
nft add rule ip watch out oif eth0 counter
nft add rule ip watch out oif eth1 udp dport 8472 counter
"""
VPN = (
    "ip tuntap add vpn0 mode tun && ip addr add 10.200.0.1/24 dev vpn0 && ip link set vpn0 up && "
    "ip route add default dev vpn0"
)
SERVICE = 'timeout 3 bash -c "exec 3<>/dev/tcp/100.0.0.1/443" && echo answers'


def packets(cluster: Cluster, node: str) -> list[int]:
    listing = cluster.on(node, "nft list table ip watch")
    seen = [int(number) for number in re.findall(r"counter packets (\d+)", listing)]
    assert len(seen) == 2, listing
    return seen


def found(cluster: Cluster) -> list[snapshot.Things]:
    cluster.profile()
    return [look(cluster, number) for number in (0, 1)]


def gone_without_a_trace(cluster: Cluster, before: list[snapshot.Things]) -> None:
    assert cluster.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    for then, now in zip(before, found(cluster), strict=True):
        assert differences(then, now) == ""


@pytest.mark.parametrize("cluster", ["two-links"], indirect=True)
def test_the_link_of_the_nodes_addresses_carries_all_though_the_default_route_is_by_another(cluster: Cluster) -> None:
    cluster.on("node3", WATCH)
    cluster.on("node4", WATCH)
    cluster.profile(nodes="[root@node3, root@node4]")
    refused = cluster.kubeup("up")
    assert refused.returncode == 1
    assert "node4: its address 10.0.2.15 is also that of node3 (node3) [duplicate-address]" in refused.stderr
    one, two = cluster.addresses
    assert f"| it has 10.0.2.15, {two}\n" in refused.stderr
    assert "fix: write address: ADDRESS under each node in the profile" in refused.stderr
    mapping = "{{host: {}, user: root, address: {}}}".format
    cluster.profile(nodes=f"[{mapping('node3', one)}, {mapping('node4', two)}]")
    done = cluster.kubeup("up")
    assert "Cluster validation succeeded" in done.stdout, done.stdout + done.stderr
    for node in ("node3", "node4"):
        astray, tunnelled = packets(cluster, node)
        assert astray == 0
        assert tunnelled > 10
    assert cluster.on("node4", 'ip -j -d link show flannel.1 | grep -o \'"local":"[^"]*\'') == f'"local":"{two}\n'
    inside = cluster.kubectl("get nodes -o jsonpath='{.items[*].status.addresses[?(@.type==\"InternalIP\")].address}'")
    assert inside == f"{one} {two}"
    assert cluster.on("node4", SERVICE) == "answers\n"
    assert cluster.json("up", "--no-validate")["changed"] is False


@pytest.mark.parametrize("cluster", ["no-default-route"], indirect=True)
def test_without_a_default_route_services_answer_on_the_machines_themselves(cluster: Cluster) -> None:
    before = found(cluster)
    cluster.profile(nodes="[root@node3, root@node4]")
    done = cluster.kubeup("up")
    assert "Cluster validation succeeded" in done.stdout, done.stdout + done.stderr
    for node in ("node3", "node4"):
        assert cluster.on(node, SERVICE) == "answers\n"
    assert cluster.json("up", "--no-validate")["changed"] is False
    # What leads everywhere comes later, and has another address: the nodes keep theirs.
    said = cluster.on("node4", f"{VPN} && ip route get 1.1.1.1")
    assert "src 10.200.0.1" in said, said
    assert cluster.json("up", "--no-validate")["changed"] is False
    assert cluster.kubeup("validate").returncode == 0
    cluster.on("node4", "ip link delete vpn0")
    gone_without_a_trace(cluster, before)
