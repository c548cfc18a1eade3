"""Exact undo, on a machine that works for its living: firewall, bridge, VPN, Docker, settings, all of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kubeup.components.pause import PAUSE
from kubeup.node.agent import snapshot
from tests.lab.conftest import Cluster
from tests.lab.own_docker import SEEN, start_container
from tests.lab.snapshots import differences, look
from tests.support.polling import settle

pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)
WORK = """
nft add table inet mine
nft 'add chain inet mine in { type filter hook input priority -5; }'
nft add rule inet mine in tcp dport 9 counter accept comment '"mine"'
nft add set inet mine hosts '{ type ipv4_addr; elements = { 10.1.2.3 }; }'
iptables -N MINE
iptables -A INPUT -p tcp --dport 9 -j MINE
iptables -A MINE -j RETURN
iptables -N ufw-user-input
iptables -N ufw-before-input
iptables -I INPUT -j ufw-before-input
iptables -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A ufw-before-input -j ufw-user-input
iptables -A ufw-user-input -p tcp --dport 22 -j ACCEPT
iptables-legacy -N MINE
iptables-legacy -A OUTPUT -p tcp --dport 9 -j MINE
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
mkdir -p /srv/mine/sub && echo precious >/srv/mine/sub/file
umount /var/lib/kubelet && rmdir /var/lib/kubelet && mkdir -p /srv/kubelet && ln -s /srv/kubelet /var/lib/kubelet
for _ in 1 2 3; do bash -c 'echo >/dev/tcp/127.0.0.1/9' 2>/dev/null || true; done
"""
WORK_3 = """
ip tuntap add vpn1 mode tun && ip addr add 10.98.1.1/24 dev vpn1 && ip link set vpn1 up
sysctl -qw net.ipv4.conf.vpn1.forwarding=1 net.ipv4.conf.all.accept_redirects=0
ip netns add mine
mkdir -p /var/lib/etcd && mount -t tmpfs etcd /var/lib/etcd && mkdir /var/lib/etcd/lost+found
"""
COUNTERS = """
nft list chain inet mine in | grep -o 'packets [0-9]*'
iptables -nvxL MINE | awk '/RETURN/ { print $1 }'
iptables-legacy -nvxL OUTPUT | awk '/MINE/ { print $1 }'
"""
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
    "iptables-legacy": "iptables-legacy -N LEFT",
    "ip6tables-legacy": "ip6tables-legacy -P FORWARD DROP",
    "neighbour": "ip neigh add 10.99.0.9 lladdr 02:00:00:00:00:09 dev br-mine",
    "nftables": "nft add table ip left",
    "ipset": "ipset create left hash:ip",
    "sysctl": "sysctl -qw net.ipv4.ip_forward=$((1 - $(sysctl -n net.ipv4.ip_forward)))",
    "mount": "mkdir -p /mnt/left; mount -t tmpfs left /mnt/left",
    "cgroup": "mkdir /sys/fs/cgroup/memory/left 2>/dev/null || mkdir /sys/fs/cgroup/left",
    "user": "useradd left",
    "group": "groupadd leftover",
    "process": "setsid tail -f /dev/null >/dev/null 2>&1 </dev/null &",
    "swap": "cp /proc/swaps /dev/shm/swaps; echo /left.swap file 1 0 -2 >>/dev/shm/swaps; "
    "mount --bind /dev/shm/swaps /proc/swaps",
    "docker-image": f"docker tag registry.k8s.io/pause:{PAUSE.version} left:1",
    "docker-volume": "docker volume create left",
    "docker-network": "docker network create left",
    "container": f"docker create --name left registry.k8s.io/pause:{PAUSE.version}",
}


def counters(cluster: Cluster) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", cluster.on("node4", COUNTERS))]


def start_pod(cluster: Cluster, node: str) -> None:
    """With a port of the machine's, a volume in memory, and a folder of the machine's mounted into kubelet's."""
    pod = (
        f"{{apiVersion: v1, kind: Pod, metadata: {{name: busy}}, spec: {{nodeName: {node}, containers: [{{name: c, "
        f"image: 'registry.k8s.io/pause:{PAUSE.version}', ports: [{{containerPort: 80, hostPort: 8085}}], "
        "volumeMounts: [{name: m, mountPath: /m}, {name: h, mountPath: /h, subPath: sub}]}], volumes: "
        "[{name: m, emptyDir: {medium: Memory}}, {name: h, hostPath: {path: /srv/mine}}]}}"
    )
    tool = "/opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf"
    apply = f"{tool} apply -f - <<'END'\n{pod}\nEND\n"
    # The controller-manager gives a new cluster's namespaces their accounts a moment after `up`.
    settle(lambda: "created" in cluster.feed("node3", apply), 30, "a pod to be taken")
    phase = f"{tool} get pod busy -o jsonpath='{{.status.phase}}'"
    settle(lambda: cluster.on("node3", phase) == "Running", 60, "a pod with volumes to run")


