"""The main job, in the order a person would do it: bare nodes, up, again, one flag, drift, kill, down."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubeup.lab import life, model
from kubeup.model.cluster import Versions
from kubeup.release.artifacts import ArtifactRef
from kubeup.sources.cache import cache_root, path_of
from tests.lab.conftest import Cluster, kubelet, nothing_leaves
from tests.support.polling import settle

# Each test finds what the ones before it left: none can be run alone.
pytestmark = pytest.mark.story
LOOK = r"""
find /etc /opt /usr/local /var/lib /root /home -xdev \
    \( -path /var/lib/kubeup -o -path /var/lib/systemd -o -path /var/lib/private -o -path /var/lib/sudo \) -prune -o \
    -printf '%p %y %m %U:%G %s\n' |
    grep -v -e sudo_as_admin -e '^/var/lib d' -e '/etc d' -e '^/etc/machine-id' | sort
find /etc /opt /usr/local -xdev -type f -exec sha256sum {} + | sort
ls -A /var/lib/kubeup /var/lib/kubelet 2>/dev/null
systemctl list-unit-files --no-legend | sort
ip -o link | sed 's/@.*//; s/^[0-9]*: //' | sort
ip route | sort
nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*//'
iptables-save | grep -v '^#'; ip6tables-save | grep -v '^#'
sysctl net.ipv4.ip_forward net.netfilter.nf_conntrack_tcp_timeout_established 2>/dev/null
awk '{ print $5 }' /proc/self/mountinfo | grep -v -e ^/proc -e ^/sys | sort
ls /run /run/netns /var/log/pods /var/log/containers 2>&1 |
    grep -v -e '^user' -e test-cache -e 'motd' -e 'sudo' -e 'utmp' | sort
