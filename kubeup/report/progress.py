"""What happens, as it happens: a live table on a terminal, plain lines elsewhere. All of it goes to stderr."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kubeup.model.events import Called, Event, Failed, Finished, Note, Phase, Sending, Skipped, Working
from kubeup.release.artifacts import Building, Downloading, Got, ReleaseEvent, Remark, Tried, Waiting, Without
from kubeup.report import calls

REFRESH = 8
BUILDING_EVERY = 20.0
SHOWN = 40
"""Lines of a script that are shown; all of them are in the log."""


@dataclass
class _Line:
    """One node's line."""

    title: str
    since: float
    detail: str = ""
    style: str = ""


def size(count: float) -> str:
    """Bytes as people read them: 93.4 MB."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


class View:
    """Takes events from any thread. live: redraw in place; else a line for what matters."""

    def __init__(self, console: Console, *, live: bool, verbose: bool = False) -> None:
        """verbose: what nodes are told and what they say, too."""
        self._console = console
        self._verbose = verbose
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}
        self._phases: list[str] = []
        self._begin = time.monotonic()
        self._downloads: dict[str, tuple[int, int]] = {}
        self._built: dict[str, float] = {}
        self._told: set[str] = set()
        self._live = Live(get_renderable=self.table, console=console, refresh_per_second=REFRESH, transient=True)
        self._is_live = live

    def __enter__(self) -> View:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_live:
            self._live.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is redrawn while somebody is asked."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()

    def emit(self, event: Event) -> None:
        with self._lock:
            self._event(event)

    def _event(self, event: Event) -> None:
        now = time.monotonic()
        match event:
            case Phase(title=title, beside=beside):
                self._phases.append(title)
                self._lines = {node: line for node, line in self._lines.items() if beside and not line.style}
                self._print(f"[bold]{now - self._begin:6.1f} s[/]  {escape(title)}")
            case Working(node=node, title=title, done=done, total=total, bytes=in_bytes):
                line = self._lines.setdefault(node, _Line(title, now))
                if line.title != title:
                    line.title, line.since = title, now
                line.style = ""
                line.detail = f"{size(done)} of {size(total)}" if in_bytes else f"{done}/{total}" if total else ""
            case Finished(node=node, title=title):
                self._lines[node] = _Line("done", now, style="green")
                if not self._is_live and title != "asked":
                    behind = f" ({title})" if title in self._phases[:-1] else ""
                    self._print(f"           {escape(f'{node}: done{behind}')}")
            case Failed(node=node, error=error):
                self._lines[node] = _Line(error.message, now, style="red")
                self._print(f"[red]           {escape(error.title())}[/]")
            case Skipped(node=node, reason=reason):
                self._lines[node] = _Line("held back", now, style="yellow")
                self._print(f"[yellow]           {escape(node)}: not touched further: {escape(reason)}[/]")
            case Note(text=text, node=node):
                self._print(f"           {escape(f'{node}: {text}' if node else text)}")
            case Sending() | Called() if self._verbose:
                for text in calls.lines(event, SHOWN):
                    self._print(f"[dim]{escape(text)}[/]")

    def emit_release(self, event: ReleaseEvent) -> None:
        with self._lock:
            self._release(event)

    def _release(self, event: ReleaseEvent) -> None:
        match event:
            case Tried(wanted=wanted, source=source, reason=reason):
                # A site that is not there is told once, not once a binary.
                text = f"{source}: {reason}"
                if text not in self._told:
                    self._told.add(text)
                    self._print(f"           {escape(wanted.name)} is not to be had from {escape(text)}")
            case Without(wanted=wanted):
                image = wanted.name.startswith("image:")
                rest = "no source has it: the nodes pull it" if image else "left out: clusters run without it"
                self._print(f"           {escape(wanted.name)}: {rest}")
            case Downloading(wanted=wanted, done=done, total=total):
                self._downloads[wanted.name] = (done, total)
            case Building(what=what, seconds=seconds):
                self._lines["this machine"] = _Line(what, time.monotonic() - seconds)
                if what not in self._built or seconds - self._built[what] >= BUILDING_EVERY:
                    self._built[what] = seconds
                    if not self._is_live or seconds == 0:
                        self._print(f"           {escape(what)} ({seconds:.0f} s so far)")
            case Remark(wanted=wanted, text=text):
                self._print(f"           {escape(f'{wanted.name}: {text}')}")
            case Waiting(host=host, seconds=seconds):
                title = f"waiting for {host}, which is busy"
                if self._lines.get("this machine", _Line("", 0)).title != title:
                    self._print(f"           {escape(title)}: {seconds:.0f} s")
                self._lines["this machine"] = _Line(title, time.monotonic(), f"{seconds:.0f} s more")
            case Got(wanted=wanted, source=source, size=count):
                self._downloads.pop(wanted.name, None)
                self._lines.pop("this machine", None)
                self._print(f"           {escape(wanted.title)}: {size(count)} from {escape(source)}")

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def table(self) -> Table:
        """What is going on now: a line a node."""
        table = Table.grid(padding=(0, 2))
        now = time.monotonic()
        lines = {**self._lines}
        if self._downloads:
            done, total = (sum(pair[index] for pair in self._downloads.values()) for index in (0, 1))
            detail = f"{size(done)} of {size(total)}" if total else size(done)
            lines["this machine"] = _Line(f"downloading {', '.join(self._downloads)}", now, detail)
        for node, line in list(lines.items()):
            elapsed = f"{now - line.since:5.1f} s" if line.title != "done" else ""
            table.add_row(
                Text(f"           {node}", "bold"), Text(line.title, line.style), Text(line.detail, "cyan"), elapsed
            )
        return table
