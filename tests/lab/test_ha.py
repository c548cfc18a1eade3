"""profiles/ha.yaml on bare machines, and what is left of the API when one control-plane node is gone.

Measured where it is used: by each worker's balancer, and by a pod through the Service `kubernetes`. `make soak` loses
each node in every way there is; `make test` one, which leads etcd.
"""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubeup.components import pause
from kubeup.lab import life, model
from tests.lab.conftest import CTR, PREFIX, SUBNETS, Cluster, bare, kubelet
from tests.support.polling import settle

# Each test finds what the ones before it left: none can be run alone.
pytestmark = pytest.mark.story
MASTERS, WORKERS = ("node3", "node4", "node5"), ("node6", "node7")
PROFILE = Path(__file__).parents[2] / "profiles/ha.yaml"
# What the issue bounds, in seconds; machines that run tests are noisy.
NOISE = 3
API_LOSS, POD_LOSS, BACK = 10.0 * NOISE, 30.0 * NOISE, 120.0 * NOISE
# On a node until it is told to stop: whether the API answers, with the moment before and after.
SAMPLE = """
rm -f /dev/shm/stop-NAME
while [ ! -e /dev/shm/stop-NAME ]; do
    read -r a _ </proc/uptime
    r=ok
    timeout 5 ENTER /opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/kubelet.conf WHERE --request-timeout=4s \
        get --raw /readyz >/dev/null 2>&1 || r=failed
    read -r b _ </proc/uptime
    echo "$a $b $r" >>/dev/shm/samples-NAME
    sleep 0.2
done
"""
PODS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: everywhere}
spec:
  replicas: 5
  selector: {matchLabels: {app: everywhere}}
  template:
    metadata: {labels: {app: everywhere}}
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints:
        - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule,
           labelSelector: {matchLabels: {app: everywhere}}}
      tolerations:
        - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
        - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
      containers: [{name: pause, image: IMAGE, imagePullPolicy: Never}]
"""
READY = (
    "get nodes -o 'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type==\"Ready\")].status} {end}'"
)


def build(tmp_path_factory: pytest.TempPathFactory, like: str) -> Iterator[Cluster]:
    """profiles/ha.yaml, word for word but for the network of its machines, and one more worker."""
    name = f"{PREFIX}h"
    subnet = ipaddress.IPv4Network(SUBNETS["debian"])
    with bare(model.Lab(name, subnet, 5, like), tmp_path_factory.mktemp(name)) as found:
        text = PROFILE.read_text().replace("192.168.200.", f"{found.addresses[0].rpartition('.')[0]}.")
        lines = (
            f"  - {{address: {found.addresses[4]}, user: root, role: i}}",
            f"lab: {found.name}",
            "sources: [cache, go]",
            f"kubelet: {kubelet()}",
        )
        (found.home / "profile.yaml").write_text(text + "".join(f"{line}\n" for line in lines))
        yield found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    yield from build(tmp_path_factory, "debian")


@dataclass(frozen=True)
class Sample:
    """Seconds of the machine's uptime before and after one question."""

    before: float
    after: float
    ok: bool


def loss(samples: list[Sample]) -> float:
    """Seconds in which the API did not answer: from each question that failed to the next one."""
    following = [*samples[1:], Sample(samples[-1].after, samples[-1].after, True)]
    return sum(later.before - one.before for one, later in zip(samples, following, strict=True) if not one.ok)


@contextmanager
def sampled(cluster: Cluster, node: str, name: str, *, where: str = "", enter: str = "") -> Iterator[list[Sample]]:
    """What answers meanwhile; complete once it is over. where, enter: more of kubectl's command line, and before it."""
    script = SAMPLE.replace("NAME", name).replace("WHERE", where).replace("ENTER", enter)
    cluster.on(node, f"rm -f /dev/shm/samples-{name}")
    thread = threading.Thread(target=lambda: life.inside(cluster.name, node, script, limit=900))
    thread.start()
    samples: list[Sample] = []
    try:
        settle(lambda: " ok" in cluster.on(node, f"cat /dev/shm/samples-{name} 2>&1"), 60, "the first sample")
        yield samples
    finally:
        cluster.on(node, f"touch /dev/shm/stop-{name}")
        thread.join(60)
        rows = [line.split() for line in cluster.on(node, f"cat /dev/shm/samples-{name}").splitlines()]
        samples += [Sample(float(before), float(after), word == "ok") for before, after, word in rows]


@contextmanager
def measured(cluster: Cluster) -> Iterator[dict[str, list[Sample]]]:
    """By each worker's balancer, and from a pod of node7's by the Service."""
    with ExitStack() as stack:
        found = {node: stack.enter_context(sampled(cluster, node, "balancer")) for node in WORKERS}
        pod = cluster.on("node7", f"{CTR} tasks ls | awk '/RUNNING/ {{ print $2 }}' | tail -n 1").strip()
        service = cluster.on("node3", "kubectl get service kubernetes -o jsonpath={.spec.clusterIP}").strip()
        enter, where = f"nsenter -n -t {pod}", f"--server=https://{service}"
        found["pod"] = stack.enter_context(sampled(cluster, "node7", "pod", where=where, enter=enter))
        yield found


