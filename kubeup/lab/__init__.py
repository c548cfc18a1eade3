"""Nodes on this machine by systemd-nspawn: real systemd, sshd, network and kernel view; real enough for Kubernetes."""

from __future__ import annotations

from kubeup.lab.life import (
    NodeStatus,
    down,
    inside,
    leftovers,
    power_off,
    power_on,
    reboot,
    remove_images,
    shell,
    ssh_config,
    ssh_options,
    status,
    up,
)
from kubeup.lab.model import PASSWORD, Lab, LabNode
from kubeup.lab.state import find

__all__ = [
    "PASSWORD",
    "Lab",
    "LabNode",
    "NodeStatus",
    "down",
    "find",
    "inside",
    "leftovers",
    "power_off",
    "power_on",
    "reboot",
    "remove_images",
    "shell",
    "ssh_config",
    "ssh_options",
    "status",
    "up",
]
