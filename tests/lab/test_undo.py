"""Exact undo, on a machine that works for its living: firewall, bridge, VPN, Docker, settings, all of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubeup import snapshot
from kubeup.model import Versions
from tests.lab.conftest import Cluster
from tests.lab.test_cluster import settle
from tests.lab.test_docker import SEEN, start_container

pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)
WORK = """
nft add table inet mine
nft 'add chain inet mine in { type filter hook input priority -5; }'
nft add rule inet mine in tcp dport 9 counter accept comment '"mine"'
nft add set inet mine hosts '{ type ipv4_addr; elements = { 10.1.2.3 }; }'
iptables -N MINE
iptables -A INPUT -p tcp --dport 9 -j MINE
iptables -A MINE -j RETURN
iptables -t nat -A POSTROUTING -s 10.99.0.0/24 -o eth0 -j MASQUERADE
ipset create mine hash:ip && ipset add mine 10.1.2.4
ip link add br-mine type bridge && ip addr add 10.99.0.1/24 dev br-mine && ip link set br-mine up
ip tuntap add vpn0 mode tun && ip addr add 10.98.0.1/24 dev vpn0 && ip link set vpn0 up
ip route add 10.97.0.0/24 via 10.99.0.2
ip rule add from 10.99.0.0/24 table 100 priority 1000
ip route add 10.96.7.0/24 dev br-mine table 100
sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=86000 net.ipv4.conf.all.rp_filter=2
echo 'KUBELET_EXTRA="--mine"' >/etc/default/kubelet && chmod 640 /etc/default/kubelet
mkdir -p /etc/cni/net.d && echo '{"name": "mine"}' >/etc/cni/net.d/10-mine.conflist
systemd-run --unit=mine sleep infinity
for _ in 1 2 3; do bash -c 'echo >/dev/tcp/127.0.0.1/9' 2>/dev/null; done
"""
SHARED = re.compile(r"vm\.overcommit_memory|kernel\.panic|kernel\.panic_on_oops|kernel\.keys\.root_max.*")
COUNTERS = "nft list chain inet mine in | grep -o 'packets [0-9]*'; iptables -nvxL MINE | awk '/RETURN/ { print $1 }'"
LEFTOVERS = {
    "file": "touch /opt/left",
    "content": "echo more >>/etc/hosts",
    "xattr": "touch /srv/tagged; setfattr -n user.left -v 1 /srv/tagged",
    "unit-file": "printf '[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/left.service",
    "unit": "systemd-run --unit=left-running sleep 1000",
    "link": "ip link add left0 type bridge",
    "address": "ip addr add 10.77.0.1/24 dev lo",
    "route": "ip route add 10.76.0.0/24 dev eth0",
    "rule": "ip rule add from 10.75.0.0/24 table 99",
    "iptables-nft": "iptables-nft -N LEFT",
    "ip6tables-nft": "ip6tables-nft -N LEFT6",
    "nftables": "nft add table ip left",
    "ipset": "ipset create left hash:ip",
    "sysctl": "sysctl -qw net.ipv4.ip_forward=$((1 - $(sysctl -n net.ipv4.ip_forward)))",
    "mount": "mkdir -p /mnt/left; mount -t tmpfs left /mnt/left",
    "cgroup": "mkdir /sys/fs/cgroup/memory/left 2>/dev/null || mkdir /sys/fs/cgroup/left",
    "user": "useradd left",
    "group": "groupadd leftover",
    "process": "setsid tail -f /dev/null >/dev/null 2>&1 </dev/null &",
    "container": f"docker create --name left registry.k8s.io/pause:{Versions().pause}",
}


def look(cluster: Cluster, node: int) -> snapshot.Things:
    path = cluster.home / "snapshot"
    done = cluster.kubeup("node", "snapshot", cluster.addresses[node], "-o", str(path))
    assert done.returncode == 0, done.stderr
    return snapshot.parse(path.read_text("utf-8", "surrogateescape"))


def differences(before: snapshot.Things, after: snapshot.Things) -> str:
    """None of a lab's nodes has these to itself: another lab's kubelet sets them, too."""
    found = snapshot.compare(before, after, snapshot.exemptions())
    return "\n".join(one.format() for one in found if not (one.kind == "sysctl" and SHARED.fullmatch(one.name)))


def counters(cluster: Cluster) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", cluster.on("node4", COUNTERS))]


@pytest.fixture(scope="module")
def before(cluster: Cluster) -> list[snapshot.Things]:
    cluster.profile()
    cluster.on("node4", WORK)
    assert "docker" in cluster.on("node4", "systemctl start docker && docker ps -q | wc -l; echo docker")
    start_container(cluster)
    return [look(cluster, 0), look(cluster, 1)]


def test_a_machine_that_nobody_touches_does_not_differ(cluster: Cluster, before: list[snapshot.Things]) -> None:
    assert len(before[1]) > 5000
    assert differences(before[1], look(cluster, 1)) == ""


def test_down_leaves_a_machine_at_work_as_it_was(cluster: Cluster, before: list[snapshot.Things]) -> None:
    docker, counted = cluster.on("node4", SEEN), counters(cluster)
    assert min(counted) >= 3
    done = cluster.kubeup("up")
    assert done.returncode == 0, done.stderr
    pod = (
        "{apiVersion: v1, kind: Pod, metadata: {name: busy}, spec: {nodeName: node4, containers: [{name: c, "
        f"image: 'registry.k8s.io/pause:{Versions().pause}', ports: [{{containerPort: 80, hostPort: 8085}}], "
        "volumeMounts: [{name: m, mountPath: /m}]}], volumes: [{name: m, emptyDir: {medium: Memory}}]}}"
    )
    said = cluster.feed("node3", f"kubectl --kubeconfig=/etc/kubernetes/admin.conf apply -f - <<'END'\n{pod}\nEND\n")
    assert "created" in said, said
    phase = "get pod busy -o jsonpath='{.status.phase}'"
    settle(lambda: cluster.kubectl(phase) == "Running", 60, "a pod with volumes to run")
    assert cluster.on("node4", SEEN) == docker
    assert cluster.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    assert cluster.on("node4", SEEN) == docker
    for number in (0, 1):
        assert differences(before[number], look(cluster, number)) == ""
    assert all(now >= then for now, then in zip(counters(cluster), counted, strict=True)), "counters go on"


def test_what_others_changed_meanwhile_is_theirs(cluster: Cluster, before: list[snapshot.Things]) -> None:
    assert cluster.kubeup("up", "--no-validate").returncode == 0
    cluster.on("node4", "echo '# a thought' >>/etc/default/kubelet")
    cluster.on("node4", "sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=4321")
    done = cluster.kubeup("down", "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stderr
    assert "someone's changes are kept as /etc/default/kubelet.kubeup-saved" in done.stderr
    assert "nf_conntrack_tcp_timeout_established is 4321, which is not kubeup's value: it stays" in done.stderr
    assert "# a thought" in cluster.on("node4", "cat /etc/default/kubelet.kubeup-saved")
    assert cluster.on("node4", "cat /etc/default/kubelet; stat -c %a /etc/default/kubelet") == (
        'KUBELET_EXTRA="--mine"\n640\n'
    )
    assert cluster.on("node4", "sysctl -n net.netfilter.nf_conntrack_tcp_timeout_established") == "4321\n"
    cluster.on("node4", "sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=86000")
    cluster.on("node4", "rm /etc/default/kubelet.kubeup-saved")


def test_another_operator_with_another_profile_undoes_it(
    cluster: Cluster, before: list[snapshot.Things], tmp_path: Path
) -> None:
    assert cluster.kubeup("up", "--no-validate").returncode == 0
    cluster.extra.update(XDG_STATE_HOME=str(tmp_path / "state"), KUBECONFIG=str(tmp_path / "config"))
    cluster.profile(name="other")
    refused = cluster.kubeup("down", "--yes")
    assert refused.returncode == 1
    assert f"belongs to the cluster {cluster.name}, not to other; nothing was touched" in refused.stderr
    cluster.profile(flannel_net="10.10.0.0/16", runtime="docker", service_cluster_ip_range="10.11.0.0/16").write_text(
        f"name: {cluster.name}\nlab: {cluster.name}\nnodes: [root@{', root@'.join(cluster.addresses)}]\nroles: i a\n"
    )
    done = cluster.kubeup("down", "--yes")
    assert done.returncode == 0, done.stderr
    for number in (0, 1):
        assert differences(before[number], look(cluster, number)) == ""


def test_every_kind_of_leftover_is_found(cluster: Cluster, before: list[snapshot.Things]) -> None:
    for kind, script in LEFTOVERS.items():
        cluster.on("node4", script)
        assert kind in {key for key, _ in before[1]} | set(LEFTOVERS)
    found = {one.kind for one in snapshot.compare(before[1], look(cluster, 1), snapshot.exemptions())}
    assert set(LEFTOVERS) - found == set()
