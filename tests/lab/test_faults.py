"""kubeup killed or cut off after any step: `up` completes with only what is missing, or `down` leaves no trace."""

from __future__ import annotations

import random
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from kubeup.lab import life
from kubeup.lab.model import Lab
from kubeup.node.agent import snapshot
from tests.lab.conftest import Cluster, kubelet
from tests.lab.fault_point import Point
from tests.lab.faults import COMMANDS, MINUTES, NODES, Faults, Ledger, Trial, look_apart, passed, trials
from tests.support.bad_line import BadLine

pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)
UP, DOWN = COMMANDS["up"], COMMANDS["down"]
Before = Sequence[snapshot.Things]


@pytest.fixture(scope="module")
def before(cluster: Cluster) -> list[snapshot.Things]:
    cluster.profile()
    return [look_apart(cluster, number) for number in (0, 1)]


@pytest.fixture
def faults(cluster: Cluster, before: Before) -> Faults:
    cluster.profile()
    return Faults(cluster)


def test_an_up_that_is_killed_while_bytes_travel_leaves_nothing(faults: Faults, before: Before) -> None:
    faults.strike(Point("bytes", "node3", 1, 100_000_000), "kill", *UP)
    assert "incoming" in faults.cluster.on("node3", "ls /var/lib/kubeup")
    faults.finish_down(before)


def test_an_up_goes_on_from_wherever_it_was_killed_or_cut(faults: Faults) -> None:
    faults.strike(Point("bytes", "node3", 1, 300_000_000), "cut", *UP)
    stored = int(faults.cluster.on("node3", "du -sm /var/lib/kubeup/incoming/piece").split()[0])
    assert stored > 200
    # The level's trip is the second one: after its staging.
    faults.strike(Point("step", "node3", 2, 12), "kill", *UP)
    assert faults.strike(Point("step", "node4", 1, 9), "cut", *UP).status == 1
    # Between levels, where the worker waits for the API and nobody is at a trip: both connections are gone.
    assert faults.strike(Point("phase", number=5), "cut", *UP).status == 0
    faults.finish_up(validate=True)


def test_a_down_goes_on_from_wherever_it_was_killed_or_cut(faults: Faults, before: Before) -> None:
    # The worker is told that it begins, and only then anything is undone.
    untold = faults.strike(Point("step", "node4", 1, 1), "cut", *DOWN)
    assert "could not be told that `down` begins; nothing was undone" in untold.said
    faults.strike(Point("step", "node3", 1, 12), "kill", *DOWN)
    cut = faults.strike(Point("step", "node3", 1, 40), "cut", *DOWN)
    assert cut.status == 1
    assert "the connection was lost" in cut.said
    faults.finish_down(before)


def test_a_node_that_reboots_or_loses_its_power_in_the_middle_of_up_and_of_down(faults: Faults, before: Before) -> None:
    staging = faults.strike(Point("bytes", "node3", 1, 300_000_000), "reboot", *UP)
    assert staging.status == 1
    assert "the same command again" in staging.said
    # Between levels, all at once: etcd and the API server have just become ready.
    faults.strike(Point("phase", number=5), "power", *UP)
    faults.finish_up(validate=True)
    assert faults.strike(Point("step", "node3", 1, 40), "reboot", *DOWN).status == 1
    assert faults.strike(Point("step", "node3", 1, 20), "power", *DOWN).status == 1
    faults.finish_down(before)


def test_a_disk_that_is_full_while_staging(faults: Faults, before: Before) -> None:
    """Told before anything is touched; where that is waived, with what is free, and with room again what is missing is
    sent, and nothing of it stays after down."""
    on = faults.cluster.on
    assert on("node4", "mkdir -p /var/lib/kubeup && mount -t tmpfs -o size=150m tmpfs /var/lib/kubeup") == ""
    try:
        small = faults.cluster.kubeup(*UP)
        assert small.returncode == 1
        assert "node4: there are 0.2 GB free on /var/lib/kubeup, and kubeup needs 2.5 GB there" in small.stderr
        faults.cluster.profile(waive="[disk-full]")
        full = faults.cluster.kubeup(*UP)
        assert full.returncode == 1
        assert re.search(r"node4: .*KiB free in /var/lib/kubeup", full.stderr), full.stderr
        on("node4", "mount -o remount,size=3g /var/lib/kubeup")
        faults.finish_up()
        assert faults.cluster.kubeup(*DOWN).returncode == 0
        assert on("node4", "ls -A /var/lib/kubeup") == ""
    finally:
        on("node4", "umount /var/lib/kubeup")
        faults.cluster.profile()
    faults.finish_down(before)


