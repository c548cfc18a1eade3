"""Running programs of this machine, with a limit and an error that a person can read."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kubeup.model.errors import LabError

PACKAGES = "apt-get install debootstrap systemd-container iproute2 openssh-client procps util-linux"
PROGRAMS = ("ip", "nsenter", "ps", "setpriv", "ssh-keygen", "sysctl", "systemd-nspawn", "unshare")


def require(*programs: str) -> None:
    """Raises LabError with all that are missing at once."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise LabError(f"programs that a lab needs are missing on this machine: {', '.join(missing)}", fix=PACKAGES)


def run(
    argv: Sequence[str], *, limit: float = 60, stdin: str = "", fix: str = "", check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. limit: seconds. Raises LabError with the last lines it printed."""
    try:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, errors="replace", timeout=limit, check=False
        )
    except FileNotFoundError:
        raise LabError(f"there is no {argv[0]} on this machine", fix=PACKAGES) from None
    except subprocess.TimeoutExpired:
        raise LabError(f"`{' '.join(argv[:4])}` did not end within {limit:.0f} s", fix=fix) from None
    if check and done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).split("\n")
        raise LabError(f"`{' '.join(argv[:6])}` failed", evidence=lines[-12:], fix=fix)
    return done


def ok(argv: Sequence[str], *, limit: float = 20) -> bool:
    """Whether a program succeeds."""
    return run(argv, limit=limit, check=False).returncode == 0


def remove_tree(path: Path) -> None:
    """Remove a folder, never what is mounted in it. Raises LabError if something stays."""
    if path.exists():
        run(["rm", "-rf", "--one-file-system", "--", str(path)], limit=300, fix=f"rm -rf {path}")


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true within the time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
