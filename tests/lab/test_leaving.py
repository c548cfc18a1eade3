"""One node goes and another comes; kubeup is killed on the way; a machine that came back bare has its subnet again."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

import pytest

from kubeup.lab import life, model
from kubeup.node.agent.snapshot import Things
from tests.lab import held_pod
from tests.lab.conftest import PREFIX, SUBNETS, Cluster, bare
from tests.lab.fault_point import Point
from tests.lab.faults import MINUTES, Faults, Ledger, passed
from tests.lab.snapshots import differences, look
from tests.support.polling import settle

# Each test finds what the ones before it left: none can be run alone.
pytestmark = pytest.mark.story
REMOVE = ("up", "--remove", "--no-validate")
MARK = "kubeup.io/leaving"


def nodes(cluster: Cluster, *numbers: int) -> None:
    """The profile has these, the first one as the control plane."""
    hosts = ", ".join(f"root@{cluster.addresses[number - 3]}" for number in numbers)
    cluster.profile(nodes=f"[{hosts}]", roles=" ".join(["ai", *["i"] * (len(numbers) - 1)]))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Four machines; node3 with the control plane, node4 and node5 are a cluster."""
    name = f"{PREFIX}g"
    subnet = ipaddress.IPv4Network(SUBNETS["debian"])
    with bare(model.Lab(name, subnet, 4, "debian"), tmp_path_factory.mktemp(name)) as found:
        nodes(found, 3, 4, 5)
        yield found


@pytest.fixture(scope="module")
def found(cluster: Cluster) -> Things:
    """node4 before kubeup was there."""
    return look(cluster, 1)


@pytest.fixture
def faults(cluster: Cluster) -> Faults:
    return Faults(cluster)


def field(cluster: Cluster, path: str, node: str = "node4") -> str:
    return cluster.kubectl(f"get node {node} -o 'jsonpath={{{path}}}'").strip()