def leader(cluster: Cluster) -> str:
    """Whose member leads etcd."""
    script = """p=/etc/kubernetes/pki
        /opt/kubeup/bin/etcdctl --cacert=$p/etcd/ca.crt --cert=$p/etcd/server.crt --key=$p/etcd/server.key \
            endpoint status --cluster -w json"""
    text = next(said for node in MASTERS if (said := cluster.on(node, script)).startswith("["))
    status = json.loads(text.splitlines()[0])
    lead = status[0]["Status"]["leader"]
    endpoint = next(one["Endpoint"] for one in status if one["Status"]["header"]["member_id"] == lead)
    address = endpoint.removeprefix("https://").rpartition(":")[0]
    return f"node{cluster.addresses.index(address) + 3}"


def together(cluster: Cluster) -> bool:
    """Whether each member of etcd reaches both others."""
    metrics = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/2381; printf \"GET /metrics HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3'"
    active = "grep -c '^etcd_network_active_peers{.*} 1'"
    return all(cluster.on(node, f"{metrics} | {active}").strip() == "2" for node in MASTERS)


def pods(cluster: Cluster, at: str) -> dict[str, str]:
    """Name -> node, of those that are there."""
    columns = "-o 'jsonpath={range .items[*]}{.metadata.name}={.spec.nodeName} {end}'"
    text = cluster.on(at, f"kubectl get pods -l app=everywhere --field-selector status.phase=Running {columns}")
    return dict(pair.split("=") for pair in text.split())


def ready(cluster: Cluster, at: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in cluster.on(at, f"kubectl {READY}").split() if "=" in pair)


