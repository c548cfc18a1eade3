"""A scan for secrets: in what is printed, in every process's command line while it works, in files and journals."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

SECONDS = 0.05


class HostScan:
    """Looks at the command lines of all processes every 50 ms; those of lab nodes are this machine's, too.

    found: what was seen, as PLACE: text around.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secrets)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.found: set[str] = set()
        self.looks = 0

    def __enter__(self) -> HostScan:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SECONDS):
            self.looks += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.text(
                        f"process {path.parent.name}", path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                    )
                except OSError:
                    continue

    def text(self, place: str, text: str) -> None:
        for secret in self._secrets:
            if secret in text:
                self.found.add(f"{place}: {secret}")

    def folder(self, place: Path, besides: Iterable[Path] = ()) -> None:
        """Every file below, however large, but for those that hold the secrets on purpose."""
        skipped = tuple(besides)
        for path in place.rglob("*"):
            if path.is_file() and not path.is_symlink() and not any(path.is_relative_to(one) for one in skipped):
                self.text(str(path), path.read_bytes().decode("utf-8", "replace"))