@pytest.fixture(scope="module")
def before(cluster: Cluster) -> list[snapshot.Things]:
    cluster.profile()
    for node, script in (("node3", WORK_3), ("node4", WORK)):
        said = cluster.feed(node, f"set -e\n{script}\necho at work\n")
        assert "at work\n" in said, said
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
    assert done.returncode == 0, done.stdout + done.stderr
    start_pod(cluster, "node4")
    assert cluster.on("node4", "ls /srv/kubelet/pods")
    assert cluster.json("up", "--no-validate")["changed"] is False, "a link and a disk of its own are folders enough"
    assert cluster.on("node4", SEEN) == docker
    assert cluster.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    assert cluster.on("node4", SEEN) == docker
    for number in (0, 1):
        assert differences(before[number], look(cluster, number)) == ""
    assert all(now >= then for now, then in zip(counters(cluster), counted, strict=True)), "counters go on"
    again = cluster.kubeup("down", "--yes", "profile.yaml")
    assert again.returncode == 0
    assert "Nothing to do" in again.stderr


def test_what_others_changed_meanwhile_is_theirs(cluster: Cluster, before: list[snapshot.Things]) -> None:
    assert cluster.kubeup("up", "--no-validate").returncode == 0
    cluster.on("node4", "echo '# a thought' >>/etc/default/kubelet")
    cluster.on("node4", "sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=4321")
    done = cluster.kubeup("down", "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "someone's changes are kept as /etc/default/kubelet.kubeup-saved" in done.stderr
    assert "nf_conntrack_tcp_timeout_established is 4321, which is not kubeup's value: it stays" in done.stderr
    assert "# a thought" in cluster.on("node4", "cat /etc/default/kubelet.kubeup-saved")
    assert cluster.on("node4", "cat /etc/default/kubelet; stat -c %a /etc/default/kubelet") == (
        'KUBELET_EXTRA="--mine"\n640\n'
    )
    assert cluster.on("node4", "sysctl -n net.netfilter.nf_conntrack_tcp_timeout_established") == "4321\n"
    cluster.on("node4", "sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=86000")
    cluster.on("node4", "rm /etc/default/kubelet.kubeup-saved")


def test_a_half_installed_node_is_what_it_was(cluster: Cluster, before: list[snapshot.Things]) -> None:
    """Killed while units start; what the node's half had begun, it finishes or stops by itself."""
    kubeup = str(Path(sys.executable).with_name("kubeup"))
    started = "grep -c ^unit /var/lib/kubeup/record || true"
    with subprocess.Popen(
        [kubeup, "up"], env=cluster.environment(), cwd=cluster.home, stderr=subprocess.DEVNULL
    ) as process:
        settle(lambda: cluster.on("node3", started)[:1] in "123", 120, "the first units to start")
        process.kill()
    free = "flock -n /var/lib/kubeup/lock echo free"
    settle(
        lambda: cluster.on("node3", free) + cluster.on("node4", free) == "free\n" * 2, 60, "the nodes' halves to end"
    )
    assert 0 < int(cluster.on("node3", started)) < 8
    done = cluster.kubeup("down", "--yes", "--no-snapshot", "profile.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    for number in (0, 1):
        assert differences(before[number], look(cluster, number)) == ""


def test_another_operator_with_another_profile_undoes_a_cluster_whose_masters_are_dead(
    cluster: Cluster, before: list[snapshot.Things], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cluster.kubeup("up", "--no-validate").returncode == 0
    # Programs that are gone cannot be started again, either.
    cluster.on("node3", "rm -r /var/lib/kubeup/store/*/etcd /var/lib/kubeup/store/*/kube-apiserver; ")
    cluster.on("node3", "systemctl kill -s KILL etcd kube-apiserver")
    monkeypatch.setattr(
        cluster, "extra", {"XDG_STATE_HOME": str(tmp_path / "state"), "KUBECONFIG": str(tmp_path / "config")}
    )
    cluster.profile(name="other")
    refused = cluster.kubeup("down", "--yes")
    assert refused.returncode == 1
    assert f"belongs to the cluster {cluster.name}, not to other; nothing was touched" in refused.stderr
    cluster.profile(flannel_net="10.10.0.0/16", runtime="docker", service_cluster_ip_range="10.11.0.0/16").write_text(
        f"name: {cluster.name}\nlab: {cluster.name}\nnodes: [root@{', root@'.join(cluster.addresses)}]\nroles: i a\n"
    )
    refused = cluster.kubeup("down", "--yes")
    assert refused.returncode == 1
    assert "no snapshot of etcd could be taken" in refused.stderr
    done = cluster.kubeup("down", "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stdout + done.stderr
    for number in (0, 1):
        assert differences(before[number], look(cluster, number)) == ""


CAME = """
systemctl start docker
ip netns add came
mkdir -p /var/lib/cni/networks/podman && echo x >/var/lib/cni/networks/podman/10.88.0.2
mkdir -p /srv/mine/sub && echo precious >/srv/mine/sub/file
group=$(ls -d /sys/fs/cgroup/memory 2>/dev/null || echo /sys/fs/cgroup)/mine/kubepods
mkdir -p $group && { setsid sleep 4000 >/dev/null 2>&1 </dev/null & echo $! >$group/cgroup.procs; }
rm /usr/local/bin/kubectl && echo own >/usr/local/bin/kubectl
"""
AT_WORK = """
docker inspect -f '{{.State.Pid}} {{.State.Running}}' mine
docker exec mine /pause -v
ip netns exec came echo in the namespace
pgrep -f '^sleep 4000'
ls /var/lib/cni/networks
cat /srv/mine/sub/file
"""


def test_what_came_meanwhile_works_on_where_kubeup_s_lay_beside_it(
    cluster: Cluster, before: list[snapshot.Things]
) -> None:
    """Docker keeps its shims' sockets in the folder where kubeup's containerd made its own, and so on."""
    cluster.profile()
    assert cluster.kubeup("up", "--no-validate").returncode == 0
    cluster.feed("node3", CAME)
    start_container(cluster, "node3")
    start_pod(cluster, "node3")
    seen = cluster.on("node3", AT_WORK)
    assert re.fullmatch(r"\d+ true\npause.c v\S+\nin the namespace\n\d+\nkubeup\npodman\nprecious\n", seen), seen
    done = cluster.kubeup("down", "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.on("node3", AT_WORK) == seen.replace("kubeup\n", "")
    assert cluster.on("node3", "cat /usr/local/bin/kubectl.kubeup-saved") == "own\n"
    assert "someone's changes are kept as /usr/local/bin/kubectl.kubeup-saved" in done.stderr
    assert "net.ipv4.ip_forward stays 1: Docker, which came meanwhile, needs it" in done.stderr
    assert "No such file" in cluster.on("node3", "ls /run/containerd/runc/k8s.io")
    stopped = cluster.on("node3", "docker rm -f mine")
    assert stopped == "mine\n"


def test_every_kind_of_leftover_is_found(cluster: Cluster, before: list[snapshot.Things]) -> None:
    for script in LEFTOVERS.values():
        cluster.on("node4", script)
    found = {one.kind for one in snapshot.compare(before[1], look(cluster, 1), snapshot.exemptions())}
    assert set(LEFTOVERS) - found == set()
