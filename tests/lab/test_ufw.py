"""ufw at work on a node: preflight says what it would drop and what to type, that is true, and it is the same after."""

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
ENABLE = """
export DEBIAN_FRONTEND=noninteractive
apt-get install -qq --no-install-recommends /root/debs/*.deb >/dev/null && rm -r /root/debs
ufw allow 22/tcp && ufw --force enable && systemctl start ufw && ufw status
"""
# Rules as they are, without what they counted.
RULES = "ufw status numbered; iptables-save | grep ufw | grep -v '^#'; ip6tables-save | grep ufw | grep -v '^#'"
COUNTERS = "iptables -nvxL ufw-before-input | awk '$1 ~ /^[0-9]+$/ { s += $1 } END { print s }'"


@pytest.fixture(scope="module")
def walled(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """node4 has ufw on, which lets nothing in but SSH."""
    found = state.find(cluster.name)
    assert found is not None
    debs = packages.lacking(tmp_path_factory.mktemp("ufw"), "trixie", image.ensure(found, print), ["ufw"])
    cluster.on("node4", "mkdir -p /root/debs")
    argv = ["scp", "-q", "-F", str(life.ssh_config(cluster.name)), *map(str, debs), "node4:/root/debs/"]
    subprocess.run(argv, check=True, timeout=120)
    said = cluster.feed("node4", ENABLE)
    assert "Status: active" in said, said
    cluster.profile()
    return cluster


@pytest.fixture(scope="module")
def advice(walled: Cluster) -> str:
    """What preflight says to type."""
    done = walled.kubeup("up")
    assert done.returncode == 1
    assert "node4: ufw is active, and would drop what nodes and pods send each other" in done.stderr
    assert "nothing was touched" in done.stderr
    assert "No such file" in walled.on("node4", "ls /var/lib/kubeup/record")
    (line,) = re.findall(r"fix: on the node: (ufw .*)", done.stderr)
    return str(line)


def failed(health: Mapping[str, object]) -> set[str]:
    checks = health["checks"]
    assert isinstance(checks, list)
    return {check["id"] for check in checks if check["status"] == "failed"}


def test_the_advice_is_enough_and_all_of_ufw_is_there_after_down(walled: Cluster, advice: str) -> None:
    walled.on("node4", advice)
    before: list[snapshot.Things] = [look(walled, number) for number in (0, 1)]
    rules, counted = walled.on("node4", RULES), int(walled.on("node4", COUNTERS))
    done = walled.kubeup("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert walled.on("node4", RULES) == rules
    assert walled.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    assert walled.on("node4", RULES) == rules
    assert int(walled.on("node4", COUNTERS)) > counted
    for number in (0, 1):
        assert differences(before[number], look(walled, number)) == ""


def test_without_the_advice_pods_and_kubelet_are_not_reached(walled: Cluster, advice: str) -> None:
    for command in reversed(advice.split(" && ")):
        walled.on("node4", command.replace("ufw route", "ufw route delete").replace("ufw allow", "ufw delete allow"))
    walled.profile(waive="[firewall]")
    assert walled.kubeup("up", "--no-validate").returncode == 0
    health = walled.json("validate")
    assert health["healthy"] is False
    print(failed(health))
    assert {"exec/node4", "logs/node4", "pod-reached/node3/node4"} <= failed(health)
    # The same rules while the cluster is up: it needs nothing else to be well.
    walled.on("node4", advice)
    assert walled.json("validate")["healthy"] is True
    assert walled.kubeup("down", "--yes", "--no-snapshot").returncode == 0
