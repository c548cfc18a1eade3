"""Packages of another Debian release, for nodes that are to have newer programs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kubeup.lab import apt


def download(folder: Path, release: str, *names: str) -> list[Path]:
    """Packages into a folder, checked by apt as ever, without touching this machine's own lists."""
    options = _lists(folder, release)
    subprocess.run(["apt-get", *options, "download", *names], cwd=folder, check=True, timeout=300, capture_output=True)
    return sorted(folder.glob("*.deb"))


def lacking(folder: Path, release: str, base: Path, *names: str) -> list[Path]:
    """The same, with all that these packages need and the root file system ``base`` has not."""
    options = _lists(folder, release, (base / "var/lib/dpkg/status").read_text())
    words = ["--download-only", "--no-install-recommends", "--yes", "install"]
    subprocess.run(["apt-get", *options, *words, *names], check=True, timeout=300, capture_output=True)
    return sorted((folder / "cache/archives").glob("*.deb"))


def _lists(folder: Path, release: str, installed: str = "") -> list[str]:
    """apt-get's options for lists of its own in that folder. installed: a dpkg status."""
    mirror, keyring = apt.archive()
    (folder / "sources.list").write_text(f"deb [signed-by={keyring}] {mirror} {release} main\n")
    (folder / "status").write_text(installed)
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    places = {
        "Dir::Etc::sourcelist": "sources.list",
        "Dir::State::lists": "lists",
        "Dir::State::status": "status",
        "Dir::Cache": "cache",
    }
    options = [word for key, name in places.items() for word in ("-o", f"{key}={folder / name}")]
    options += ["-o", "Dir::Etc::sourceparts=/dev/null", "-qq"]
    subprocess.run(["apt-get", *options, "update"], check=True, timeout=300, capture_output=True)
    return options