find /sys/fs/cgroup -maxdepth 4 -name 'kubepods*'
"""


@pytest.fixture(scope="module")
def before(cluster: Cluster) -> dict[str, str]:
    cluster.lines["addons"] = "[dns]"
    return {node: cluster.on(node, LOOK) for node in ("node3", "node4")}


@pytest.fixture(scope="module")
def running(cluster: Cluster, before: dict[str, str]) -> Cluster:
    """A cluster that is up; brought up once a module."""
    assert before
    cluster.profile()
    done = cluster.kubeup("up")
    (cluster.home / "first.out").write_text(done.stdout)
    (cluster.home / "first.err").write_text(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    return cluster


def test_a_plan_of_bare_nodes_touches_nothing(cluster: Cluster, before: dict[str, str]) -> None:
    cluster.profile()
    done = cluster.kubeup("up", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Plan: 2 of 2 nodes change: \d+ files, 12 units, \d+\.\d [GM]B to send", done.stdout)
    assert "+KUBELET_OPTS" in done.stdout
    assert "PRIVATE KEY" not in done.stdout
    assert {node: cluster.on(node, LOOK) for node in before} == before


def test_up_ends_as_the_original_did(running: Cluster) -> None:
    out = (running.home / "first.out").read_text()
    assert (
        out.index("Validate output:")
        < out.index("Cluster validation succeeded")
        < out.index("Kubernetes API: https://")
    )
    for name in ("controller-manager", "scheduler", "etcd-0"):
        assert re.search(rf"^{name}\s+Healthy\s+ok", out, re.MULTILINE), out
    err = (running.home / "first.err").read_text()
    trips = [int(found) for found in re.findall(r"^node[34]\s+\d+\s+\d+\s+(\d+)", err, re.MULTILINE)]
    assert len(trips) == 2
    assert max(trips) <= 7, err


def test_an_unchanged_up_is_one_round_trip_a_node_and_changes_nothing(running: Cluster) -> None:
    outcome = running.json("up")
    assert outcome["changed"] is False
    nodes = outcome["nodes"]
    assert isinstance(nodes, list)
    assert [node["round_trips"] for node in nodes] == [1, 1]
    assert [node["units"] for node in nodes] == [[], []]


def test_validate_tells_the_truth_and_leaves_nothing(running: Cluster) -> None:
    health = running.json("validate")
    assert health["healthy"] is True
    ids = {check["id"] for check in health["checks"]}  # type: ignore[attr-defined]
    assert {"pod-reached/node3/node4", "pod-reached/node4/node3", "cluster-ip/node4", "node-port/node4/node4"} <= ids
    assert {"exec/node3", "logs/node4", "node-port/node3/node4"} <= ids
    assert running.kubectl("get pods,services -A -l app=kubeup-validate -o name") == ""


def test_componentstatuses_are_what_the_api_server_says(running: Cluster) -> None:
    health = running.json("validate", "--read-only")
    said = running.kubectl("get componentstatuses -o json")
    told = {
        item["metadata"]["name"]: item["conditions"][0]["status"]
        for item in json.loads(said[said.index("{") :].rpartition("}")[0] + "}")["items"]
    }
    assert told == {"controller-manager": "True", "scheduler": "True", "etcd-0": "True"}
    components = health["components"]
    assert isinstance(components, list)
    assert {one["name"]: one["status"] for one in components} == dict.fromkeys(told, "Healthy")


def test_validate_names_what_is_broken_and_up_mends_just_that(running: Cluster) -> None:
    running.on("node3", "systemctl stop kube-scheduler")
    running.on("node4", "systemctl stop kubelet")
    done = running.kubeup("validate", "--read-only")
    assert done.returncode == 1
    assert "scheduler on node3 is not" in done.stdout
    assert "journalctl -u kube-scheduler" in done.stdout
    outcome = running.json("up")
    nodes = outcome["nodes"]
    assert isinstance(nodes, list)
    assert [node["units"] for node in nodes] == [["kube-scheduler.service"], ["kubelet.service"]]
    assert running.json("validate")["healthy"] is True


LOSSES = {
    "nft flush ruleset": "restart  kube-proxy.service: its rules in the nftables table kube-proxy are gone",
    "rm /etc/kubeup/cni/net.d/10-flannel.conflist": "/etc/kubeup/cni/net.d/10-flannel.conflist is gone",
    "sysctl -w net.ipv4.ip_forward=0": "do       IPv4 forwarding: /proc/sys/net/ipv4/ip_forward is not 1",
    "sysctl -w net.bridge.bridge-nf-call-iptables=0": "do       rules for what crosses a bridge: ",
    # flanneld makes the link anew by itself, but not what led over it.
    "ip link delete flannel.1": "no route leads to the pods of node3",
}


def test_what_the_running_system_lost_is_named_by_plan_and_mended_by_up(running: Cluster) -> None:
    """No pod is made before it is mended: one that comes switches forwarding on by the way."""
    assert running.kubeup("plan", "--check").returncode == 0
    for command in LOSSES:
        running.on("node4", command)
    running.kubectl("-n kube-system delete configmap coredns")
    done = running.kubeup("plan", "--check")
    assert done.returncode == 1
    for line in (*LOSSES.values(), "do       addons: ConfigMap kube-system/coredns is gone"):
        assert line in done.stdout, done.stdout
    outcome = running.json("up")
    nodes = outcome["nodes"]
    assert isinstance(nodes, list)
    assert [node["units"] for node in nodes] == [[], ["flannel.service", "kube-proxy.service"]]
    assert running.json("validate")["healthy"] is True
    assert running.kubeup("plan", "--check").returncode == 0


def test_one_flag_restarts_the_kubelet_alone_and_pods_run_on(running: Cluster) -> None:
    pod = (
        '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"mine"},"spec":{"nodeName":"node4","containers":'
        '[{"name":"c","image":"registry.k8s.io/pause:3.10.2","imagePullPolicy":"Never"}]}}'
    )
    running.on("node3", f"echo '{pod}' | kubectl --kubeconfig=/etc/kubernetes/admin.conf apply -f -")
    container = ".status.containerStatuses[0]"
    status = f"get pod mine -o jsonpath='{{.status.phase}} {{{container}.containerID}} {{{container}.restartCount}}'"
    settle(lambda: running.kubectl(status).startswith("Running"), 60, "the pod to run")
    pod_before = running.kubectl(status)
    pids = "systemctl show -p MainPID --value etcd kube-apiserver kube-containerd flannel kube-proxy | tr '\\n' ' '"
    before = running.on("node4", pids), running.on("node3", pids)
    running.profile(kubelet=kubelet("maxPods: 111", flags="v: 1"))
    shown = running.kubeup("plan")
    assert "+maxPods: 111" in shown.stdout
    outcome = running.json("up")
    nodes = outcome["nodes"]
    assert isinstance(nodes, list)
    assert [node["units"] for node in nodes] == [["kubelet.service"]] * 2
    assert max(node["round_trips"] for node in nodes) <= 3
    assert (running.on("node4", pids), running.on("node3", pids)) == before
    assert running.kubectl(status) == pod_before
    assert "111" in running.kubectl("get node node4 -o jsonpath={.status.capacity.pods}")
    running.kubectl("delete pod mine --now")


def test_a_file_edited_by_hand_shows_in_the_plan_and_is_put_right(running: Cluster) -> None:
    running.on("node4", "sed -i 's/^--config=.*/--config=\\/etc\\/elsewhere\"/' /etc/default/kube-proxy")
    shown = running.kubeup("plan")
    assert "change   /etc/default/kube-proxy" in shown.stdout
    assert '---config=/etc/elsewhere"' in shown.stdout
    assert "restart  kube-proxy.service" in shown.stdout
    outcome = running.json("up")
    nodes = outcome["nodes"]
    assert isinstance(nodes, list)
    assert [node["units"] for node in nodes] == [[], ["kube-proxy.service"]]


def test_a_worker_has_no_way_into_etcd_and_changes_only_its_own_node(running: Cluster) -> None:
    address = running.addresses[0]
    assert running.on("node4", "ls /etc/kubernetes/pki; ls /etc/kubernetes/pki/etcd 2>&1").count("etcd") == 1
    tried = running.on(
        "node4",
        "cd /etc/kubernetes/pki; curl -sk --max-time 5 --cert kubelet-client.crt --key kubelet-client.key "
        f"https://{address}:2379/version; echo $?",
    )
    assert "etcdserver" not in tried
    own = "/opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/kubelet.conf"
    assert "annotated" in running.on("node4", f"{own} annotate node node4 test=1 --overwrite")
    assert "forbidden" in running.on("node4", f"{own} annotate node node3 test=1 --overwrite").lower()
    assert "forbidden" in running.on("node4", f"{own} get secrets -A").lower()


def test_root_s_kubectl_knows_the_cluster_unless_root_has_a_kubeconfig_of_its_own(running: Cluster) -> None:
    """As it is typed on a control-plane node: by ssh without a login shell, and in one."""
    ssh = ["ssh", *life.ssh_options(running.name), "-o", "BatchMode=yes", "node3"]
    sudo = f"echo {model.PASSWORD} | sudo -S -p '' " if running.like == "ubuntu" else ""
    for command in ("kubectl get nodes", "bash -lc 'kubectl get nodes'"):
        done = subprocess.run([*ssh, sudo + command], capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout.count(" Ready ") == 2, done.stdout + done.stderr
        assert "control-plane" in done.stdout
    own = "mkdir -p /root/.kube && echo '{current-context: none}' >/root/.kube/config"
    running.on("node3", own)
    assert "Ready" not in running.on("node3", "HOME=/root kubectl get nodes --request-timeout=2s")
    running.on("node3", "rm -r /root/.kube")


def test_nothing_of_the_service_range_leaves_a_node(running: Cluster) -> None:
    """The block asserts it: a counter on the lab's gateway stays at nothing."""
    """The block asserts it: a counter on the lab's gateway stays at nothing."""
    with nothing_leaves(running):
        running.on("node4", 'for i in 1 2 200; do timeout 1 bash -c "exec 3<>/dev/tcp/100.0.3.$i/81"; done; true')


