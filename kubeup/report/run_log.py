"""The log of a run: what happened and when, without secrets, for who has to find out later what went wrong."""

from __future__ import annotations

import os
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from kubeup.model.errors import REPORT, KubeupError
from kubeup.model.events import Called, Event, Failed, Finished, Note, Phase, Sending, Skipped, Working
from kubeup.model.redaction import without_secrets
from kubeup.release.artifacts import Downloading, ReleaseEvent
from kubeup.report import calls

KEPT = 10
MOST_LINES = 2000


def unexpected(error: Exception, log: Path) -> KubeupError:
    """What a person is told of a fault in kubeup; the traceback is in the log."""
    return KubeupError(f"an unexpected {type(error).__name__}: {error}", fix=f"{REPORT}: {log}")


def stamp() -> str:
    """This moment, as names of logs have it: they sort by it."""
    return time.strftime("%Y%m%d-%H%M%S")


def _opened(folder: Path, began: str) -> tuple[Path, int]:
    """The log of the run that began then, for appending, with the oldest of the folder gone.

    A run does not stop for want of one: where the folder cannot be written, it lies among temporary files, and where
    nothing can be, it is given up.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{began}-{os.getpid()}.log"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for old in sorted(folder.glob("*.log"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return path, descriptor
    except OSError:
        pass
    try:
        descriptor, name = tempfile.mkstemp(prefix="kubeup-", suffix=".log")
        return Path(name), descriptor
    except OSError:
        return Path(os.devnull), os.open(os.devnull, os.O_WRONLY)


class RunLog:
    """A file for the operator alone (0600) in a folder that keeps the last ten. Takes events from any thread."""

    def __init__(self, folder: Path, words: Sequence[str], version: str, began: str) -> None:
        """folder: made where it is missing. words: the command line, as it was typed. began: as ``stamp`` has it."""
        self.path, descriptor = _opened(folder, began)
        self._file = os.fdopen(descriptor, "a", encoding="utf-8")
        self._lock = threading.Lock()
        self._begin = time.monotonic()
        self._step: dict[str, str] = {}
        self._write(without_secrets(f"kubeup {version}: {' '.join(words)}"))

    def emit(self, event: Event) -> None:
        told = "\n".join(self._told(event))
        if told:
            # What nodes were told and said comes without secrets already.
            self._write(told if isinstance(event, (Sending, Called)) else without_secrets(told))

    def emit_release(self, event: ReleaseEvent) -> None:
        if not isinstance(event, Downloading):
            self._write(without_secrets(str(event)))

    def unexpected(self, error: BaseException) -> None:
        """All that Python knows of it."""
        self._write(without_secrets("".join(traceback.format_exception(error))))

    def close(self, end: str) -> None:
        self._write(without_secrets(end))
        with self._lock:
            self._file.close()

    def _told(self, event: Event) -> list[str]:
        match event:
            case Phase(title=title):
                return [f"== {title}"]
            case Working(node=node, title=title):
                known, self._step[node] = self._step.get(node), title
                return [] if known == title else [f"{node}: {title}"]
            case Finished(node=node, title=title, seconds=seconds):
                return [f"{node}: finished {title} ({seconds:.2f} s)"]
            case Failed(node=node, error=error):
                if error.__cause__ is not None:
                    self.unexpected(error)
                return [f"{node}: failed: {error.title()}", *error.evidence]
            case Skipped(node=node, reason=reason):
                return [f"{node}: not touched further: {reason}"]
            case Note(text=text, node=node):
                return [f"{node}: {text}" if node else text]
            case Sending() | Called():
                return calls.lines(event, MOST_LINES)

    def _write(self, text: str) -> None:
        """A full disk is no reason to stop what the run is about."""
        stamp = f"{time.monotonic() - self._begin:8.2f} "
        body = text.replace("\n", "\n" + " " * len(stamp))
        with self._lock:
            try:
                self._file.write(f"{stamp}{body}\n")
                self._file.flush()
            except (OSError, ValueError):
                return
