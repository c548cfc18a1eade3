"""The power fails right before any command that the node's half of kubeup executes, in `up` and in `down`."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kubeup.model.resources import Desired, SideEffect
from kubeup.node.wire.remote_commands import Kind
from tests.support.sandbox import Sandbox
from tests.support.sandbox_runs import done, down, plan, up, wish

# What changes anything, or carries what does. Each is counted; at the number in /die nobody of the session lives on.
PROGRAMS = "awk cat chmod chown cp date flock gzip ln mkdir mv rm rmdir sh sha256sum sync systemctl tail tar timeout"
COUNTED = """#!/bin/sh
echo >>"{root}/count"
[ "$(/usr/bin/stat -c %s "{root}/count")" -lt "$(/bin/cat "{root}/die")" ] || /usr/bin/pkill -KILL -s 0
exec {program} "$@"
"""
MINE = {"/etc/default/thing": "mine=yes\n", "/etc/thing/other": "also mine\n"}
IGNORED = ("bin", "count", "counted", "die", "units", "invocations", "systemctl.log", "began", "undone")
STRIDE = 13
FOREVER = 1_000_000


@dataclass
class Mortal(Sandbox):
    """A sandbox that dies right before its n-th command."""

    acting: bool = False

    def environment(self) -> dict[str, str]:
        usual = super().environment()
        path = f"{self.root}/counted:{usual['PATH']}"
        return {**usual, "KUBEUP_PATH": path, "PATH": path} if self.acting else usual

    def send(self, kind: Kind, body: bytes) -> subprocess.CompletedProcess[bytes]:
        self.acting = kind is Kind.APPLY
        return super().send(kind, body)

    def mortal(self, at: int) -> None:
        self.write("/count", "")
        self.write("/die", f"{at}\n")

    def immortal(self) -> int:
        """How many commands there were so far; from now on none is the last."""
        count = len(self.read("/count"))
        self.write("/die", f"{FOREVER}\n")
        return count

    def state(self) -> dict[str, tuple[int, str]]:
        """All that is not kubeup's own."""
        return {path: what for path, what in self.tree(IGNORED).items() if not path.startswith("var/lib/kubeup/")}

    def running(self) -> list[str]:
        return sorted(path.name for path in (self.root / "units").iterdir())


def desired() -> Desired:
    """With a trace that something leaves which was started."""
    folder = '"$KUBEUP_ROOT/run/thing/deep"'
    wished = wish(action=f"mkdir -p {folder}", check=f"test -d {folder}")
    return replace(wished, side_effects=(SideEffect("tree", "/run/thing"), SideEffect("tree", "/run/nothing")))


@pytest.fixture
def mortal(sandbox: Sandbox) -> Mortal:
    box = Mortal(sandbox.root, sandbox.shell)
    for program in PROGRAMS.split():
        own = box.root / "bin" / program
        real = str(own) if own.exists() else shutil.which(program)
        box.write(f"counted/{program}", COUNTED.format(root=box.root, program=real), 0o755)
    box.mortal(FOREVER)
    for path, text in MINE.items():
        box.write(path, text, 0o640)
    return box


def points(whole: int, *, every: bool) -> range:
    """All of them, or a fixed sample, the last one among them."""
    return range(whole, 0, -1 if every else -STRIDE)


def whole_up(box: Mortal, tmp: Path) -> tuple[int, dict[str, tuple[int, str]]]:
    box.mortal(FOREVER)
    assert done(up(box, desired(), tmp))
    return box.immortal(), box.state()


def check_up(box: Mortal, tmp: Path, wanted: dict[str, tuple[int, str]], when: str) -> None:
    lines = up(box, desired(), tmp)
    assert done(lines), (when, lines)
    assert box.state() == wanted, when
    assert box.running() == ["thing.service"], when
    assert plan(box, desired())[0].empty, when


def check_down(box: Mortal, before: dict[str, tuple[int, str]], when: str) -> None:
    down(box)
    assert box.tree(IGNORED) == before, when
    assert box.running() == [], when


def killed_up(box: Mortal, tmp: Path, *, every: bool) -> int:
    before = box.tree(IGNORED)
    whole, wanted = whole_up(box, tmp)
    check_down(box, before, "an up that nobody killed")
    for at in points(whole, every=every):
        for finish in ("down", "up"):
            when = f"{box.shell}: up killed before command {at} of {whole}, then {finish}"
            box.mortal(at)
            assert not done(up(box, desired(), tmp)), when
            box.immortal()
            if finish == "up":
                check_up(box, tmp, wanted, when)
            check_down(box, before, when)
    return whole


def killed_down(box: Mortal, tmp: Path, *, every: bool) -> int:
    before = box.tree(IGNORED)
    _, wanted = whole_up(box, tmp)
    box.mortal(FOREVER)
    down(box)
    whole = box.immortal()
    for at in points(whole, every=every):
        for finish in ("down", "up"):
            when = f"{box.shell}: down killed before command {at} of {whole}, then {finish}"
            check_up(box, tmp, wanted, when)
            box.mortal(at)
            down(box)
            box.immortal()
            if finish == "up":
                check_up(box, tmp, wanted, when)
            check_down(box, before, when)
    return whole


@pytest.mark.parametrize("sandbox", ["dash"], indirect=True)
def test_an_up_that_died_is_completed_or_taken_back(mortal: Mortal, tmp_path: Path) -> None:
    assert killed_up(mortal, tmp_path, every=False) > 50


@pytest.mark.parametrize("sandbox", ["dash"], indirect=True)
def test_a_down_that_died_is_completed_or_taken_up_again(mortal: Mortal, tmp_path: Path) -> None:
    assert killed_down(mortal, tmp_path, every=False) > 20


@pytest.mark.soak
def test_power_may_fail_before_any_command_of_up(mortal: Mortal, tmp_path: Path) -> None:
    points = 2 * killed_up(mortal, tmp_path, every=True)
    assert points > 100
    print(f"{mortal.shell}: {points} points survived")


@pytest.mark.soak
def test_power_may_fail_before_any_command_of_down(mortal: Mortal, tmp_path: Path) -> None:
    points = 2 * killed_down(mortal, tmp_path, every=True)
    assert points > 100
    print(f"{mortal.shell}: {points} points survived")
