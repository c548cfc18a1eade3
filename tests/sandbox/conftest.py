"""A sandbox under each of the shells that nodes have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sandbox import JOURNALCTL, QUIET, SYSTEMCTL, Sandbox


@pytest.fixture(params=["dash", "bash"])
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    box = Sandbox(tmp_path / "root", str(request.param))
    for name in ("bin", "units", "etc", "var/lib", "run"):
        (box.root / name).mkdir(parents=True)
    stubs = {
        "systemctl": SYSTEMCTL,
        "journalctl": JOURNALCTL,
        "nft": QUIET,
        "iptables-save": QUIET,
        "ip6tables-save": QUIET,
    }
    for name, text in {**stubs, "ip": QUIET, "docker": "#!/bin/sh\nexit 1\n"}.items():
        box.write(f"bin/{name}", text, 0o755)
    # `sh` in the remote command must be the shell under test, too.
    (box.root / "bin/sh").symlink_to(f"/bin/{request.param}")
    box.write("/etc/hostname", "sandbox\n")
    return box
