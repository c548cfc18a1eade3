"""Where labs keep their things on this machine: a lab writes there, and ``lab: NAME`` in a profile reads there."""

from __future__ import annotations

import os
from pathlib import Path


def state_root() -> Path:
    """The folder with one folder a lab; $KUBEUP_LAB_DIR moves it."""
    return Path(os.environ.get("KUBEUP_LAB_DIR", "/var/lib/kubeup-lab"))


def ssh_config(name: str) -> Path:
    """The OpenSSH client configuration that reaches the nodes of the lab of this name."""
    return state_root() / name / "ssh_config"
