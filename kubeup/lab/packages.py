"""Packages of another Debian release, for nodes that are to have newer programs than their image has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kubeup.lab import apt
from kubeup.lab.shell import run

SECONDS = 600.0


def lacking(folder: Path, release: str, base: Path, names: Sequence[str]) -> list[Path]:
    """Packages into a folder, with all that they need and the root file system ``base`` has not. Raises LabError."""
    options = lists(folder, release, (base / "var/lib/dpkg/status").read_text())
    words = ["--download-only", "--no-install-recommends", "--yes", "install"]
    run(["apt-get", *options, *words, *names], limit=SECONDS, fix="apt-get update: is the archive reachable?")
    return sorted((folder / "cache/archives").glob("*.deb"))


def lists(folder: Path, release: str, installed: str = "") -> list[str]:
    """apt-get's options for lists of its own in that folder, checked by apt as ever; this machine's own are left alone.
    installed: a dpkg status."""
    mirror, keyring = apt.archive()
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(f"deb [signed-by={keyring}] {mirror} {release} main\n")
    (folder / "status").write_text(installed)
    places = {
        "Dir::Etc::sourcelist": "sources.list",
        "Dir::State::lists": "lists",
        "Dir::State::status": "status",
        "Dir::Cache": "cache",
    }
    options = [word for key, name in places.items() for word in ("-o", f"{key}={folder / name}")]
    options += ["-o", "Dir::Etc::sourceparts=/dev/null", "-qq"]
    run(["apt-get", *options, "update"], limit=SECONDS, fix=f"is {mirror} reachable from this machine?")
    return options
