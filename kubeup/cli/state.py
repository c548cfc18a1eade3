"""What kubeup remembers on the operator's machine: the profile of the last ``up``, so that ``down`` needs no argument.

It may be lost without harm. Passwords in it are taken out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class State:
    """Below XDG_STATE_HOME (~/.local/state): kubeup/NAME.yaml, kubeup/last."""

    root: Path

    @staticmethod
    def of(environ: Mapping[str, str]) -> State:
        base = environ.get("XDG_STATE_HOME")
        return State((Path(base) if base else Path.home() / ".local/state") / "kubeup")

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def logs(self) -> Path:
        """Of the last runs, one file each."""
        return self.root / "logs"

    def remember(self, name: str, profile: Path) -> None:
        """Keep a copy of a profile that nodes are changed by, and where it is; bare commands mean it from now on."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if profile.resolve() != (self.root / f"{name}.yaml").resolve():
            text = re.sub(r"(//[^/\s:@]+:)[^@\s/]+@", r"\1***@", profile.read_text())
            self._write(self.root / f"{name}.yaml", text)
            self._write(self.root / f"{name}.from", f"{profile.resolve()}\n")
        self._write(self.root / "last", f"{name}\n")

    def last(self) -> tuple[Path, Path] | None:
        """(profile, the folder that paths in it are relative to) of the cluster last brought up, if it still is.

        The file itself where it still is; else the copy.
        """
        name = self.last_name()
        try:
            original = Path((self.root / f"{name}.from").read_text().strip())
        except OSError:
            return None
        path = self.profile_of(name)
        return (path, original.parent) if path.is_file() else None

    def profile_of(self, name: str) -> Path:
        """The profile of a known cluster: the file itself where it still is; else the copy."""
        try:
            original = Path((self.root / f"{name}.from").read_text().strip())
        except OSError:
            original = Path()
        return original if original.is_file() else self.root / f"{name}.yaml"

    def copy_of(self, name: str) -> Path:
        """The profile as the last ``up`` had it, whatever its file became since."""
        return self.root / f"{name}.yaml"

    def last_name(self) -> str:
        """The name of the cluster last brought up; empty where there is none."""
        try:
            name = (self.root / "last").read_text().strip()
        except OSError:
            return ""
        return name if name in self.known() else ""

    def known(self) -> frozenset[str]:
        """The names of all clusters that were brought up from here, and not taken down."""
        return frozenset(path.stem for path in self.root.glob("*.from"))

    def forget(self, name: str) -> None:
        for suffix in ("yaml", "from"):
            (self.root / f"{name}.{suffix}").unlink(missing_ok=True)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        partial = path.with_name(path.name + ".new")
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        partial.replace(path)
