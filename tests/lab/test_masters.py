"""Control-plane nodes come and go while somebody writes: nothing confirmed is lost, and hardly a write fails."""

from __future__ import annotations

import ipaddress
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from kubeup.lab import life, model
from kubeup.node.agent.snapshot import Things
from tests.lab.conftest import PREFIX, SUBNETS, Cluster, bare
from tests.lab.faults import MINUTES, Faults, Ledger, passed
from tests.lab.snapshots import differences, look
from tests.support.polling import settle

# Each test finds what the ones before it left: none can be run alone.
pytestmark = pytest.mark.story
NAMES = ("node3", "node4", "node5", "node6")
MOST_FAILED = 3
# On node3 until it is told to stop: counts up in a ConfigMap, by node3's API server; a line for each write that was
# confirmed, that failed, or that is not there any more.
UP = ("up", "--no-validate")
WRITER = """
k() { timeout 5 kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=4s "$@"; }
rm -f /dev/shm/stop /dev/shm/written
k create configmap counter --from-literal=n=0 >/dev/null 2>&1
n=0 confirmed=0
while [ ! -e /dev/shm/stop ]; do
    n=$((n + 1))
    if k patch configmap counter --type merge -p "{\\"data\\":{\\"n\\":\\"$n\\"}}" >/dev/null 2>&1; then
        confirmed=$n
        echo "written $n"
    else
        echo "failed $n"
    fi
    if now=$(k get configmap counter -o jsonpath={.data.n} 2>/dev/null); then
        [ "$now" -ge "$confirmed" ] || echo "lost $confirmed: $now"
    fi
    sleep 0.5
done >/dev/shm/written
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Four machines; one control-plane node at first."""
    name = f"{PREFIX}c"
    subnet = ipaddress.IPv4Network(SUBNETS["debian"])
    with bare(model.Lab(name, subnet, len(NAMES), "debian"), tmp_path_factory.mktemp(name)) as found:
        yield found


@pytest.fixture(scope="module")
def as_found(cluster: Cluster) -> Things:
    """node5, before kubeup was there."""
    roles(cluster, "ai", "i", "i", "i")
    return look(cluster, 2)


@pytest.fixture
def faults(cluster: Cluster) -> Faults:
    return Faults(cluster)


def roles(cluster: Cluster, *said: str) -> None:
    """The profile has the first machines, with these roles."""
    hosts = ", ".join(f"root@{address}" for address in cluster.addresses[: len(said)])
    cluster.profile(nodes=f"[{hosts}]", roles=" ".join(said))


@dataclass
class Written:
    """What became of the writes: numbers that were confirmed, that failed; lines about what was lost."""

    confirmed: list[int]
    failed: list[int]
    lost: list[str]


@contextmanager
def writing(cluster: Cluster) -> Iterator[Written]:
    """Somebody writes meanwhile; complete once it is over."""
    thread = threading.Thread(target=lambda: life.inside(cluster.name, "node3", WRITER, limit=600))
    thread.start()
    found = Written([], [], [])
    try:
        settle(lambda: "written" in cluster.on("node3", "cat /dev/shm/written 2>&1"), 60, "the first write")
        yield found
        time.sleep(2)
    finally:
        cluster.on("node3", "touch /dev/shm/stop")
        thread.join(60)
        for line in cluster.on("node3", "cat /dev/shm/written").splitlines():
            word, _, rest = line.partition(" ")
            if word == "lost":
                found.lost.append(line)
            else:
                (found.confirmed if word == "written" else found.failed).append(int(rest))


def members(cluster: Cluster, on: str = "node3") -> dict[str, str]:
    """Name -> voter or learner, by the member of this node; one that was never started has no name."""
    found = listed(cluster, on)["members"]
    return {one.get("name", ""): "learner" if one.get("isLearner") else "voter" for one in found}


def listed(cluster: Cluster, on: str = "node3") -> dict[str, Any]:
    script = """p=/etc/kubernetes/pki/etcd
        /opt/kubeup/bin/etcdctl --cacert=$p/ca.crt --cert=$p/server.crt --key=$p/server.key member list -w json"""
    found = json.loads(cluster.on(on, script).splitlines()[0])
    assert isinstance(found, dict)
    return found