def with_node4(cluster: Cluster) -> str:
    """It is in the profile, and an `up` went well; what that told."""
    nodes(cluster, 3, 4, 5, 6)
    done = cluster.kubeup("up", "--no-validate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert field(cluster, '.status.conditions[?(@.type=="Ready")].status') == "True"
    return done.stderr


def without_node4(cluster: Cluster) -> None:
    """It is in the cluster, and not in the profile."""
    nodes(cluster, 3, 5, 6)


def finish(cluster: Cluster, found: Things) -> None:
    """A removal to its end: node4 is as it was found, and the cluster as its profile has it."""
    without_node4(cluster)
    done = cluster.kubeup(*REMOVE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert names(cluster) == ["node3", "node5", "node6"]
    assert cluster.kubeup("plan", "--check").returncode == 0
    assert changes_of_node4(cluster, found) == ""


def changes_of_node4(cluster: Cluster, found: Things) -> str:
    """Asked by a profile that has it."""
    nodes(cluster, 3, 4, 5, 6)
    return differences(found, look(cluster, 1))


def names(cluster: Cluster) -> list[str]:
    return sorted(cluster.kubectl("get nodes -o name").replace("node/", "").split())


def steps_of_undo(cluster: Cluster) -> int:
    """As a removal without a fault went through them."""
    return max(point.number for point in passed(cluster.home / "seen") if point.node == "node4")


@pytest.mark.usefixtures("found")
def test_one_goes_and_another_comes_in_one_edit(cluster: Cluster, faults: Faults) -> None:
    first = cluster.kubeup("up", "--no-validate")
    assert first.returncode == 0, first.stdout + first.stderr
    nodes(cluster, 3, 5, 6)
    begin = time.monotonic()
    faults.walk(cluster.home / "seen", *REMOVE)
    print(f"one of three goes and another comes: {time.monotonic() - begin:.1f} s")
    assert names(cluster) == ["node3", "node5", "node6"]
    subnets = cluster.kubectl("get nodes -o jsonpath='{.items[*].spec.podCIDR}'").split()
    assert len(set(subnets)) == 3
    health = cluster.json("validate")
    assert health["healthy"] is True, health
    checks = {check["id"]: check["status"] for check in health["checks"]}  # type: ignore[attr-defined]
    for one, other in permutations(("node3", "node5", "node6"), 2):
        assert checks[f"pod-reached/{one}/{other}"] == "ok"
    assert cluster.kubeup("plan", "--check").returncode == 0


@contextmanager
def held(cluster: Cluster) -> Iterator[None]:
    """A pod that may not go from node4."""
    cluster.feed("node3", held_pod.command("held", "holds"))
    ready = "get deployment held -o jsonpath={.status.readyReplicas}"
    settle(lambda: cluster.kubectl(ready) == "1", 60, "the pod on node4 to be ready")
    try:
        yield
    finally:
        cluster.kubectl("delete poddisruptionbudget/holds deployment/held")


def takes_pods(cluster: Cluster) -> bool:
    return field(cluster, ".spec.unschedulable") == "" and MARK not in field(cluster, ".metadata.annotations")


def test_what_a_drain_that_was_killed_had_cordoned_takes_pods_again_where_it_is_to_stay(
    cluster: Cluster, faults: Faults
) -> None:
    with_node4(cluster)
    subnet = field(cluster, ".spec.podCIDR")
    without_node4(cluster)
    faults.strike(Point("phase", title="node4 leaves"), "kill", *REMOVE)
    assert takes_pods(cluster), "nothing was done yet"
    with held(cluster):
        argv = [str(Path(sys.executable).with_name("kubeup")), *REMOVE]
        with subprocess.Popen(
            argv, env=cluster.environment(), cwd=cluster.home, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                settle(lambda: field(cluster, ".spec.unschedulable") == "true", 60, "node4 to be cordoned")
            finally:
                process.kill()
        told = with_node4(cluster)
        assert "node4 takes pods again: a run that was broken off had cordoned it" in told
        assert takes_pods(cluster)
    without_node4(cluster)
    # The first step on its machine: it is drained and cordoned by then, and a part of it is undone.
    faults.strike(Point("step", "node4", 1, 1), "kill", *REMOVE)
    assert not takes_pods(cluster)
    with_node4(cluster)
    assert takes_pods(cluster)
    assert field(cluster, ".spec.podCIDR") == subnet


def test_a_removal_goes_on_where_it_was_killed(cluster: Cluster, faults: Faults, found: Things) -> None:
    without_node4(cluster)
    faults.strike(Point("step", "node4", 1, steps_of_undo(cluster) // 2), "kill", *REMOVE)
    assert "node4" in names(cluster), "as long as its machine is not undone it is known"
    finish(cluster, found)


def test_a_machine_that_came_back_bare_has_its_subnet_again(cluster: Cluster, faults: Faults, found: Things) -> None:
    """All of it is undone, and its Node object stands: so is a machine that was installed anew."""
    with_node4(cluster)
    subnet = field(cluster, ".spec.podCIDR")
    without_node4(cluster)
    faults.strike(Point("step", "node4", 1, steps_of_undo(cluster)), "kill", *REMOVE)
    assert changes_of_node4(cluster, found) == ""
    assert "node4" in names(cluster)
    with_node4(cluster)
    assert field(cluster, ".spec.podCIDR") == subnet
    health = cluster.json("validate")
    assert health["healthy"] is True, health


def test_of_a_dead_worker_all_but_the_machine_goes(cluster: Cluster, found: Things) -> None:
    life.power_off(cluster.name, "node4", pull=True)
    try:
        gone = cluster.kubeup("down", "--yes", "--limit", "node4", "--skip-unreachable", "profile.yaml")
        assert gone.returncode == 0, gone.stdout + gone.stderr
        assert "Out of the cluster" in gone.stdout
        assert names(cluster) == ["node3", "node5", "node6"]
    finally:
        life.power_on(cluster.name, "node4")
    again = cluster.kubeup("down", "--yes", "--limit", "node4", "profile.yaml")
    assert again.returncode == 0, again.stdout + again.stderr
    finish(cluster, found)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_every_removal_ends_after_one_more_step(cluster: Cluster, faults: Faults, found: Things) -> None:
    """Runs that each come one step further than the one before, the last one to the end. What an earlier soak struck at
    is passed."""
    ledger, deadline = Ledger(), time.monotonic() + 60 * MINUTES
    with_node4(cluster)
    without_node4(cluster)
    struck = ledger.struck("remove again", "kill", "node4")
    while time.monotonic() < deadline:
        begin = time.monotonic()
        title = faults.strike_next("node4", struck, "kill", *REMOVE)
        if title is None:
            assert len(struck) > 20
            break
        struck.append(title)
        ledger.add(f"remove again · kill · node4 · {len(struck)} · {title}", "", time.monotonic() - begin)
    finish(cluster, found)
    print(f"remove, kill: {len(struck)} runs, each ended one step after the last")
