"""Machines with routes and rules of their own, and pod networks that are routed rather than tunnelled.

node3 has a default route by two gateways and routes that lead nowhere; node4 has a Docker at work. What their rules do
not name they drop: on node3 rules of iptables, on node4 of nftables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from kubeup.model.lab_folder import state_root
from kubeup.node.agent import snapshot
from tests.lab.conftest import Cluster, kubelet
from tests.lab.snapshots import differences, look
from tests.support.bad_line import BadLine

pytestmark = [pytest.mark.parametrize("cluster", ["debian"], indirect=True), pytest.mark.story]
ROUTES = """
ip route replace default nexthop via {net}.1 dev eth0 nexthop via {net}.254 dev eth0
ip route add throw 10.97.0.0/16
ip route add unreachable 10.98.0.0/16
ip route add blackhole 10.99.0.0/16
ip route add prohibit 10.96.0.0/16
ip route add 10.0.0.0/8 via {net}.1
iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -p tcp --dport 22 -j ACCEPT
iptables -P INPUT DROP
"""
DROPPING = """
systemctl start docker
nft add table inet mine
nft add chain inet mine input '{ type filter hook input priority 0; policy drop; }'
nft add rule inet mine input ct state established,related accept
nft add rule inet mine input iif lo accept
nft add rule inet mine input tcp dport 22 accept
"""
# As VPN clients do it: the default route itself stays.
VPN = """
ip tuntap add vpn0 mode tun && ip addr add 10.200.0.1/24 dev vpn0 && ip link set vpn0 up
ip route add 0.0.0.0/1 dev vpn0 && ip route add 128.0.0.0/1 dev vpn0
"""
DIRECT = "{config: {Backend: {DirectRouting: true}}}"
FLAGS = kubelet("maxPods: 111")
TRY = "timeout 1 bash -c 'exec 3<>/dev/tcp/{}/9' 2>/dev/null; echo $?"
REFUSED, DROPPED = "1", "124"


@pytest.fixture(scope="module")
def machines(cluster: Cluster) -> Cluster:
    cluster.lines.update(runtime="", flannel_backend="host-gw")
    cluster.profile()
    net = cluster.addresses[0].rpartition(".")[0]
    for node, script in (("node3", ROUTES.format(net=net)), ("node4", DROPPING)):
        said = cluster.feed(node, f"set -e\n{script}\necho at work\n")
        assert said.endswith("at work\n"), said
    return cluster


@pytest.fixture(scope="module")
def before(machines: Cluster) -> list[snapshot.Things]:
    """With the rule that was advised."""
    return [look(machines, number) for number in (0, 1)]


def test_an_address_that_is_on_no_link_is_told_before_anything_is_touched(machines: Cluster) -> None:
    one, two = machines.addresses
    nodes = f"[{{host: {one}, user: root, address: 203.0.113.7}}, root@{two}]"
    machines.profile(nodes=nodes)
    done = machines.kubeup("up")
    assert done.returncode == 1
    assert (
        "node3: its address 203.0.113.7 is on no link of the machine that others reach: nothing can listen there "
        "[address-not-here]" in done.stderr
    )
    assert f"fix: write address: {one} under the node in the profile, beside host: {one}" in done.stderr
    assert "nothing was touched" in done.stderr
    assert machines.on("node3", "ls -A /var/lib/kubeup /etc/kubernetes 2>/dev/null") == "/var/lib/kubeup:\n"
    machines.profile()


def test_docker_at_work_on_both_machines_is_the_runtime_where_nothing_is_said(machines: Cluster) -> None:
    machines.on("node3", "systemctl start docker")
    said = "container runtime: docker (the profile leaves the choice to kubeup)"
    assert said in machines.kubeup("plan").stderr
    machines.on("node3", "systemctl stop docker docker.socket containerd; ip link delete docker0")
    assert "container runtime: containerd" in machines.kubeup("plan").stderr


def test_rules_that_drop_are_told_with_one_that_lets_nodes_and_pods_in(machines: Cluster) -> None:
    one, two = machines.addresses
    ways = {"node3": TRY.format(two), "node4": TRY.format(one)}
    assert [machines.on(node, way).strip() for node, way in ways.items()] == [DROPPED, DROPPED]
    planned = machines.kubeup("plan")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "node3: its nftables chain ip filter INPUT drops what it does not name" in planned.stderr
    assert "node4: its nftables chain inet mine input drops what it does not name" in planned.stderr
    advised = re.findall(r"in the file that makes it and at once: (.*)", planned.stderr)
    assert [line.split()[0] for line in advised] == ["iptables", "nft"], planned.stderr
    for node, advice in zip(ways, advised, strict=True):
        machines.on(node, advice)
    assert [machines.on(node, way).strip() for node, way in ways.items()] == [REFUSED, REFUSED]


def test_with_host_gw_pods_are_reached_by_routes_to_their_nodes(
    cluster: Cluster, before: list[snapshot.Things]
) -> None:
    done = cluster.kubeup("up")
    assert "Cluster validation succeeded" in done.stdout, done.stdout + done.stderr
    assert (
        "container runtime: containerd (the profile leaves the choice to kubeup; node4 has a Docker at work, node3 has "
        "none)" in done.stderr
    )
    one, two = cluster.addresses
    assert f"172.16.1.0/24 via {two} dev eth0" in cluster.on("node3", "ip route")
    assert f"172.16.0.0/24 via {one} dev eth0" in cluster.on("node4", "ip route")
    assert "does not exist" in cluster.on("node3", "ip link show flannel.1")
    assert cluster.json("up", "--no-validate")["changed"] is False


def test_all_of_it_is_there_after_down_and_nothing_else(cluster: Cluster, before: list[snapshot.Things]) -> None:
    """As two snapshots see it: ``left_as_it_was`` asserts that they do not differ."""
    left_as_it_was(cluster, before)


def test_with_direct_routing_too(cluster: Cluster, before: list[snapshot.Things]) -> None:
    cluster.profile(flannel_backend="vxlan", flannel=DIRECT)
    done = cluster.kubeup("up")
    assert "Cluster validation succeeded" in done.stdout, done.stdout + done.stderr
    assert f"172.16.1.0/24 via {cluster.addresses[1]} dev eth0" in cluster.on("node3", "ip route")
    assert "flannel.1" in cluster.on("node3", "ip link show flannel.1")
    assert cluster.json("up", "--no-validate")["changed"] is False


def test_two_nodes_behind_one_host_are_told_apart_by_their_ports(
    cluster: Cluster, before: list[snapshot.Things]
) -> None:
    """As behind a router that forwards a port to each: all that an `up` asks and does goes to the right one."""
    one, two = cluster.addresses
    with BadLine(22, host=one) as three, BadLine(22, host=two) as four:
        ports = {one: three.port, two: four.port}
        (cluster.home / "known_hosts").write_text("".join(known_hosts(cluster, ports)))
        (cluster.home / "ssh_config").write_text(
            f"Host *\n  IdentityFile {state_root() / cluster.name}/id_ed25519\n"
            f"  UserKnownHostsFile {cluster.home}/known_hosts\n  StrictHostKeyChecking yes\n"
        )
        nodes = [f"{{host: 127.0.0.1, port: {ports[one]}, user: root, address: {one}}}" for one in ports]
        changes = {"lab": "", "ssh": "{config: ssh_config}", "nodes": f"[{', '.join(nodes)}]", "kubelet": FLAGS}
        cluster.profile(flannel_backend="vxlan", flannel=DIRECT, **changes)
        outcome = cluster.json("up")
        assert [node["units"] for node in outcome["nodes"]] == [["kubelet.service"]] * 2  # type: ignore[attr-defined]
        assert min(three.connections, four.connections) > 0
        assert cluster.json("validate", "--read-only")["healthy"] is True


def known_hosts(cluster: Cluster, ports: Mapping[str, int]) -> Iterator[str]:
    """The lab's host keys, by the ports that lead to its nodes."""
    for line in (state_root() / cluster.name / "known_hosts").read_text().splitlines():
        names, key = line.split(maxsplit=1)
        yield f"[127.0.0.1]:{ports[names.split(',')[1]]} {key}\n"


def test_a_vpn_that_becomes_the_default_route_changes_nothing(cluster: Cluster, before: list[snapshot.Things]) -> None:
    cluster.profile(flannel_backend="vxlan", flannel=DIRECT, kubelet=FLAGS)
    assert cluster.kubeup("up", "--no-validate").returncode == 0
    for node in ("node3", "node4"):
        said = cluster.feed(node, f"set -e\n{VPN}\nip route get 1.1.1.1")
        assert "dev vpn0 src 10.200.0.1" in said, said
    assert cluster.json("up", "--no-validate")["changed"] is False
    health = cluster.kubeup("validate")
    assert health.returncode == 0, health.stdout + health.stderr
    for node in ("node3", "node4"):
        cluster.on(node, "ip link delete vpn0")
    left_as_it_was(cluster, before)


def left_as_it_was(cluster: Cluster, before: list[snapshot.Things]) -> None:
    assert cluster.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    for number, then in enumerate(before):
        assert differences(then, look(cluster, number)) == ""