def up(cluster: Cluster, *more: str) -> dict[str, list[str]]:
    """Units that were started, by node."""
    done = cluster.kubeup("up", "--no-validate", "-o", "json", *more)
    print(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    return {one["name"]: one["units"] for one in json.loads(done.stdout)["nodes"]}


def well(cluster: Cluster) -> None:
    done = cluster.kubeup("validate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.kubeup("plan", "--check").returncode == 0


def bare_again(cluster: Cluster, number: int) -> None:
    """A machine as it was before kubeup came; the cluster is told nothing of it."""
    alone = cluster.home / "alone.yaml"
    text = f"name: {cluster.name}\nlab: {cluster.name}\nnodes: [root@{cluster.addresses[number]}]\nroles: ai\n"
    alone.write_text(text)
    done = cluster.kubeup("down", str(alone), "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("as_found")
def test_one_becomes_three_while_somebody_writes(cluster: Cluster, faults: Faults) -> None:
    roles(cluster, "ai", "i", "i", "i")
    up(cluster)
    founded = listed(cluster)["header"]["cluster_id"]
    api = cluster.on("node3", "systemctl show -p MainPID --value kube-apiserver etcd")
    roles(cluster, "ai", "ai", "ai", "i")
    plan = cluster.kubeup("plan")
    print(plan.stdout)
    assert "member node4 of etcd, as a learner" in plan.stdout
    with writing(cluster) as written:
        begin = time.monotonic()
        faults.walk(cluster.home / "joined", *UP)
        seconds = time.monotonic() - begin
    print(f"1 to 3: {seconds:.1f} s, {len(written.confirmed)} writes, {len(written.failed)} failed")
    assert written.lost == []
    assert len(written.failed) <= MOST_FAILED
    assert cluster.on("node3", "systemctl show -p MainPID --value kube-apiserver etcd") == api
    for node in NAMES[:3]:
        assert members(cluster, node) == dict.fromkeys(NAMES[:3], "voter")
        assert listed(cluster, node)["header"]["cluster_id"] == founded
    well(cluster)
    told = cluster.kubeup("etcd", "members").stdout
    print(told)
    assert [line.split()[0] for line in told.splitlines()] == ["MEMBER", "node3", "node4", "node5"]
    assert told.count("leader") == 1
    assert "no alarms" in cluster.kubeup("etcd", "alarms").stdout
    smaller = cluster.kubeup("etcd", "defrag")
    assert [line.split(":")[0] for line in smaller.stdout.splitlines()].count("node4") == 1, smaller.stderr


def test_one_that_came_back_bare_joins_anew(cluster: Cluster) -> None:
    before = {one["name"]: one["ID"] for one in listed(cluster)["members"]}

    bare_again(cluster, 1)
    with writing(cluster) as written:
        up(cluster)
    print(f"one that came back bare: {len(written.confirmed)} writes, {len(written.failed)} failed")
    assert written.lost == []
    assert len(written.failed) <= MOST_FAILED
    now = {one["name"]: one["ID"] for one in listed(cluster)["members"]}
    assert members(cluster) == dict.fromkeys(NAMES[:3], "voter")
    assert {name for name in NAMES[:3] if now[name] != before[name]} == {"node4"}
    well(cluster)


def test_three_become_one_while_somebody_writes(cluster: Cluster, as_found: Things) -> None:
    roles(cluster, "ai", "i")
    refused = cluster.kubeup("up", "--no-validate")
    assert refused.returncode == 2
    assert "nothing was touched" in refused.stderr
    with writing(cluster) as written:
        units = up(cluster, "--remove")
    print(f"3 to 1: {len(written.confirmed)} writes, {len(written.failed)} failed")
    assert written.lost == []
    assert len(written.failed) <= MOST_FAILED
    assert units["node3"] == []
    assert members(cluster) == {"node3": "voter"}
    assert "kube-apiserver.service" not in cluster.on("node4", "systemctl list-unit-files --no-legend")
    roles(cluster, "ai", "i", "i", "i")
    assert differences(as_found, look(cluster, 2)) == ""
    roles(cluster, "ai", "i")
    well(cluster)


# What a joining that is killed leaves: a member that never started, a learner, one that has all and does not vote yet,
# one whose API server is on its way.
CUTS = ("as a learner", "starting etcd.service", "of etcd votes", "starting kube-apiserver.service")


def joins_in_the_end(cluster: Cluster, founded: str) -> None:
    """Whatever came before: three voters of the one cluster that there ever was."""
    up(cluster)
    for node in NAMES[:3]:
        assert members(cluster, node) == dict.fromkeys(NAMES[:3], "voter")
        assert listed(cluster, node)["header"]["cluster_id"] == founded


def test_a_joining_that_is_killed_is_gone_on_with(cluster: Cluster, faults: Faults) -> None:
    founded = listed(cluster)["header"]["cluster_id"]
    roles(cluster, "ai", "ai", "ai", "i")
    titles = [point.title for point in passed(cluster.home / "joined") if point.node == "node4"]
    wanted = [next(title for title in titles if word in title) for word in CUTS]
    others = [title for title in titles if title not in wanted]
    struck: list[str] = []
    while len(struck) < len(CUTS):
        title = faults.strike_next("node4", [*others, *struck], "kill", *UP)
        assert title, struck
        struck.append(title)
        assert set(members(cluster)) <= {"", *NAMES[:2]}
    assert struck == wanted
    joins_in_the_end(cluster, founded)
    well(cluster)


# The new one is that by which it calls others; by the old one kubeup still gets there.
READDRESS = "ip addr del OLD/24 dev eth0; ip addr add NEW/24 dev eth0; ip addr add OLD/24 dev eth0"


def test_a_master_and_a_worker_get_other_addresses(cluster: Cluster) -> None:
    before = cluster.addresses
    other = {number: before[number].rpartition(".")[0] + f".{40 + number}" for number in (1, 3)}
    nodes = []
    for number, (address, role) in enumerate(zip(before, ("ai", "ai", "ai", "i"), strict=True)):
        said = f"{{host: {address}, user: root, role: {role}, address: {other.get(number, address)}}}"
        nodes.append(said)
        if number in other:
            script = READDRESS.replace("OLD", address).replace("NEW", other[number])
            cluster.on(NAMES[number], script)
    cluster.profile(nodes=f"[{', '.join(nodes)}]", roles="")
    founded = listed(cluster)["header"]["cluster_id"]
    with writing(cluster) as written:
        up(cluster)
    print(f"other addresses: {len(written.confirmed)} writes, {len(written.failed)} failed")
    assert written.lost == []
    assert len(written.failed) <= MOST_FAILED
    urls = {one["name"]: one["peerURLs"] for one in listed(cluster, "node4")["members"]}
    assert urls["node4"] == [f"https://{other[1]}:2380"]
    assert listed(cluster, "node4")["header"]["cluster_id"] == founded
    address = "-o jsonpath='{.status.addresses[?(@.type==\"InternalIP\")].address}'"
    for number, one in other.items():
        assert cluster.kubectl(f"get node {NAMES[number]} {address}") == one
    well(cluster)


def test_a_limited_down_takes_the_member_out_first(cluster: Cluster, as_found: Things) -> None:
    command = ("down", "--yes", "--no-snapshot", "--limit", "node5", "profile.yaml")
    cluster.on("node4", "systemctl stop etcd")
    refused = cluster.kubeup(*command)
    assert refused.returncode == 1
    assert "of the 2 other members of etcd 1 are healthy: without this one there would be no quorum" in refused.stderr
    assert members(cluster) == dict.fromkeys(NAMES[:3], "voter")
    assert cluster.kubectl("get node node5 -o 'jsonpath={.spec.unschedulable}'") == ""
    cluster.on("node4", "systemctl start etcd")
    done = cluster.kubeup(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "node5 is no member of etcd any more" in done.stderr
    assert members(cluster) == dict.fromkeys(NAMES[:2], "voter")
    assert differences(as_found, look(cluster, 2)) == ""


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_every_joining_ends_after_one_more_step(cluster: Cluster, faults: Faults) -> None:
    """Runs that each come one step further than the one before. What an earlier soak struck at is passed."""
    ledger, deadline = Ledger(), time.monotonic() + 60 * MINUTES
    founded = listed(cluster)["header"]["cluster_id"]
    roles(cluster, "ai", "i", "i", "i")
    up(cluster, "--remove")
    for node in ("node4", "node5"):
        struck = ledger.struck("join", "kill", node)
        while time.monotonic() < deadline:
            roles(cluster, "ai", "ai", "ai", "i")
            begin = time.monotonic()
            title = faults.strike_next(node, struck, "kill", *UP)
            if title is None:
                break
            struck.append(title)
            ledger.add(f"join · kill · {node} · {len(struck)} · {title}", "", time.monotonic() - begin)
        print(f"join, kill: {node}, {len(struck)} runs, each ended one step after the last")
        joins_in_the_end(cluster, founded)
        roles(cluster, "ai", "i", "i", "i")
        up(cluster, "--remove")