def test_three_masters_that_run_pods_and_workers_come_up_as_the_profile_says(cluster: Cluster) -> None:
    begin = time.monotonic()
    done = cluster.kubeup("up")
    print(f"up of five bare machines: {time.monotonic() - begin:.1f} s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ready(cluster, "node3") == dict.fromkeys((*MASTERS, *WORKERS), "True")
    servers = {
        node: cluster.on(node, "grep -ho 'https://[^\"]*' /etc/kubernetes/kubelet.conf /etc/kubernetes/kube-proxy.conf")
        for node in (*MASTERS, *WORKERS)
    }
    for number, node in enumerate(MASTERS):
        assert set(servers[node].split()) == {f"https://{cluster.addresses[number]}:6443"}
    for node in WORKERS:
        assert set(servers[node].split()) == {"https://127.0.0.1:7443"}
        assert "inactive" in cluster.on(node, "systemctl is-active haproxy")
    assert cluster.json("up", "--no-validate")["changed"] is False
    health = cluster.json("validate")
    checks = {check["id"]: check for check in health["checks"]}  # type: ignore[attr-defined]
    told = [checks[f"balancer/{node}/{master}"] for node in WORKERS for master in MASTERS]
    assert {check["status"] for check in told} == {"ok"}
    assert checks["etcd-quorum"]["status"] == "ok"
    memory = subprocess.run(["free", "-m"], capture_output=True, text=True, check=True).stdout
    used = {node: cluster.on(node, MEMORY).strip() for node in (*MASTERS, *WORKERS)}
    print(f"memory: {used} {memory.splitlines()[1]}")
    image = f"registry.k8s.io/pause:{pause.PAUSE.version}"
    cluster.on("node3", f"kubectl apply -f - <<'end'\n{PODS.replace('IMAGE', image)}\nend")
    settle(lambda: len(pods(cluster, "node3")) == 5, 60, "a pod on every node")


# Resident, of all that kubeup started: kubeup's own programs and haproxy.
MEMORY = "ps -eo rss=,args= | awk '/opt\\/kubeup|api-balancer/ { sum += $1 } END { printf \"%d MB\", sum / 1024 }'"


@dataclass(frozen=True)
class Way:
    """Of losing a node. lose, back: what does it, and what ends it."""

    lose: Callable[[Cluster, str], object]
    back: Callable[[Cluster, str], object]


def cut(incoming: Sequence[str], outgoing: Sequence[str]) -> Way:
    """Packets are dropped without a word, both ways: a half of it alone would be another fault. What stays inside of
    the machine passes."""
    table = "nft add table inet cut; nft 'add chain inet cut {} {{ type filter hook {} priority -300; }}'"
    chains = "; ".join(table.format(hook, hook) for hook in ("input", "output"))
    rules = [f"input iif != lo {one} drop" for one in incoming] + [f"output oif != lo {one} drop" for one in outgoing]
    script = "; ".join((chains, *(f"nft 'add rule inet cut {rule}'" for rule in rules)))
    return Way(
        lambda cluster, node: cluster.on(node, script),
        lambda cluster, node: cluster.on(node, "nft delete table inet cut"),
    )


# Whoever called whom.
PEERS = ("tcp dport 2380", "tcp sport 2380")
WAYS = {
    "crash": Way(
        lambda cluster, node: life.power_off(cluster.name, node, pull=True),
        lambda cluster, node: life.power_on(cluster.name, node),
    ),
    # kubeup still gets there.
    "cut-off": cut(["tcp dport != 22"], ["tcp sport != 22"]),
    "no-2380": cut(PEERS, PEERS),
    "no-6443": cut(["tcp dport 6443"], ["tcp sport 6443"]),
}


def lose(cluster: Cluster, node: str, way: Way) -> dict[str, float]:
    """One node lost for a minute; what was noticed of it, in seconds."""
    at = next(one for one in MASTERS if one != node)
    before = pods(cluster, at)
    unready: set[str] = set()
    with measured(cluster) as samples:
        way.lose(cluster, node)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            unready |= {name for name, word in ready(cluster, at).items() if word != "True"}
            time.sleep(1)
        told = cluster.kubeup("validate", "--read-only", "-o", "json")
        begin = time.monotonic()
        way.back(cluster, node)
        settle(lambda: set(ready(cluster, at).values()) == {"True"}, BACK, f"{node} to be Ready")
        settle(lambda: cluster.kubeup("validate", "--read-only").returncode == 0, BACK, "the cluster to be well")
        back = time.monotonic() - begin
        # Two that only follow may take longer to find each other: until then the loss of a third one is a quorum's.
        settle(lambda: together(cluster), BACK, "each member of etcd to reach all others")
    assert unready <= {node}
    after = pods(cluster, at)
    stayed = {name: on for name, on in before.items() if on != node}
    assert {name: after.get(name) for name in stayed} == stayed
    failed = [check for check in json.loads(told.stdout)["checks"] if check["status"] == "failed"]
    assert node in failed[0]["message"], failed
    return {**{name: loss(found) for name, found in samples.items()}, "back": back}


def too_long(cluster: Cluster, node: str, name: str) -> dict[str, float]:
    """What was noticed for longer than it may be, of a node lost in that way."""
    noticed = lose(cluster, node, WAYS[name])
    print(f"{name} of {node}: " + ", ".join(f"{what} {seconds:.1f} s" for what, seconds in noticed.items()))
    limits = {**dict.fromkeys(WORKERS, API_LOSS), "pod": POD_LOSS, "back": BACK}
    return {what: seconds for what, seconds in noticed.items() if seconds > limits[what]}


def test_the_machine_that_leads_etcd_crashes(cluster: Cluster) -> None:
    assert too_long(cluster, leader(cluster), "crash") == {}


def test_kubectl_of_the_operator_goes_to_another_node_with_the_next_up(cluster: Cluster) -> None:
    named = next(node for node in MASTERS if asked(cluster) == f"https://{address(cluster, node)}:6443")
    life.power_off(cluster.name, named, pull=True)
    done = cluster.kubeup("up", "--no-validate")
    assert done.returncode == 1
    assert f"{named}" in done.stderr, done.stderr
    others = {f"https://{address(cluster, node)}:6443" for node in MASTERS if node != named}
    assert asked(cluster) in others, done.stderr
    life.power_on(cluster.name, named)
    settle(lambda: cluster.kubeup("validate", "--read-only").returncode == 0, BACK, "the cluster to be well")


def address(cluster: Cluster, node: str) -> str:
    return cluster.addresses[int(node.removeprefix("node")) - 3]


def asked(cluster: Cluster) -> str:
    """The server in the operator's kubeconfig."""
    found = re.search(r"server: (\S+)", cluster.kubeconfig.read_text())
    assert found
    return found[1]


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
def test_each_control_plane_node_is_lost_in_each_way(cluster: Cluster, way: str) -> None:
    assert [too_long(cluster, node, way) for node in MASTERS] == [{}, {}, {}]


@pytest.mark.soak
def test_a_leader_that_stops_for_3_s_cuts_nobody(cluster: Cluster) -> None:
    node = leader(cluster)
    counted = "ss -Htn state established '( sport = :7443 )' | awk '{ print $4 }' | sort"
    before = {worker: cluster.on(worker, counted) for worker in WORKERS}
    assert all(before.values())
    cluster.on(node, "systemctl kill -s STOP etcd; sleep 3; systemctl kill -s CONT etcd; sleep 10")
    for worker in WORKERS:
        assert set(before[worker].split()) <= set(cluster.on(worker, counted).split())


@pytest.mark.soak
def test_a_quorum_that_is_lost_is_said_and_one_machine_brings_it_back(cluster: Cluster) -> None:
    for node in MASTERS[:2]:
        life.power_off(cluster.name, node, pull=True)
    told = cluster.kubeup("validate", "--read-only")
    print(told.stdout)
    assert "etcd has lost its quorum: 1 of 3 members runs, and 2 are needed" in told.stdout
    assert "start 1 of node3, node4 again" in told.stdout
    life.power_on(cluster.name, MASTERS[0])
    settle(lambda: len([word for word in ready(cluster, "node5").values() if word == "True"]) == 4, BACK, "four nodes")
    assert "etcd-quorum" not in cluster.kubeup("validate", "--read-only").stdout
    life.power_on(cluster.name, MASTERS[1])
    settle(lambda: cluster.kubeup("validate", "--read-only").returncode == 0, BACK, "the cluster to be well")
