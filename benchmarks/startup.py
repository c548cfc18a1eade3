"""How long ``kubeup`` takes before it does anything, against what it cannot do without, turn and turn about.

python -m benchmarks.startup
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.host_facts import timed

TURNS = 11
FLOOR = [sys.executable, "-c", "import click, rich.console"]
COMMANDS = (["--version"], ["--help"], ["plan", "--help"])


def measure() -> None:
    """Medians of TURNS; one turn before, for files to be in memory and compiled."""
    kubeup = str(Path(sys.executable).with_name("kubeup"))
    for arguments in COMMANDS:
        turns = [(_seconds([kubeup, *arguments]), _seconds(FLOOR)) for _ in range(TURNS + 1)][1:]
        ours, floor = (statistics.median(column) for column in zip(*turns, strict=True))
        goal = "   (goal: at most 3)" if arguments == COMMANDS[0] else ""
        title = f"kubeup {' '.join(arguments)}"
        print(f"{title:<25} {ours:6.3f} s, import click, rich.console {floor:.3f} s: ratio {ours / floor:.2f}{goal}")


def _seconds(argv: list[str]) -> float:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run() -> None:
        subprocess.run(argv, env=environ, stdout=subprocess.DEVNULL, check=True)

    return timed(run)


if __name__ == "__main__":
    measure()
