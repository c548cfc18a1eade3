"""firewalld at work on node3 and ufw on node4: preflight says what they would drop and what to type, that is true, and
they are the same after."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping

import pytest

from kubeup.lab import image, life, packages, state
from kubeup.node.agent import snapshot
from tests.lab.conftest import Cluster
from tests.lab.snapshots import differences, look

pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)
INSTALL = """
export DEBIAN_FRONTEND=noninteractive
apt-get install -qq --no-install-recommends /root/debs/*.deb >/dev/null && rm -r /root/debs
"""
ENABLE = {
    "ufw": "ufw allow 22/tcp && ufw --force enable && systemctl start ufw && ufw status",
    "firewalld": "systemctl reload dbus && systemctl start firewalld && firewall-cmd --state",
}
# Rules as they are, without what they counted.
RULES = {
    "node3": "firewall-cmd --list-all-zones; nft list table inet firewalld",
    "node4": "ufw status numbered; iptables-save | grep ufw | grep -v '^#'; ip6tables-save | grep ufw | grep -v '^#'",
}
COUNTERS = "iptables -nvxL ufw-before-input | awk '$1 ~ /^[0-9]+$/ { s += $1 } END { print s }'"


@pytest.fixture(scope="module")
def walled(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Both let nothing in but SSH."""
    found = state.find(cluster.name)
    assert found is not None
    base = image.ensure(found, print)
    for node, firewall in (("node3", "firewalld"), ("node4", "ufw")):
        debs = packages.lacking(tmp_path_factory.mktemp(firewall), "trixie", base, [firewall])
        cluster.on(node, "mkdir -p /root/debs")
        argv = ["scp", "-q", "-F", str(life.ssh_config(cluster.name)), *map(str, debs), f"{node}:/root/debs/"]
        subprocess.run(argv, check=True, timeout=120)
        said = cluster.on(node, f"{INSTALL}{ENABLE[firewall]}", limit=180)
        assert "Status: active" in said or said.endswith("running\n"), said
    cluster.profile()
    return cluster


@pytest.fixture(scope="module")
def advice(walled: Cluster) -> dict[str, str]:
    """What preflight says to type, by node."""
    done = walled.kubeup("up")
    assert done.returncode == 1
    assert "node3: firewalld is active, and would drop what nodes and pods send each other" in done.stderr
    assert "node4: ufw is active, and would drop what nodes and pods send each other" in done.stderr
    assert "nothing was touched" in done.stderr
    assert "No such file" in walled.on("node4", "ls /var/lib/kubeup/record")
    found = re.findall(r"fix: on the node: (.*)", done.stderr)
    assert len(found) == 2, done.stderr
    return dict(zip(("node3", "node4"), found, strict=True))


def failed(health: Mapping[str, object]) -> set[str]:
    checks = health["checks"]
    assert isinstance(checks, list)
    return {check["id"] for check in checks if check["status"] == "failed"}


def rules(walled: Cluster) -> list[str]:
    return [walled.on(node, script) for node, script in RULES.items()]


def test_the_advice_is_enough_and_all_rules_are_there_after_down(walled: Cluster, advice: dict[str, str]) -> None:
    for node, commands in advice.items():
        walled.on(node, commands)
    before: list[snapshot.Things] = [look(walled, number) for number in (0, 1)]
    had, counted = rules(walled), int(walled.on("node4", COUNTERS))
    done = walled.kubeup("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rules(walled) == had
    assert walled.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    assert rules(walled) == had
    assert int(walled.on("node4", COUNTERS)) > counted
    for number in (0, 1):
        assert differences(before[number], look(walled, number)) == ""


def test_without_the_advice_pods_and_kubelet_are_not_reached(walled: Cluster, advice: dict[str, str]) -> None:
    for command in reversed(advice["node4"].split(" && ")):
        walled.on("node4", command.replace("ufw route", "ufw route delete").replace("ufw allow", "ufw delete allow"))
    walled.profile(waive="[firewall]")
    assert walled.kubeup("up", "--no-validate").returncode == 0
    health = walled.json("validate")
    assert health["healthy"] is False
    print(failed(health))
    assert {"exec/node4", "logs/node4", "pod-reached/node3/node4"} <= failed(health)
    # The same rules while the cluster is up: it needs nothing else to be well.
    walled.on("node4", advice["node4"])
    assert walled.json("validate")["healthy"] is True
    assert walled.kubeup("down", "--yes", "--no-snapshot").returncode == 0
