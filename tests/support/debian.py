"""Packages of another Debian release without what they need."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kubeup.lab import packages


def download(folder: Path, release: str, *names: str) -> list[Path]:
    """Packages into a folder, checked by apt as ever."""
    options = packages.lists(folder, release)
    subprocess.run(["apt-get", *options, "download", *names], cwd=folder, check=True, timeout=300, capture_output=True)
    return sorted(folder.glob("*.deb"))