def test_a_second_operator_is_told_who_is_at_work_or_was_meanwhile(faults: Faults) -> None:
    bob = replace(faults.cluster, extra={"LOGNAME": "bob"})
    told: list[subprocess.CompletedProcess[str]] = []
    first = faults.strike(Point("step", "node3", 2, 12), lambda: told.append(bob.kubeup(*UP)), *UP)
    assert first.status == 0, first.said
    assert told[0].returncode == 1
    assert "node3: another kubeup is at work on it" in told[0].stderr
    assert re.search(r"root@\S+ since 20\S+Z", told[0].stderr)
    assert "nothing was touched" in told[0].stderr
    # Between the trips of the first nobody holds a lock: whoever comes then goes on, and the first is told.
    faults.cluster.profile(kubelet=kubelet("maxPods: 111"))
    first = faults.strike(Point("phase", number=3), lambda: told.append(bob.kubeup(*UP)), *UP)
    assert told[1].returncode == 0, told[1].stderr
    assert first.status == 1
    assert re.search(r"node3: .*changed meanwhile by bob@\S+ at 20\S+Z", first.said), first.said
    assert faults.cluster.kubeup(*DOWN).returncode == 0


@contextmanager
def far_away(cluster: Cluster, delay: float) -> Iterator[None]:
    """SSH by a proxy that takes its time each way, and a network that loses one packet of a hundred."""
    network = ["ip", "netns", "exec", Lab(cluster.name).netns, "nft"]
    lossy = (
        "add table bridge lossy; add chain bridge lossy forward { type filter hook forward priority 0; }; "
        "add rule bridge lossy forward numgen random mod 100 0 counter drop"
    )
    subprocess.run([*network, lossy], check=True)
    config = life.ssh_config(cluster.name).read_text()
    with ExitStack() as lines:
        for address in cluster.addresses:
            line = lines.enter_context(BadLine(22, host=address, delay=delay))
            told = f"HostName 127.0.0.1\n    Port {line.port}\n    HostKeyAlias {address}"
            config = config.replace(f"HostName {address}", told)
        (cluster.home / "slow_config").write_text(config)
        cluster.profile(ssh="{config: slow_config}")
        try:
            yield
            listing = subprocess.run([*network, "list", "table", "bridge", "lossy"], capture_output=True, text=True)
            assert int(listing.stdout.split("packets ")[1].split(" ")[0]) > 10, listing.stdout
        finally:
            subprocess.run([*network, "delete", "table", "bridge", "lossy"], check=True)
            cluster.profile()


@pytest.mark.soak
def test_slow_lines_that_lose_packets(faults: Faults, before: Before) -> None:
    """200 ms there and back, and one packet of a hundred lost."""
    faults.finish_down(before)
    with far_away(faults.cluster, 0.1):
        faults.finish_up(validate=True)
        assert faults.cluster.kubeup(*DOWN).returncode == 0
    faults.finish_down(before)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("fault", ["kill", "cut"])
def test_every_run_ends_after_one_more_step(faults: Faults, before: Before, fault: str) -> None:
    """A cluster that is built, and taken down, by runs that each come one step further than the one before. Steps that
    an earlier soak struck at are passed."""
    ledger, deadline = Ledger(), time.monotonic() + 60 * MINUTES
    faults.finish_down(before)
    for command in (UP, DOWN):
        struck = {node: ledger.struck(f"{command[0]} again", fault, node) for node in NODES}
        # One node at a time: the other one would get ahead.
        for node in NODES if command is UP else NODES[::-1]:
            while time.monotonic() < deadline:
                begin = time.monotonic()
                title = faults.strike_next(node, struck[node], fault, *command, "--limit", node)
                if title is None:
                    assert len(struck[node]) > 20
                    break
                struck[node].append(title)
                name = f"{command[0]} again · {fault} · {node} · {len(struck[node])} · {title}"
                ledger.add(name, "", time.monotonic() - begin)
        print(f"{command[0]}, {fault}: {sum(map(len, struck.values()))} runs, each ended one step after the last")
        if command is UP:
            faults.finish_up(validate=True)
        else:
            faults.finish_down(before)
    print(ledger.matrix())


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_the_whole_matrix(faults: Faults, before: Before) -> None:
    """Every point of `up` on bare nodes, and of `down` on a cluster that is up. Two labs may share the work."""
    ledger, deadline = Ledger(), time.monotonic() + 60 * MINUTES
    seen = faults.cluster.home / "seen"
    faults.finish_down(before)
    matrix: list[Trial] = []
    for command, arguments in COMMANDS.items():
        seen.unlink(missing_ok=True)
        faults.walk(seen, *arguments)
        matrix += trials(command, passed(seen))
    # The barriers first; then in an order that makes a part of the matrix a sample of it all, another in another lab.
    left = sorted(matrix, key=lambda trial: trial.name)
    random.Random(faults.cluster.name).shuffle(left)
    left.sort(key=lambda trial: trial.point.kind != "phase")
    is_up = False
    while left and time.monotonic() < deadline:
        trial = next((one for one in left if one.command == ("down" if is_up else "up")), None)
        if trial is None:
            arguments = COMMANDS["down" if is_up else "up"]
            assert faults.cluster.kubeup(*arguments).returncode == 0
            is_up = not is_up
            continue
        left.remove(trial)
        if ledger.survived(trial.name):
            continue
        begin = time.monotonic()
        problem = faults.survive(trial, before)
        ledger.add(trial.name, problem, time.monotonic() - begin)
        is_up = trial.finish == "up" and not problem
    faults.finish_down(before)
    print(f"\n{ledger.matrix()}\n{len(matrix)} points in all; {ledger.path}")
    assert not [name for name, row in ledger.rows.items() if row["problem"]]
