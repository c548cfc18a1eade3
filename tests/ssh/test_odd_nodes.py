"""Odd nodes, the whole way: asked, staged, activated, asked again, given back; real scripts over a real sshd."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kubeup.execution import probing
from kubeup.execution import trip as trips
from kubeup.lab import image, model
from kubeup.model.cluster import Node
from kubeup.model.errors import KubeupError, StepError
from kubeup.model.facts import Facts, UnitFact
from kubeup.model.resources import Binary, Desired, File, ProbeRequest, sha256
from kubeup.node.wire.payload import Payload, level_payload, stage_payload
from kubeup.node.wire.transport import SshConnection
from kubeup.plan.steps import NodePlan
from kubeup.planning.diff import diff
from kubeup.planning.removals import empty_diff
from tests.ssh.conftest import Operator
from tests.ssh.machine import PASSWORD, SUDOERS, USERS, Daemon, Machine
from tests.support.bad_line import BadLine
from tests.support.debian import download
from tests.support.sandbox import SYSTEMCTL
from tests.support.sandbox_runs import ORDER, inquiry, wish

# A machine as a program that changes it sees it; what logging in leaves is not counted. Below it lies the root file
# system of whoever runs the tests, whose home may be at work, and on which labs come and go beside this.
TREE = (
    "{ find /etc /tmp ! -path '/etc/ssh/*'; "
    "find /opt /usr/local /usr/local/bin /var/lib -maxdepth 1 ! -name kubeup-lab; } | "
    "xargs stat -c '%n %F %a %U:%G %s' | sed 's/ directory \\(.*\\) [0-9]*$/ directory \\1/' | sort; "
    "ls -d /root/.[!.]*; "
    "find /etc -type f -exec sha256sum {} + | sort"
)
ODD_SHELL = '#!/bin/sh\numask 077\nexport LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8 TMPDIR=/nonexistent\nexec /bin/sh "$@"\n'
RUST = ("sudo-rs", "rust-coreutils")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kubeup" / "test-packages"


@dataclass
class Way:
    """One node's way up and down."""

    operator: Operator
    machine: Machine
    connection: SshConnection
    node: Node
    folder: Path
    content: bytes = b"#!/bin/sh\necho hello\n" * 1000

    @property
    def desired(self) -> Desired:
        wished = wish()
        return replace(
            wished,
            files=(*wished.files, File("/etc/kubeup/thing.conf", b"odd=1\n", component="thing")),
            binaries=(Binary("thing", "1", sha256(self.content), len(self.content), "/opt/thing/bin/thing", "thing"),),
        )

    def ask(self) -> Facts:
        facts = probing.probe(self.connection, inquiry(self.desired))
        units = self.machine.run("cd /units 2>/dev/null && head -n 1 * /dev/null | grep -A1 thing || true")
        running = {"thing.service": UnitFact("thing.service", "loaded", "active")} if "active" in units else {}
        return replace(facts, units=running, checks={"act": "act" in facts.record.actions})

    def plan(self) -> tuple[NodePlan, Facts]:
        facts = self.ask()
        return diff("odd", self.desired, facts, ORDER), facts

    def carry(self, trip: Payload) -> None:
        trips.carry_out(self.node, self.connection, trip, "ann@laptop", lambda _: None)

    def stage(self) -> int:
        found, facts = self.plan()
        source = self.folder / "thing"
        source.write_bytes(self.content)
        paths = {sha256(self.content): source}
        self.carry(stage_payload(found, found.generation, found.generation + 1, "ann", {}, paths, facts.pieces))
        return found.generation + 1

    def up(self) -> None:
        found, _ = self.plan()
        generation = self.stage()
        for level in found.levels:
            self.carry(level_payload(level, generation, generation + 1, "ann", {}))
            generation += 1

    def down(self) -> None:
        found = empty_diff("odd", probing.probe(self.connection, ProbeRequest()))
        for level in found.levels:
            self.carry(level_payload(level, found.generation, found.generation + 1, "ann", {}))


