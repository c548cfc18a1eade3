"""What Ubuntu 25.10 and later have: sudo-rs, and uutils in place of GNU coreutils. ufw is at work on both nodes, a swap
on one, and no program is there that preflight does not ask for."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from kubeup import profile
from kubeup.components import api_balancer
from kubeup.components.base import Context
from kubeup.model.cluster import Node, Role
from kubeup.model.facts import ClusterFacts, Facts, running
from kubeup.node.agent import snapshot
from kubeup.planning import render
from tests.lab.conftest import Cluster
from tests.lab.snapshots import differences, look

pytestmark = [pytest.mark.parametrize("cluster", ["ubuntu26"], indirect=True), pytest.mark.story]
# One kernel serves all nodes and this machine: what kubeup and kubelet read of a swap is put in its place.
SWAP = """
{ cat /proc/swaps; echo '/swap.img file 4194300 0 -2'; } >/dev/shm/swaps
sed 's/^SwapTotal:.*/SwapTotal: 4194300 kB/; s/^SwapFree:.*/SwapFree: 4194300 kB/' /proc/meminfo >/dev/shm/meminfo
mount --bind /dev/shm/swaps /proc/swaps && mount --bind /dev/shm/meminfo /proc/meminfo
"""


# What the API answers through a balancer of node4's, as kubelet asks there; then what that thinks of each server.
TRY = """cat >/dev/shm/api-balancer.cfg <<'end'
CONFIG
end
haproxy -Ws -f /dev/shm/api-balancer.cfg >/dev/null 2>&1 &
sleep 3
/opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/kubelet.conf --server=https://127.0.0.1:7443 get --raw /readyz
echo
ASK
kill $!
rm /dev/shm/api-balancer.cfg
"""


@pytest.fixture(scope="module")
def before(cluster: Cluster) -> list[snapshot.Things]:
    """Once ufw is opened by what preflight says to type; each node's own, on that node."""
    cluster.profile()
    done = cluster.kubeup("up")
    assert done.returncode == 1
    assert "nothing was touched" in done.stderr
    cluster.on("node4", SWAP)
    advised = re.findall(r"^ *fix: on the node: (ufw .*)$", done.stderr, re.MULTILINE)
    told = re.findall(r"(node\d): ufw is active", done.stderr)
    assert sorted(told) == ["node3", "node4"], done.stderr
    for node, commands in zip(told, advised, strict=True):
        cluster.on(node, commands)
    return [look(cluster, number) for number in (0, 1)]


def test_the_nodes_are_what_they_are_said_to_be(cluster: Cluster) -> None:
    for program in ("ls", "sha256sum", "env"):
        assert "uutils" in cluster.on("node3", f"{program} --version")
    assert "GNU" in cluster.on("node3", "cp --version")
    assert "sudo-rs" in cluster.on("node3", "sudo --version")
    for program in ("docker", "conntrack", "socat", "curl"):
        assert cluster.on("node3", f"command -v {program}") == ""
    assert "Status: active" in cluster.on("node3", "ufw status")


def test_up_is_well_and_a_second_one_has_nothing_to_do(cluster: Cluster, before: list[snapshot.Things]) -> None:
    done = cluster.kubeup("up")
    assert "Cluster validation succeeded" in done.stdout, done.stdout + done.stderr
    assert "node4: swap is on (4295 MB): pods get none of it" in done.stderr
    assert "node3: swap" not in done.stderr
    swaps = cluster.kubectl("get nodes -o jsonpath='{.items[*].status.nodeInfo.swap.capacity}'")
    assert swaps.split()[-1] == f"{4194300 * 1024}", "kubelet knows of it, too"
    again = cluster.json("up", "--no-validate")
    assert again["changed"] is False


def test_its_haproxy_balances_the_api(cluster: Cluster) -> None:
    """Of Debian sid; tests/sandbox has Debian 12's, tests/lab/test_ha.py Debian 13's. One server is real, one not."""
    assert "HAProxy version 3.2" in cluster.on("node4", "haproxy -v")
    real, none = cluster.addresses
    nodes = [
        Node(host, frozenset({role}), name, host)
        for host, role, name in (
            (real, Role.CONTROL_PLANE, "node3"),
            (none, Role.CONTROL_PLANE, "none"),
            ("10.0.0.9", Role.WORKER, "worker"),
        )
    ]
    several = replace(profile.load(cluster.profile()).cluster, nodes=tuple(nodes))
    context = Context(several, nodes[2], Facts(), ClusterFacts(), {})
    config = render.render("api-balancer.cfg", api_balancer.COMPONENT, context)
    said = cluster.feed("node4", TRY.replace("CONFIG", config).replace("ASK", api_balancer.COMPONENT.questions[0][1]))
    answer, _, table = said.partition("\n")
    assert answer == "ok", said
    found = {one.name: one for one in running.balancer(table)}
    assert found["node3"].up
    assert "refused" in found["none"].why


def test_down_leaves_them_as_they_were_found(cluster: Cluster, before: list[snapshot.Things]) -> None:
    assert cluster.kubeup("down", "--yes").returncode == 0
    for number, then in enumerate(before):
        assert differences(then, look(cluster, number)) == ""
