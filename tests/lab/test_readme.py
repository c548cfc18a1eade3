"""The README's own profile on real nodes: nothing said of the runtime, the versions, the addons.

What it lacks for this lab (where binaries come from, how its nodes are reached, what their kernel is) stands below it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kubeup.lab import state
from kubeup.node.agent.snapshot import Things
from tests.lab import held_pod
from tests.lab.conftest import Cluster, kubelet
from tests.lab.snapshots import differences, look
from tests.support.bad_line import BadLine
from tests.support.polling import settle

README = (Path(__file__).parents[2] / "README.md").read_text()
pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)


@pytest.fixture(scope="module")
def readme(cluster: Cluster) -> Cluster:
    (profile,) = (text for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "flannel_net" in text)
    said = YAML(typ="safe").load(profile)
    assert {"runtime", "versions", "addons"}.isdisjoint(said)
    ours = f"name: {cluster.name}\nlab: {cluster.name}\nsources: [cache, go]\nkubelet: {kubelet()}\n"
    nodes = f"nodes: [{', '.join(f'root@{address}' for address in cluster.addresses)}]"
    text, replaced = re.subn(r"^nodes: .*$", nodes, profile, flags=re.MULTILINE)
    assert replaced == 1
    (cluster.home / "profile.yaml").write_text(text + ours)
    return cluster


@pytest.fixture(scope="module")
def found(readme: Cluster) -> Things:
    """node4 before kubeup was there."""
    return look(readme, 1)


@pytest.mark.usefixtures("found")
def test_the_first_up_of_a_stranger_ends_in_a_cluster_that_is_well(readme: Cluster) -> None:
    done = readme.kubeup("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Cluster validation succeeded" in done.stdout
    assert "container runtime: containerd (the profile leaves the choice to kubeup)" in done.stderr
    assert readme.on("node3", "kubectl get nodes").count(" Ready ") == 2


def test_the_second_plan_is_empty_and_the_second_up_one_round_trip_a_node(readme: Cluster) -> None:
    planned = readme.kubeup("plan")
    assert "Nothing to do" in planned.stdout, planned.stdout
    again = readme.json("up")
    assert again["changed"] is False
    nodes = again["nodes"]
    assert isinstance(nodes, list)
    assert [node["round_trips"] for node in nodes if node["name"] != "node3"] == [1]


def test_the_same_nodes_in_another_order_are_nothing_to_do(readme: Cluster) -> None:
    """With nodes and roles exchanged the control plane is listed last."""
    path = readme.home / "profile.yaml"
    text = path.read_text()
    nodes = f"nodes: [{', '.join(f'root@{address}' for address in reversed(readme.addresses))}]"
    turned = re.sub(
        r"^roles: .*$", "roles: i ai", re.sub(r"^nodes: .*$", nodes, text, flags=re.MULTILINE), flags=re.MULTILINE
    )
    assert turned != text
    path.write_text(turned)
    try:
        planned = readme.kubeup("plan")
        assert "Nothing to do" in planned.stdout, planned.stdout
        again = readme.json("up", "--no-validate")
        assert again["changed"] is False
    finally:
        path.write_text(text)


def test_a_node_object_that_is_not_as_wanted_is_one_thing_that_the_lead_does_and_costs_its_node_nothing(
    readme: Cluster,
) -> None:
    """Without kubeup's mark it is to the others what a node that joins is."""
    subnet = "kubectl get node node4 -o jsonpath={.spec.podCIDR}"
    before = readme.on("node3", subnet)
    readme.on("node3", "kubectl annotate node node4 kubeup.io/revision-")
    planned = readme.kubeup("plan", "--limit", "node4")
    assert "node3\n  do       Node object node4\n" in planned.stdout, planned.stdout
    mended = readme.json("up", "--limit", "node4", "--no-validate")
    nodes = mended["nodes"]
    assert isinstance(nodes, list)
    assert {node["name"]: node["round_trips"] for node in nodes} == {"node3": 2, "node4": 1}
    assert readme.on("node3", subnet) == before
    assert "Nothing to do" in readme.kubeup("plan").stdout