@contextmanager
def prepared(machine: Machine) -> Iterator[None]:
    machine.write("/usr/local/sbin/systemctl", SYSTEMCTL.replace("$KUBEUP_ROOT", ""), 0o755)
    # What is not a service of the machine's own, but a stub's word: the tools that a chroot has no use for.
    machine.run("mkdir -p /units; rm -rf /var/lib/kubeup/* /undone; chmod 711 /var/lib/kubeup")
    machine.run("echo mine=yes >/etc/default/thing")
    try:
        yield
    finally:
        machine.run("rm -rf /usr/local/sbin/systemctl /units /systemctl.log /began /undone /etc/default/thing")


def whole_way(operator: Operator, machine: Machine, node: Node, folder: Path) -> None:
    with prepared(machine):
        before = machine.run(TREE)
        way = Way(operator, machine, operator.connect(node), node, folder)
        way.up()
        assert machine.run("cat /etc/default/thing; /opt/thing/bin/thing | head -n 1; cat /units/*") == (
            "flag=1\nhello\nactive\n"
        )
        modes = machine.run("stat -c '%a %U' /etc/thing/secret.key /etc/kubeup/thing.conf /etc/kubeup /var/lib/thing")
        assert modes == "600 root\n644 root\n755 root\n700 root\n"
        found, facts = way.plan()
        assert found.empty, found.steps
        assert facts.record.meta["cluster"] == "demo"
        way.down()
        assert machine.run(TREE) == before


fish = pytest.param("fishy", marks=pytest.mark.skipif(not shutil.which("fish"), reason="needs: apt-get install fish"))


@pytest.mark.parametrize("user", ["root", "free", "asked", "chatty", fish])
def test_whoever_logs_in(operator: Operator, machine: Machine, node: Node, tmp_path: Path, user: str) -> None:
    """By sudo with and without a password, with a shell that talks, with fish. ``whole_way`` asserts."""
    operator.environment["KUBEUP_SUDO_PASSWORD"] = PASSWORD
    whole_way(operator, machine, replace(node, user=user), tmp_path)


def test_a_tmp_that_runs_nothing_and_is_full(operator: Operator, machine: Machine, node: Node, tmp_path: Path) -> None:
    """``whole_way`` asserts that `up` and `down` do all they should."""
    machine.run("mount -o remount,noexec,size=64k /tmp; head -c 100000 /dev/zero >/tmp/full || true")
    try:
        whole_way(operator, machine, node, tmp_path)
    finally:
        machine.run("rm -f /tmp/full; mount -o remount,exec,size=1g /tmp")


@pytest.mark.parametrize("user", ["root", "free"])
def test_a_mask_a_language_and_a_folder_of_the_logins_own(
    operator: Operator, machine: Machine, node: Node, tmp_path: Path, user: str
) -> None:
    """``whole_way`` asserts that `up` and `down` do all they should."""
    machine.write("/test/odd-shell", ODD_SHELL, 0o755)
    machine.run(f"usermod --shell /test/odd-shell {user}")
    try:
        whole_way(operator, machine, replace(node, user=user), tmp_path)
    finally:
        machine.run(f"usermod --shell {USERS.get(user, '/bin/bash')} {user}")


def test_start_up_files_that_print(operator: Operator, machine: Machine, node: Node, tmp_path: Path) -> None:
    """``whole_way`` asserts that `up` and `down` do all they should."""
    machine.write("/root/.bashrc", "echo Welcome; echo 'mind the step' >&2; printf 'no line break'\n")
    machine.write("/etc/motd", "All your base\n")
    try:
        whole_way(operator, machine, node, tmp_path)
    finally:
        machine.run("rm /root/.bashrc /etc/motd")


