"""Kernel settings that all nodes share with this machine, and that kubelet changes: saved, and put back."""

from __future__ import annotations

import json
from pathlib import Path

from kubeup.lab.model import state_root

SHARED = (
    "vm/overcommit_memory",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def _saved() -> Path:
    return state_root() / "kernel.json"


def save() -> None:
    """Before the first lab starts; a second lab finds them saved."""
    if _saved().exists():
        return
    values = {name: Path("/proc/sys", name).read_text().strip() for name in SHARED}
    state_root().mkdir(parents=True, exist_ok=True)
    partial = _saved().with_suffix(".new")
    partial.write_text(json.dumps(values))
    partial.rename(_saved())


def restore(labs_left: bool) -> None:
    """After the last lab ended."""
    if labs_left or not _saved().exists():
        return
    for name, value in json.loads(_saved().read_text()).items():
        path = Path("/proc/sys", name)
        if path.read_text().strip() != value:
            path.write_text(f"{value}\n")
    _saved().unlink()
