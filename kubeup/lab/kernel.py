"""Kernel settings that all nodes share with this machine, and that a node changes: saved, and put back."""

from __future__ import annotations

import json
from pathlib import Path

from kubeup.lab.model import state_root

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
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _saved() -> Path:
    return state_root() / "kernel.json"


def save() -> None:
    """Before the first lab starts; a second lab finds them saved. What a boot before this one saved is too old."""
    boot = BOOT_ID.read_text().strip()
    if _saved().exists() and json.loads(_saved().read_text()).get("boot", boot) == boot:
        return
    values = {"boot": boot, **{name: Path("/proc/sys", name).read_text().strip() for name in SHARED}}
    partial = _saved().with_suffix(".new")
    partial.write_text(json.dumps(values))
    partial.rename(_saved())


def restore(labs_left: bool) -> None:
    """After the last lab ended."""
    if labs_left or not _saved().exists():
        return
    values = json.loads(_saved().read_text())
    if values.pop("boot", BOOT_ID.read_text().strip()) == BOOT_ID.read_text().strip():
        for name, value in values.items():
            path = Path("/proc/sys", name)
            if path.read_text().strip() != value:
                path.write_text(f"{value}\n")
    _saved().unlink()