def test_a_node_without_python_perl_curl_and_wget(
    operator: Operator, machine: Machine, node: Node, tmp_path: Path
) -> None:
    gone = (
        "for p in python3 python perl curl wget gcc; do f=$(command -v $p) && mv -T $f $f.away && echo $f; done; true"
    )
    away = machine.run(gone).split()
    assert any("curl" in path for path in away)
    try:
        assert "curl" not in probing.probe(operator.connect(node), ProbeRequest()).downloader
        whole_way(operator, machine, node, tmp_path)
    finally:
        machine.run("".join(f"mv -T {path}.away {path}; " for path in away))


@pytest.fixture(scope="module")
def rusty(tmp_path_factory: pytest.TempPathFactory, machine: Machine, key: Path) -> Iterator[Machine]:
    """Debian 13 whose sudo and coreutils are those written in Rust, as Ubuntu 26.04 has them."""
    base = image.ensure(model.Lab("any"), print)
    packages = sorted(CACHE.glob("*.deb"))
    if len(packages) != len(RUST):
        CACHE.mkdir(parents=True, exist_ok=True)
        packages = download(CACHE, "trixie", *RUST)
    made = Machine(tmp_path_factory.mktemp("rusty"), str(base))
    try:
        for package in packages:
            made.run(f"cat >/root/{package.name} && dpkg -i /root/{package.name}", input=package.read_bytes())
        # In front of everything, under every name they know.
        made.run("ln -s /usr/lib/cargo/bin/coreutils/* /usr/local/bin/")
        made.run("ln -sf /usr/lib/cargo/bin/sudo /usr/bin/sudo && ln -sf /usr/lib/cargo/bin/visudo /usr/sbin/visudo")
        made.write(
            "/etc/sudoers", "".join(f"{line}\n" for line in SUDOERS.split("\n") if "requiretty" not in line), 0o440
        )
        made.authorize(key.with_suffix(".pub"))
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize("user", ["root", "free", "asked"])
def test_a_sudo_and_tools_written_in_rust(operator: Operator, rusty: Machine, tmp_path: Path, user: str) -> None:
    assert "GNU" not in rusty.run("cp --version")
    assert "sudo-rs" in rusty.run("sudo --version")
    daemon = rusty.sshd()
    operator.trust(daemon)
    operator.environment["KUBEUP_SUDO_PASSWORD"] = PASSWORD
    whole_way(operator, rusty, operator.node(daemon, user), tmp_path)


def test_a_rust_sudo_that_is_given_no_or_a_wrong_password(operator: Operator, rusty: Machine, tmp_path: Path) -> None:
    daemon = rusty.sshd()
    operator.trust(daemon)
    connection = operator.connect(operator.node(daemon, "asked"))
    with pytest.raises(KubeupError, match="sudo wants a password of asked, and none was given"):
        probing.probe(connection, ProbeRequest())
    operator.environment["KUBEUP_SUDO_PASSWORD"] = "wrong"
    with pytest.raises(KubeupError, match="sudo did not take the password of asked"):
        probing.probe(operator.connect(operator.node(daemon, "asked")), ProbeRequest())


# Lines


def test_a_line_that_drops_every_few_hundred_kilobytes(
    operator: Operator, machine: Machine, sshd: Daemon, tmp_path: Path
) -> None:
    """Bytes that arrived are not sent again: the proxy counts what it carried."""
    size = 2_000_000
    # A line of 16 Mbit/s: what came in is written down by the time the line breaks.
    with BadLine(sshd.port, cut_after=400_000, rate=2_000_000) as line, prepared(machine):
        operator.known_hosts.write_text(f"[127.0.0.1]:{line.port} {sshd.public()}\n")
        node = operator.node(sshd, port=line.port)  # type: ignore[arg-type]
        # Noise: nothing on the way makes it smaller.
        way = Way(operator, machine, operator.connect(node), node, tmp_path, os.urandom(size))
        assert insist(way, way.up) > size / 400_000
        # Each connection costs its handshakes, a probe, the scripts, and what was not written down yet.
        assert line.carried < size + line.connections * 150_000
        print(f"{size} bytes over {line.connections} connections, {line.carried} bytes on the line")
        assert machine.run(f"sha256sum </var/lib/kubeup/store/{sha256(way.content)}/thing").startswith(
            sha256(way.content)
        )
        insist(way, way.down)