def test_the_api_speaks_tls_and_nothing_else(running: Cluster) -> None:
    address = running.addresses[0]
    stranger = ssl.create_default_context()
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"https://{address}:6443/version", timeout=5, context=stranger)
    context = ssl.create_default_context(cadata=running.on("node3", "cat /etc/kubernetes/pki/ca.crt"))
    with urllib.request.urlopen(f"https://{address}:6443/version", timeout=5, context=context) as answer:
        assert json.load(answer)["gitVersion"].startswith("v1.")
    for port in (8080, 10255):
        assert "refused" in running.on("node3", f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>&1")


def test_the_operators_kubeconfig_works_from_this_machine(running: Cluster) -> None:
    kubectl = path_of(cache_root(), ArtifactRef("kubectl", Versions().kubernetes, "amd64"))
    done = subprocess.run(
        [kubectl, "get", "nodes", "-o", "name"],
        env={"KUBECONFIG": str(running.kubeconfig), "PATH": os.environ["PATH"], "HOME": str(running.home)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stdout.split() == ["node/node3", "node/node4"], done.stderr
    assert running.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_units_come_back_after_a_reboot_whatever_the_order(running: Cluster) -> None:
    life.power_off(running.name, "node4")
    life.power_off(running.name, "node3")
    life.power_on(running.name, "node4")
    life.power_on(running.name, "node3")
    settle(lambda: running.kubeup("validate", "--read-only").returncode == 0, 180, "the cluster to be back")
    outcome = running.json("up")
    assert outcome["changed"] is False, outcome


def test_a_limited_up_changes_one_node(running: Cluster) -> None:
    running.profile(kubelet=kubelet("maxPods: 109"))
    outcome = running.json("up", "--limit", "node4")
    nodes = outcome["nodes"]
    assert isinstance(nodes, list)
    assert [node["units"] for node in nodes] == [[], ["kubelet.service"]]
    running.profile()
    assert running.json("up")["changed"] is True


def test_ctrl_c_ends_soon_says_where_things_stand_and_up_goes_on(running: Cluster) -> None:
    running.profile(kubelet=kubelet("maxPods: 108"), kube_proxy="{flags: {v: 1}}")
    kubeup = str(Path(sys.executable).with_name("kubeup"))
    process = subprocess.Popen(
        [kubeup, "up"],
        env=running.environment(),
        cwd=running.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background runs them with SIGINT ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "level" in line:
            break
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=20)
    assert time.monotonic() - begin < 3
    assert process.returncode == 130
    assert "the same command goes on from here" in rest
    settle(lambda: running.kubeup("up").returncode == 0, 60, "the node's half of the stopped run to end")
    assert running.json("up")["changed"] is False


def test_two_validates_at_once_do_not_meet(running: Cluster) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: running.kubeup("validate"), range(2)))
    assert [one.returncode for one in found] == [0, 0], "".join(one.stdout for one in found)
    assert running.kubectl("get pods,services -A -l app=kubeup-validate -o name") == ""


def test_a_killed_validate_leaves_no_pods(running: Cluster) -> None:
    """Waiting asserts it: ``settle`` fails when its time is over."""
    """Waiting asserts it: ``settle`` fails when its time is over."""
    kubeup = str(Path(sys.executable).with_name("kubeup"))
    process = subprocess.Popen(
        [kubeup, "validate"],
        env=running.environment(),
        cwd=running.home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    pods = "get pods -A -l app=kubeup-validate -o name"
    settle(lambda: running.kubectl(pods) != "", 30, "probe pods to appear")
    process.kill()
    process.wait()
    settle(lambda: running.kubectl(pods) == "", 60, "the control-plane node to clean up by itself")


def test_down_asks_when_nobody_can_answer(running: Cluster) -> None:
    done = running.kubeup("down")
    assert done.returncode == 2
    assert "kubeup down --yes" in done.stderr
    assert running.kubeup("validate", "--read-only").returncode == 0


def assert_as_found(cluster: Cluster, before: dict[str, str]) -> None:
    for node, was in before.items():
        now = cluster.on(node, LOOK)
        lost, new = set(was.split("\n")) - set(now.split("\n")), set(now.split("\n")) - set(was.split("\n"))
        assert sorted(f"- {line}" for line in lost) + sorted(f"+ {line}" for line in new) == [], node


def test_down_leaves_the_nodes_as_they_were_found(running: Cluster, before: dict[str, str]) -> None:
    done = running.kubeup("down", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    trips = [int(found) for found in re.findall(r"^node[34]\s+(\d+)", done.stderr, re.MULTILINE)]
    assert trips
    assert max(trips) <= 3
    saved = re.search(r"snapshot of etcd, and the keys it needs: (\S+)", done.stderr)
    assert saved, done.stderr
    snapshot = Path(saved.group(1))
    assert snapshot.stat().st_mode & 0o777 == 0o600
    with tarfile.open(snapshot) as tar:
        names = tar.getnames()
        size = tar.getmember("etcd.db").size
    assert "etc/kubernetes/pki/etcd/ca.key" in names
    assert size > 100_000
    assert_as_found(running, before)
    assert not running.kubeconfig.exists()


def test_down_twice_has_nothing_to_do(running: Cluster) -> None:
    running.profile()
    done = running.kubeup("down", "--yes", "profile.yaml")
    assert done.returncode == 0
    assert "Nothing to do" in done.stderr


def test_a_killed_up_is_finished_by_the_next_and_a_half_installed_node_taken_down(running: Cluster) -> None:
    kubeup = str(Path(sys.executable).with_name("kubeup"))
    down = ("down", "--yes", "profile.yaml")
    # Killed very early, nothing of it is on the node yet.
    free = "test -e /var/lib/kubeup/lock || echo nobody; flock -n /var/lib/kubeup/lock echo nobody"
    for stop_at in ("staging", "level 0"):
        process = subprocess.Popen(
            [kubeup, "up"],
            env=running.environment(),
            cwd=running.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if stop_at in line:
                break
        process.kill()
        process.wait()
        settle(
            lambda: "nobody" in running.on("node3", free),
            60,
            "the node's half to end",
        )
        if stop_at == "staging":
            settle(lambda: running.kubeup(*down).returncode == 0, 60, "the half-installed nodes to be taken down")
    done = running.kubeup("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Cluster validation succeeded" in done.stdout


ENCRYPTION = """apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources: [{resources: [secrets], providers: [{secretbox: {keys: [{name: mine, secret: KEY}]}}, {identity: {}}]}]
"""
RAW = """
p=/etc/kubernetes/pki
/opt/kubeup/bin/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=$p/etcd/ca.crt --cert=$p/etcd/server.crt \\
    --key=$p/etcd/server.key get --print-value-only /registry/secrets/default/kept | tr -c '[:print:]' '?'
"""


def test_keep_data_and_up_bring_the_cluster_back_with_its_objects_and_encrypted_secrets(
    running: Cluster, before: dict[str, str]
) -> None:
    """Secrets are encrypted by a file of the user's own, which kubeup knows by its name alone."""
    text = ENCRYPTION.replace("KEY", base64.b64encode(os.urandom(32)).decode())
    running.feed("node3", f"umask 077; mkdir /etc/mine; cat >/etc/mine/encryption.yaml <<'END'\n{text}END\n")
    seen = "sha256sum /etc/mine/encryption.yaml; stat -c '%a %U %y %i' /etc/mine /etc/mine/encryption.yaml"
    own = running.on("node3", seen)
    assert "600 root" in own
    running.profile(kube_apiserver="{flags: {encryption-provider-config: /etc/mine/encryption.yaml}}")
    outcome = running.json("up", "--no-validate")
    nodes = outcome["nodes"]
    assert isinstance(nodes, list)
    assert [node["units"] for node in nodes] == [["kube-apiserver.service"], []]
    running.kubectl("create configmap kept --from-literal=a=b")
    running.kubectl("create secret generic kept --from-literal=word=hush")
    raw = running.on("node3", RAW)
    assert raw.startswith("k8s:enc:secretbox:v1:mine:"), raw
    assert "hush" not in raw
    assert running.kubeup("down", "--yes", "--keep-data").returncode == 0
    assert "inactive" in running.on("node3", "systemctl is-active etcd kubelet")
    done = running.kubeup("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert running.kubectl("get configmap kept -o jsonpath={.data.a}") == "b"
    assert running.kubectl("get secret kept -o jsonpath={.data.word}") == "aHVzaA=="
    assert running.on("node3", RAW) == raw
    # Kept a second time, and given up from there.
    assert running.kubeup("down", "--yes", "--keep-data").returncode == 0
    assert running.kubeup("down", "--yes", "--no-snapshot", "profile.yaml").returncode == 0
    assert running.on("node3", seen) == own
    running.on("node3", "rm -r /etc/mine")
    assert_as_found(running, before)
