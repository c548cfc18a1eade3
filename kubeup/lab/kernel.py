"""Kernel settings that all nodes share with this machine, and that a node changes: saved, and put back."""

from __future__ import annotations

import json
from pathlib import Path

from kubeup.model.lab_folder import state_root

SHARED = (
    # kubelet (protectKernelDefaults: false)
    "vm/overcommit_memory",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    # a node's systemd raises these as its process 1 starts
    "fs/file-max",
    "fs/nr_open",
)
LIMITS = {"fs/inotify/max_user_instances": 1024}
"""Raised to so much where they are lower. A node's systemd and Kubernetes take up to 25 inotify instances; all nodes
together share root's, and kubelet does not start without."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SETTINGS = Path("/proc/sys")


def _saved() -> Path:
    return state_root() / "kernel.json"


def save() -> None:
    """Before the first lab starts; a second lab finds them saved. What a boot before this one saved is too old."""
    boot = BOOT_ID.read_text().strip()
    found = json.loads(_saved().read_text()) if _saved().exists() else {}
    known = found if found.get("boot", boot) == boot else {}
    values = {"boot": boot, **{name: _value(name) for name in (*SHARED, *LIMITS)}, **known}
    if values != found:
        partial = _saved().with_suffix(".new")
        partial.write_text(json.dumps(values))
        partial.rename(_saved())


def raise_limits() -> None:
    """After they were saved."""
    for name, least in LIMITS.items():
        if int(_value(name)) < least:
            (SETTINGS / name).write_text(f"{least}\n")


def restore(labs_left: bool) -> None:
    """After the last lab ended."""
    if labs_left or not _saved().exists():
        return
    values = json.loads(_saved().read_text())
    if values.pop("boot", BOOT_ID.read_text().strip()) == BOOT_ID.read_text().strip():
        for name, value in values.items():
            if _value(name) != value:
                (SETTINGS / name).write_text(f"{value}\n")
    _saved().unlink()


def _value(name: str) -> str:
    return (SETTINGS / name).read_text().strip()
