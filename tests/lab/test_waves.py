"""Three control-plane nodes: whatever changes, a quorum of etcd and an API server answer all the time."""

from __future__ import annotations

import ipaddress
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from kubeup.lab import life, model
from tests.lab.conftest import PREFIX, SUBNETS, Cluster, bare
from tests.support.polling import settle

# Each test finds what the ones before it left: none can be run alone.
pytestmark = pytest.mark.story
NODES = ("node3", "node4", "node5")
# On a node, until it is told to stop: how many members serve a consistent read, and how many API servers are ready.
WATCH = """
p=/etc/kubernetes/pki
ctl="timeout 5 /opt/kubeup/bin/etcdctl --cacert=$p/etcd/ca.crt --cert=$p/etcd/server.crt --key=$p/etcd/server.key"
api="timeout 5 /opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf"
rm -f /dev/shm/stop /dev/shm/watching
while [ ! -e /dev/shm/stop ]; do
    for a in ADDRESSES; do
        $ctl --endpoints=https://$a:2379 --dial-timeout=1s endpoint health >/dev/null 2>&1 && echo member &
        $api --server=https://$a:6443 get --raw /readyz >/dev/null 2>&1 && echo server &
    done | sort | uniq -c | tr '\\n' ' '
    echo
    touch /dev/shm/watching
    sleep 0.3
done
rm /dev/shm/watching
"""


@dataclass(frozen=True)
class Sample:
    """How many answered at a moment."""

    members: int
    servers: int


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three control-plane nodes that run pods, too."""
    name = f"{PREFIX}w"
    subnet = ipaddress.IPv4Network(SUBNETS["debian"])
    with bare(model.Lab(name, subnet, len(NODES), "debian"), tmp_path_factory.mktemp(name)) as found:
        found.lines["roles"] = "ai ai ai"
        found.profile()
        done = found.kubeup("up", "--no-validate")
        assert done.returncode == 0, done.stdout + done.stderr
        yield found


@contextmanager
def watched(cluster: Cluster, on: str = "node5") -> Iterator[list[Sample]]:
    """What answers meanwhile, asked on that node again and again; complete once it is over."""
    samples: list[Sample] = []
    script = WATCH.replace("ADDRESSES", " ".join(cluster.addresses))

    def watch() -> None:
        for line in life.inside(cluster.name, on, script, limit=300).stdout.splitlines():
            counts = {word: int(count) for count, word in re.findall(r"(\d+) (member|server)", line)}
            samples.append(Sample(counts.get("member", 0), counts.get("server", 0)))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        settle(lambda: "watching" in cluster.on(on, "ls /dev/shm"), 30, "the first sample")
        yield samples
    finally:
        cluster.on(on, "touch /dev/shm/stop")
        thread.join(60)


def change(cluster: Cluster, snapshots: int, *more: str) -> tuple[dict[str, tuple[str, ...]], list[int], str]:
    """What an `up` with another flag of etcd's restarted, by node; its round trips; what it told meanwhile."""
    cluster.profile(
        etcd=f"{{flags: {{snapshot-count: {snapshots}}}}}", kube_apiserver="{flags: {max-requests-inflight: 500}}"
    )
    done = cluster.kubeup("up", "--no-validate", "-o", "json", *more)
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = json.loads(done.stdout)["nodes"]
    return {node["name"]: tuple(node["units"]) for node in nodes}, [node["round_trips"] for node in nodes], done.stderr


def test_a_flag_of_etcd_and_one_of_the_api_server_in_one_edit_are_not_noticed(cluster: Cluster) -> None:
    with watched(cluster) as samples:
        units, trips, told = change(cluster, 20000)
    # A restart may be over between two samples.
    assert min(sample.members for sample in samples) >= 2, samples
    assert min(sample.servers for sample in samples) >= 1, samples
    assert units == dict.fromkeys(NODES, ("etcd.service", "kube-apiserver.service"))
    assert trips == [3, 3, 3]
    order = re.search(r"  level 0: etcd, kube-apiserver; one after the other: (.*)", told)
    assert order, told
    assert sorted(order[1].split(", ")) == list(NODES)
    outcome = cluster.json("up", "--no-validate")
    assert outcome["changed"] is False


def test_a_member_that_is_down_is_mended_before_any_other_restarts(cluster: Cluster) -> None:
    cluster.on("node4", "systemctl stop etcd")
    with watched(cluster) as samples:
        units, trips, _ = change(cluster, 30000)
    assert min(sample.members for sample in samples) == 2, samples
    assert min(sample.servers for sample in samples) >= 1, samples
    assert units == dict.fromkeys(NODES, ("etcd.service",))
    assert trips == [3, 3, 3]


def test_a_limited_up_waits_for_a_quorum_without_its_node(cluster: Cluster) -> None:
    cluster.on("node4", "systemctl stop etcd")
    pid = cluster.on("node3", "systemctl show -p MainPID --value etcd")
    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change, cluster, 40000, "--limit", "node3")
        said = "waiting until the other members of etcd can do without this one: node4 "
        logs = cluster.home / "state"
        settle(lambda: any(said in log.read_text() for log in logs.rglob("*.log")), 60, "kubeup to wait")
        assert cluster.on("node3", "systemctl show -p MainPID --value etcd") == pid
        cluster.on("node4", "systemctl start etcd")
        units, _, _ = changing.result(timeout=120)
    assert units == {"node3": ("etcd.service",), "node4": (), "node5": ()}
    assert cluster.on("node3", "systemctl show -p MainPID --value etcd") != pid