def insist(way: Way, step: Callable[[], object]) -> int:
    """As often as the line drops, and each time over a new one; how often that was."""
    for runs in range(1, 30):
        try:
            step()
            return runs
        except KubeupError:
            way.connection = way.operator.connect(way.node)
    raise AssertionError("the line dropped 30 times")


def test_a_node_far_away(operator: Operator, machine: Machine, sshd: Daemon, tmp_path: Path) -> None:
    """200 ms there and back. ``whole_way`` asserts."""
    with BadLine(sshd.port, delay=0.1) as line:
        operator.known_hosts.write_text(f"[127.0.0.1]:{line.port} {sshd.public()}\n")
        whole_way(operator, machine, operator.node(sshd, port=line.port), tmp_path)  # type: ignore[arg-type]


# Disks


def test_a_disk_that_is_full_while_staging(operator: Operator, machine: Machine, node: Node, tmp_path: Path) -> None:
    """Told with what is free; when there is room again, the next run sends what is missing, and down leaves nothing."""
    with prepared(machine):
        before = machine.run(TREE)
        machine.run("mount -t tmpfs -o size=3m tmpfs /var/lib/kubeup")
        try:
            way = Way(operator, machine, operator.connect(node), node, tmp_path, os.urandom(4_000_000))
            with pytest.raises(StepError, match="KiB free in /var/lib/kubeup") as raised:
                way.up()
            assert "run the same command again" in raised.value.fix
            arrived = probing.probe(way.connection, ProbeRequest()).pieces[sha256(way.content)]
            assert arrived > 2_000_000
            machine.run("mount -o remount,size=30m /var/lib/kubeup")
            sent = way.connection.sent
            way.up()
            assert way.connection.sent - sent < 4_000_000 - arrived + 200_000
            way.down()
        finally:
            machine.run("umount /var/lib/kubeup")
        assert machine.run(TREE) == before


def test_a_disk_that_fills_up_while_a_file_is_put_in_place(
    operator: Operator, machine: Machine, node: Node, tmp_path: Path
) -> None:
    with prepared(machine):
        machine.run("mkdir /etc/kubeup && mount -t tmpfs -o size=4k,nr_inodes=1 tmpfs /etc/kubeup")
        before = machine.run(TREE)
        try:
            way = Way(operator, machine, operator.connect(node), node, tmp_path)
            with pytest.raises(StepError, match=r"cannot write /etc/kubeup/thing\.conf"):
                way.up()
            assert machine.run("ls -A /etc/kubeup") == ""
            machine.run("mount -o remount,size=1m,nr_inodes=100 /etc/kubeup")
            way.up()
            assert way.plan()[0].empty
            way.down()
            assert machine.run(TREE) == before
        finally:
            machine.run("umount /etc/kubeup; rmdir /etc/kubeup")


# Two operators


def test_another_operator_between_two_trips_is_told_who_and_when(
    operator: Operator, machine: Machine, node: Node, tmp_path: Path
) -> None:
    with prepared(machine):
        ann = Way(operator, machine, operator.connect(node), node, tmp_path)
        bob = Way(operator, machine, operator.connect(node), node, tmp_path)
        stale, _ = bob.plan()
        ann.stage()
        with pytest.raises(StepError) as raised:
            bob.carry(level_payload(stale.levels[0], stale.generation, stale.generation + 1, "bob", {}))
        assert "changed meanwhile by ann at 20" in raised.value.message
        ann.down()
