"""The cgroups of lab nodes: found by name in every hierarchy, emptied, removed. v1 and v2."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from kubeup.lab.shell import wait_until

ROOT = Path("/sys/fs/cgroup")
EMPTY_SECONDS = 15.0


def is_v2(root: Path = ROOT) -> bool:
    """Whether the unified hierarchy is the only one (cgroups(7))."""
    return (root / "cgroup.controllers").exists()


def of_node(machine: str, root: Path = ROOT) -> list[Path]:
    """The node's groups: made by boot.sh, or a scope that this machine's systemd made."""
    return _find((machine, f"*/{machine}", f"*/{machine}.scope"), root)


def of_lab(netns: str, root: Path = ROOT) -> list[Path]:
    """The groups of all nodes of a lab."""
    return _find((f"{netns}-*", f"*/{netns}-*"), root)


def _find(patterns: Sequence[str], root: Path) -> list[Path]:
    return sorted(path for pattern in patterns for path in root.glob(pattern) if path.is_dir())


def clean(top: Path) -> bool:
    """Kill what is left in a node's group, and remove it. Whether it is gone."""
    if not wait_until(lambda: _kill_all(top), EMPTY_SECONDS):
        return False
    return wait_until(lambda: _remove(top), EMPTY_SECONDS)


def _kill_all(top: Path) -> bool:
    pids = set(_processes(top))
    for pid in pids:
        kill(pid, signal.SIGKILL)
    return not pids


def _processes(top: Path) -> Iterator[int]:
    for folder, _, _ in os.walk(top):
        try:
            # A zero is a process of another pid namespace: not one that was started from here.
            yield from (pid for pid in map(int, Path(folder, "cgroup.procs").read_text().split()) if pid)
        except OSError:
            # The group went meanwhile, and its processes with it.
            continue


def _remove(top: Path) -> bool:
    for folder, _, _ in os.walk(top, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            # Still busy for a moment after its last process ended; whoever waits comes again.
            continue
    return not top.exists()


def kill(pid: int, number: int) -> None:
    """Send a signal to a process, or to a group of them as ``-pid``, that may have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