def test_validate_calls_it_healthy(readme: Cluster) -> None:
    done = readme.kubeup("validate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Cluster validation succeeded" in done.stdout


def test_a_node_leaves_once_its_pods_may_and_comes_back(readme: Cluster, found: Things) -> None:
    path = readme.home / "profile.yaml"
    text = path.read_text()
    alone = re.sub(r"^nodes: .*$", f"nodes: [root@{readme.addresses[0]}]", text, flags=re.MULTILINE)
    alone = re.sub(r"^roles: .*$", "roles: ai", alone, flags=re.MULTILINE)
    readme.feed("node3", held_pod.command("web", "one-web"))
    ready = "kubectl get deployment web -o jsonpath={.status.readyReplicas}"
    settle(lambda: readme.on("node3", ready) == "1", 30, "the pod on node4 to be ready")
    path.write_text(alone)
    asked = readme.kubeup("up")
    assert asked.returncode == 2, asked.stdout + asked.stderr
    assert "kubeup up --remove drains and removes what left the profile" in asked.stderr
    held = readme.kubeup("up", "--remove", "--drain-timeout", "8", "--no-validate")
    assert held.returncode == 1, held.stdout + held.stderr
    assert re.search(r"default/web-\S+ is held by the PodDisruptionBudget one-web", held.stderr), held.stderr
    assert readme.on("node3", "kubectl get node node4 -o jsonpath={.spec.unschedulable}") == ""
    marks = readme.on("node3", "kubectl get node node4 -o jsonpath={.metadata.annotations}")
    assert "kubeup.io/revision" in marks
    assert "kubeup.io/leaving" not in marks
    readme.on(
        "node3",
        "kubectl delete poddisruptionbudget one-web; kubectl patch deployment web -p "
        """'{"spec":{"replicas":0}}'""",
    )
    gone = readme.kubeup("up", "--remove", "--no-validate")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert "the machine of node4 is as it was found" in gone.stderr
    assert readme.on("node3", "kubectl get nodes -o name").split() == ["node/node3"]
    planned = readme.kubeup("plan", "--check")
    assert planned.returncode == 0, planned.stdout
    readme.on("node3", "kubectl delete deployment web")
    path.write_text(text)
    assert differences(found, look(readme, 1)) == ""
    back = readme.kubeup("up")
    assert back.returncode == 0, back.stdout + back.stderr
    assert "Cluster validation succeeded" in back.stdout
    subnets = readme.on("node3", "kubectl get nodes -o jsonpath='{.items[*].spec.podCIDR}'").split()
    assert len(set(subnets)) == 2


def test_a_proxy_that_the_machine_gives_to_every_login_is_not_asked_for_the_cluster(readme: Cluster) -> None:
    """sshd hands /etc/environment to every command; nobody answers at that address."""
    kept = "cp -a /etc/environment /root/environment 2>/dev/null"
    readme.on("node3", f"{kept}; echo HTTPS_PROXY=http://192.0.2.1:3128 >>/etc/environment")
    try:
        assert readme.kubeup("validate", "--read-only").returncode == 0
        assert readme.json("up", "--no-validate")["changed"] is False
    finally:
        readme.on("node3", "rm /etc/environment; [ ! -e /root/environment ] || mv /root/environment /etc/environment")


# What node3 itself sends to its API server takes another way; connections that are there stay.
DETOUR = "add table ip slow; add chain ip slow out {{ type nat hook output priority -101; }}; "
DETOUR += "add rule ip slow out ip daddr {0} tcp dport 6443 dnat to {1}"


# Two minutes of waiting; tests/sandbox/test_validate.py and test_addons.py have an API that is as slow each time.
@pytest.mark.soak
def test_an_api_server_that_takes_fifteen_seconds_is_neither_well_nor_as_it_should_be(readme: Cluster) -> None:
    assert readme.kubeup("up").returncode == 0
    lab = state.find(readme.name)
    assert lab is not None
    address = readme.addresses[0]
    with BadLine(6443, host=address, at=lab.host_address, delay=7.5) as line:
        readme.on("node3", f"nft '{DETOUR.format(address, f'{lab.host_address}:{line.port}')}'")
        try:
            planned = readme.kubeup("plan", "--check")
            assert planned.returncode == 1, planned.stdout
            assert "Nothing to do" not in planned.stdout
            looked = readme.kubeup("validate", "--read-only")
            assert looked.returncode == 1, looked.stdout
            assert "succeeded" not in looked.stdout
            assert line.connections
        finally:
            readme.on("node3", "nft delete table ip slow")
    settle(lambda: readme.kubeup("plan", "--check").returncode == 0, 60, "the plan to be empty again")


CHANGES = {
    "flannel_net: 10.244.0.0/16": "flannel_net: 10.245.0.0/16",
    "dns_server_ip: 10.96.0.10": "dns_server_ip: 10.96.0.9",
    "roles: ai i": "roles: i ai",
    "sources:": "runtime: docker\nversions: {etcd: 3.6.14}\nsources:",
}
WORDS = ("(flannel_net)", "(dns_server_ip)", "(runtime)", "[roles]", "[older-version]")


def test_what_a_living_cluster_cannot_become_is_refused_before_anything_is_touched(readme: Cluster) -> None:
    profile = (readme.home / "profile.yaml").read_text()
    before = {node: readme.on(node, "cat /var/lib/kubeup/record") for node in ("node3", "node4")}
    changed = profile
    for now, then in CHANGES.items():
        assert now in changed
        changed = changed.replace(now, then)
    (readme.home / "changed.yaml").write_text(changed)
    # The file of another name, without its own in it.
    (readme.home / "renamed.yaml").write_text(profile.replace(f"name: {readme.name}\n", ""))
    name = f"name: {readme.name}"
    for command, words in (("up changed.yaml", WORDS), ("up renamed.yaml", [name]), ("addons renamed.yaml", [name])):
        refused = readme.kubeup(*command.split())
        assert refused.returncode == 1, refused.stdout
        assert not [word for word in (*words, "nothing was touched") if word not in refused.stderr], refused.stderr
    assert {node: readme.on(node, "cat /var/lib/kubeup/record") for node in before} == before


def test_down_takes_it_all_away(readme: Cluster) -> None:
    assert readme.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    assert readme.on("node3", "ls -A /var/lib/kubeup /opt/kubeup /etc/kubernetes 2>/dev/null").split() == [
        "/var/lib/kubeup:"
    ]
