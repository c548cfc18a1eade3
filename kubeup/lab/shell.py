"""Running programs of this machine, with a limit and an error that a person can read."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from kubeup.errors import LabError


def run(
    argv: Sequence[str], *, limit: float = 60, stdin: str = "", fix: str = "", check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. limit: seconds. Raises LabError with the last lines it printed."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=limit, check=False)
    except FileNotFoundError:
        raise LabError(f"there is no {argv[0]} on this machine", fix=PACKAGES) from None
    except subprocess.TimeoutExpired:
        raise LabError(f"`{' '.join(argv[:4])}` did not end within {limit:.0f} s", fix=fix) from None
    if check and done.returncode:
        raise LabError(
            f"`{' '.join(argv[:6])}` failed", evidence=(done.stderr or done.stdout).split("\n")[-12:], fix=fix
        )
    return done


def ok(argv: Sequence[str], *, limit: float = 20) -> bool:
    """Whether a program succeeds."""
    return run(argv, limit=limit, check=False).returncode == 0


PACKAGES = "apt-get install debootstrap systemd-container iproute2 iptables openssh-client"
