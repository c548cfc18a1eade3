"""What is kept about labs between two commands: one folder a lab, one lock for all of them."""

from __future__ import annotations

import dataclasses
import fcntl
import ipaddress
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from kubeup.lab.model import FIRST_HOST, Lab
from kubeup.lab.shell import wait_until
from kubeup.model.errors import LabError
from kubeup.model.lab_folder import state_root

LOCK_SECONDS = 1200.0
"""Another kubeup may be building a base image."""


@contextmanager
def alone(say: Callable[[str], None]) -> Iterator[None]:
    """One kubeup at a time builds or ends labs. Raises LabError where another one takes longer than LOCK_SECONDS."""
    with ExitStack() as stack:
        while not _owns(stack.enter_context(_open_lock()), say):
            continue
        yield


def _owns(lock: IO[str], say: Callable[[str], None]) -> bool:
    """Waits for the lock. False where a purge removed the file meanwhile: nobody else will ever wait for that one."""
    if not _try(lock):
        say("another kubeup is at work on a lab: waiting for it to end")
        if not wait_until(lambda: _try(lock), LOCK_SECONDS):
            raise LabError(
                f"another kubeup has been at work on a lab for {LOCK_SECONDS:.0f} s",
                evidence=[f"it holds {_lock_path()}"],
                fix=f"see who it is: fuser -v {_lock_path()}",
            )
    try:
        return os.fstat(lock.fileno()).st_ino == _lock_path().stat().st_ino
    except FileNotFoundError:
        return False


def _lock_path() -> Path:
    return state_root() / "lock"


def _open_lock() -> IO[str]:
    while True:
        state_root().mkdir(parents=True, exist_ok=True)
        # A purge may come between the two.
        with suppress(FileNotFoundError):
            return _lock_path().open("w")


def _try(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def find(name: str) -> Lab | None:
    """The lab of that name as it was recorded; None if there is none."""
    path = state_root() / name / "lab.json"
    if not path.is_file():
        return None
    values = json.loads(path.read_text())
    first = int(values.get("first_host", FIRST_HOST))
    return Lab(name, ipaddress.IPv4Network(values["subnet"]), int(values["size"]), values["like"], first)


def record(lab: Lab) -> Lab:
    """Keep what the lab is; returns it with the nodes it has already. Raises LabError if another has that name."""
    known = find(lab.name)
    if known and dataclasses.replace(known, size=lab.size) != lab:
        raise LabError(
            f"the lab {lab.name} exists and is another one: like {known.like}, {known.subnet}",
            fix=f"kubeup lab down --name {lab.name}, or take another name: kubeup lab up --name lab2",
        )
    lab = dataclasses.replace(lab, size=max(lab.size, known.size if known else 0))
    lab.state.mkdir(mode=0o711, parents=True, exist_ok=True)
    _route(lab.name).write_text(str(lab.subnet))
    values = {"subnet": str(lab.subnet), "size": lab.size, "like": lab.like, "first_host": lab.first_host}
    partial = lab.state / "lab.json.new"
    partial.write_text(json.dumps(values))
    partial.rename(lab.state / "lab.json")
    return lab


def labs() -> list[str]:
    """The names of all labs that are there, half-made ones too."""
    return sorted(path.name for path in state_root().glob("*") if path.is_dir())


def _route(name: str) -> Path:
    return state_root() / f"{name}.route"


def routed(name: str) -> ipaddress.IPv4Network | None:
    """The subnet that is kept from leaving the machine for this lab, also while it is down."""
    path = _route(name)
    return ipaddress.IPv4Network(path.read_text()) if path.is_file() else None


def forget_route(name: str) -> None:
    _route(name).unlink(missing_ok=True)


def is_routed(subnet: ipaddress.IPv4Network) -> bool:
    """Whether any lab needs the subnet to be kept from leaving the machine."""
    return any(path.read_text() == str(subnet) for path in state_root().glob("*.route"))


def remove_if_empty() -> None:
    """The folder itself, once there is neither a lab nor a route to remember. Only with the lock held."""
    if {path.name for path in state_root().iterdir()} == {"lock"}:
        _lock_path().unlink()
        # Whoever waited for the lock may have made it anew: the folder is theirs then.
        with suppress(OSError):
            state_root().rmdir()
