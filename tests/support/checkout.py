"""A copy of the checkout to change: a recipe of docs/contributing.md is followed in it, and then kubeup is asked.

copy = Checkout.copied_to(tmp_path)
copy.write("kubeup/cli/status.py", ...)
copy.insert_after("kubeup/cli/commands.py", "COMMANDS = {", "    ...")
copy.kubeup("status", "--help").stdout
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("kubeup", "templates", "profiles", "docs", "tests/unit", "tests/support")
TIMEOUT_SECONDS = 240.0


@dataclass(frozen=True)
class Checkout:
    """root: where kubeup/, templates/, profiles/, docs/ and what tests need lie; `make` and git are not there."""

    root: Path

    @staticmethod
    def copied_to(folder: Path) -> Checkout:
        """Copies this checkout, as it is now, to a folder that does not exist or is empty."""
        ignored = shutil.ignore_patterns("__pycache__", "stubs", "*.svg")
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part, ignore=ignored, dirs_exist_ok=True)
        for file in (*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.cfg"), *ROOT.glob("tests/*.py")):
            shutil.copy2(file, folder / file.relative_to(ROOT))
        return Checkout(folder)

    def write(self, path: str, text: str) -> None:
        """A new file. Raises FileExistsError where there is one: a recipe's "one new file" is to be new."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x") as file:
            file.write(text)

    def insert_after(self, path: str, line: str, new: str) -> None:
        """New lines behind the only line that holds a text. Raises LookupError where it is not just one."""
        lines = (self.root / path).read_text().split("\n")
        found = [number for number, one in enumerate(lines) if line in one]
        if len(found) != 1:
            raise LookupError(f"{path} has {len(found)} lines with {line!r}")
        lines.insert(found[0] + 1, new.rstrip("\n"))
        (self.root / path).write_text("\n".join(lines))

    def kubeup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``kubeup ARGUMENTS`` with the copy's code; raises AssertionError, with what it said, where it fails."""
        return self.python("-m", "kubeup", *arguments)

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The copy's own tests, e.g. ``copy.pytest("tests/unit/test_imports.py")``."""
        return self.python("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Python with the copy's code before what is installed. Nothing of the user's is read or written."""
        home = self.root / ".home"
        environ = {
            **os.environ,
            "PYTHONPATH": str(self.root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "COLUMNS": "160",
        }
        argv = [sys.executable, *arguments]
        done = subprocess.run(argv, cwd=self.root, env=environ, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        if done.returncode:
            raise AssertionError(f"{' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done
