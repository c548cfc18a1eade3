"""Faults for a lab's cluster: kubeup killed or cut off at a point, nodes that lose their power or their network."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kubeup.lab import life
from kubeup.lab.model import Lab
from kubeup.node.agent import snapshot
from tests.lab.conftest import Cluster
from tests.lab.fault_point import HOLD, VARIABLE, Point
from tests.lab.snapshots import differences, look
from tests.support.polling import settle

ROOT = Path(__file__).parents[2]
NODES = ("node3", "node4")
COMMANDS = {"up": ("up", "--no-validate"), "down": ("down", "--yes", "--no-snapshot", "profile.yaml")}
LIMIT = 400.0
# A soak ends after so many minutes, and goes on from there the next time.
MINUTES = float(os.environ.get("KUBEUP_TEST_MINUTES", "60"))
# Whoever is logged in by SSH, and nobody else: the listener's parent is the node's first process.
SESSIONS = "for p in $(pgrep sshd); do [ $(ps -o ppid= -p $p) -eq 1 ] || echo $p; done"
FREE = "if [ -e /var/lib/kubeup/lock ]; then flock -n /var/lib/kubeup/lock echo free; else echo free; fi"
READY = r"""awk -F '\t' '$1 == "ready" { r[$2] = $3 } END { for (u in r) if (r[u] != "-") print u }' \
    /var/lib/kubeup/record 2>/dev/null |
    while read -r u; do echo "$u $(systemctl show -p MainPID --value "$u")"; done | sort"""


@dataclass(frozen=True)
class Struck:
    """A run that met its fault. status: its exit code. said: its standard error."""

    status: int
    said: str


@dataclass(frozen=True)
class Trial:
    """A fault at a point of a command, and the command that goes on from there: up or down."""

    command: str
    point: Point
    fault: str
    finish: str

    @property
    def name(self) -> str:
        point = self.point
        where = f"{point.node or 'all'} {point.trip} · {point.number} · {point.title or point.kind}"
        return f"{self.command} · {self.fault} · {where}"


def trials(command: str, points: Sequence[Point]) -> list[Trial]:
    """Killed and cut off at every point, half of them finished by `up` and half by `down`; and a sample of the slow
    faults."""
    found = []
    for index, point in enumerate(points):
        faults = ("kill", "cut", *(("power", "drop") if index % 5 == 0 else ()))
        ends = ("up", "down") if index % 2 else ("down", "up")
        found += [Trial(command, point, fault, ends[number % 2]) for number, fault in enumerate(faults)]
    return found


class NeverReached(Exception):
    """The run ended without having passed the point."""

    def __init__(self, status: int | None, said: str) -> None:
        super().__init__(f"it ended with {status}: {said}")
        self.status = status


class Faults:
    """Strikes a cluster's runs, and says what became of it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def strike(self, point: Point, fault: str | Callable[[], None], *arguments: str) -> Struck:
        """Run kubeup, and let the fault happen at the point: kill, cut, drop (the network swallows all), power, reboot;
        or something of the caller's."""
        told, go = self.cluster.home / "told", self.cluster.home / "go"
        for path in (told, go):
            path.unlink(missing_ok=True)
        deed = "kill" if fault == "kill" else "tell"
        point = replace(point, deed=deed, told=str(told), go=str(go))
        where = [point.node] if point.node else list(NODES)
        for node in where:
            self.cluster.on(node, f"touch {HOLD}")
        with self._start(point, arguments) as process:
            try:
                if deed == "kill":
                    said = process.communicate(timeout=LIMIT)[1]
                    if process.returncode != -9:
                        raise NeverReached(process.returncode, said)
                else:
                    settle(lambda: told.exists() or process.poll() is not None, LIMIT, "the point")
                    if not told.exists():
                        said = process.communicate()[1]
                        raise NeverReached(process.returncode, said)
                    said = self._happen(fault, where, go, process)
            finally:
                process.kill()
                for node in where:
                    self.cluster.on(node, f"rm -f {HOLD}")
        self._quiet()
        return Struck(process.returncode, said)

    def strike_next(self, node: str, struck: Sequence[str], fault: str, *arguments: str) -> str | None:
        """Strike at the node's first step that was not struck yet; its title, or none when there was none left."""
        seen = self.cluster.home / "seen-next"
        seen.unlink(missing_ok=True)
        try:
            self.strike(Point("next", node, struck=tuple(struck), seen=str(seen)), fault, *arguments)
        except NeverReached as error:
            if error.status:
                raise
            return None
        return next(point.title for point in passed(seen) if point.node == node and point.title not in struck)

    def walk(self, seen: Path, *arguments: str) -> None:
        """A run without a fault, which writes down what it passes."""
        with self._start(Point(seen=str(seen)), arguments) as process:
            said = process.communicate(timeout=LIMIT)[1]
            assert process.returncode == 0, said

    def survive(self, trial: Trial, before: Sequence[snapshot.Things]) -> str:
        """One of the matrix, from the state that its command begins with; what went wrong, empty if nothing did. The
        nodes are bare in the end, or a cluster is up where it was finished so and nothing went wrong."""
        try:
            self.strike(trial.point, trial.fault, *COMMANDS[trial.command])
            if trial.finish == "up":
                self.finish_up(validate=True)
            else:
                self.finish_down(before)
        except Exception as error:  # told in the matrix; the next one begins on bare nodes all the same
            self.cluster.kubeup(*COMMANDS["down"])
            return f"{type(error).__name__}: {error}"
        return ""

    @contextmanager
    def _start(self, point: Point, arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        environment = {**self.cluster.environment(), VARIABLE: point.text(), "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            [sys.executable, "-m", "tests.lab.fault_point", *arguments],
            env=environment,
            cwd=self.cluster.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            yield process

    def _happen(
        self, fault: str | Callable[[], None], where: Sequence[str], go: Path, process: subprocess.Popen[str]
    ) -> str:
        if callable(fault):
            fault()
        if fault == "drop":
            with self._dark(where):
                go.touch()
                return process.communicate(timeout=LIMIT)[1]
        for node in where:
            if fault == "power":
                life.power_off(self.cluster.name, node, pull=True)
            elif fault == "reboot":
                life.reboot(self.cluster.name, node)
            elif fault == "cut":
                self.cluster.on(node, f"kill -KILL $({SESSIONS})")
        go.touch()
        for node in where:
            if fault == "power":
                life.power_on(self.cluster.name, node)
            self.cluster.on(node, f"rm -f {HOLD}")
        return process.communicate(timeout=LIMIT)[1]

    @contextmanager
    def _dark(self, where: Sequence[str]) -> Iterator[None]:
        """The network takes every packet for these nodes, and none arrives."""
        namespace = Lab(self.cluster.name).netns
        for node in where:
            subprocess.run(["ip", "-n", namespace, "link", "set", node, "down"], check=True)
        try:
            yield
        finally:
            for node in where:
                subprocess.run(["ip", "-n", namespace, "link", "set", node, "up"], check=True)

    def _quiet(self) -> None:
        """Until no half of kubeup is at work on any node."""
        for node in NODES:
            what = f"the end of the node's half on {node}"
            settle(lambda node=node: "free" in self.cluster.on(node, FREE), 90, what)  # type: ignore[misc]

    def ready(self) -> dict[str, str]:
        """Units that became ready, with their processes, of every node."""
        return {node: self.cluster.on(node, READY) for node in NODES}

    def settled(self) -> dict[str, str]:
        """The same, once nothing of it starts any more: a machine that was off may be younger than its units."""
        seen = [self.ready()]

        def steady() -> bool:
            seen.append(self.ready())
            starting = any(line.endswith(" 0") for text in seen[-1].values() for line in text.split("\n"))
            return seen[-1] == seen[-2] and not starting

        settle(steady, 60, "units to be steady")
        return seen[-1]

    def finish_up(self, *, validate: bool = False) -> None:
        """`up` completes, restarts nothing that was ready, and then there is nothing to do."""
        before = self.settled()
        outcome = self.cluster.json("up", *(() if validate else ("--no-validate",)))
        if validate:
            assert outcome["health"]["healthy"] is True, outcome  # type: ignore[index]
        after = self.ready()
        for node in NODES:
            lost = set(before[node].split("\n")) - set(after[node].split("\n"))
            assert lost <= {""}, f"{node}: what was ready was restarted: {lost}"
        assert self.cluster.json("up", "--no-validate")["changed"] is False

    def finish_down(self, before: Sequence[snapshot.Things]) -> None:
        """`down` leaves both machines as they were."""
        done = self.cluster.kubeup(*COMMANDS["down"])
        assert done.returncode == 0, done.stdout + done.stderr
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda number: differences(before[number], look_apart(self.cluster, number)), (0, 1)))
        assert found == ["", ""], "\n".join(found)


def look_apart(cluster: Cluster, number: int) -> snapshot.Things:
    """As look, for two nodes at once."""
    home = cluster.home / f"look-{number}"
    home.mkdir(exist_ok=True)
    (home / "profile.yaml").write_text((cluster.home / "profile.yaml").read_text())
    return look(replace(cluster, home=home), number)


def passed(path: Path) -> list[Point]:
    """The points that a run went through."""
    return [Point.parse(line) for line in path.read_text().splitlines()]


class Ledger:
    """Points that were survived, by what kubeup is: a soak that was stopped goes on where it was."""

    def __init__(self) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.path = cache / "kubeup" / "faults" / f"{_fingerprint()}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def rows(self) -> dict[str, dict[str, object]]:
        """Read anew: a soak in another lab may be at work on the same."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return {row["point"]: row for row in map(json.loads, lines)}

    def survived(self, name: str) -> bool:
        return self.rows.get(name, {}).get("problem") == ""

    def struck(self, command: str, fault: str, node: str) -> list[str]:
        """The titles of the steps that runs were ended at."""
        start = f"{command} · {fault} · {node} · "
        rows = self.rows.items()
        return [name.split(" · ", 4)[4] for name, row in rows if name.startswith(start) and row["problem"] == ""]

    def add(self, name: str, problem: str, seconds: float) -> None:
        row: dict[str, object] = {"point": name, "problem": problem, "seconds": round(seconds, 1)}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def matrix(self) -> str:
        """A line for every command, fault and kind of step: how many points were survived of how many."""
        counts: dict[str, list[int]] = {}
        rows = self.rows
        for name, row in rows.items():
            command, fault, _, _, title = (name.split(" · ") + [""] * 5)[:5]
            pair = counts.setdefault(f"{command:16} {fault:6} {title.split(' ')[0]}", [0, 0])
            pair[0] += row["problem"] == ""
            pair[1] += 1
        lines = [f"{key:45} {good:4} of {all_:4}" for key, (good, all_) in sorted(counts.items())]
        good, all_ = (sum(pair[index] for pair in counts.values()) for index in (0, 1))
        failed = [f"NOT SURVIVED {name}: {row['problem']}" for name, row in rows.items() if row["problem"]]
        return "\n".join([*lines, *failed, f"{good} of {all_} points survived"])


def _fingerprint() -> str:
    """What kubeup is: a hash of its sources and templates."""
    whole = hashlib.sha256()
    for folder in ("kubeup", "templates"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                whole.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return whole.hexdigest()[:16]
