"""Binaries packed for slow links: once for all nodes, and only where packing is quicker than the link.

gzip, because every Debian and Ubuntu unpacks it. What was packed stays in the operator's cache, so that a transfer that
broke off goes on in the same bytes.
"""

from __future__ import annotations

import gzip
import os
import threading
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from kubeup.model.resources import Binary

LEVEL = 6
SAMPLE = 1 << 20
METERED = 8 << 20
"""Bytes after which a link's speed is believed: less fits into the buffers on the way and is taken in no time."""


@dataclass(frozen=True)
class Piece:
    """The rest of a binary, from an offset on: what arrived earlier is not sent again.

    packed: how many bytes of its packed form arrived, of which the rest is sent then. start: where it begins in the
    file at ``path``.
    """

    binary: Binary
    path: Path
    offset: int
    packed: int = 0
    start: int = 0


@dataclass
class Meter:
    """How fast one link takes bytes, from its first one on."""

    begin: float = field(default_factory=time.monotonic)
    sent: int = 0

    @property
    def rate(self) -> float | None:
        """Bytes a second; None as long as it cannot be told."""
        if self.sent < METERED:
            return None
        return self.sent / max(time.monotonic() - self.begin, 1e-6)


class Packer:
    """Packs files of the operator's cache. Thread-safe.

    folder: where packed files lie, as SHA256.gz. speed: how many bytes a second this machine packs; measured where
    nothing is said.
    """

    def __init__(self, folder: Path, speed: float = 0.0) -> None:
        self._folder = folder
        self._speed = speed
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def pays(self, piece: Piece, rate: float | None) -> bool:
        """Whether a link of this speed (bytes/s) gets a file sooner when it is packed first."""
        if rate is None:
            return False
        with piece.path.open("rb") as file:
            file.seek(piece.start + max(0, piece.binary.size // 2 - SAMPLE // 2))
            sample = file.read(min(SAMPLE, piece.binary.size))
        begin = time.monotonic()
        left = len(zlib.compress(sample, LEVEL)) / max(len(sample), 1)
        packing = self._speed or len(sample) / max(time.monotonic() - begin, 1e-6)
        # size/packing + size*left/rate < size/rate
        return rate < packing * (1 - left)

    def pack(self, piece: Piece) -> Path:
        """The packed file; made by whoever needs it first, others wait for it."""
        with self._lock:
            lock = self._locks.setdefault(piece.binary.sha256, threading.Lock())
        target = self._folder / f"{piece.binary.sha256}.gz"
        with lock:
            if not target.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                partial = target.with_suffix(f".new{os.getpid()}")
                # No time and no name inside: the same bytes every time.
                with (
                    piece.path.open("rb") as plain,
                    partial.open("wb") as out,
                    gzip.GzipFile("", "wb", LEVEL, out, mtime=0) as packed,
                ):
                    plain.seek(piece.start)
                    left = piece.binary.size
                    while left and (chunk := plain.read(min(left, SAMPLE))):
                        packed.write(chunk)
                        left -= len(chunk)
                partial.rename(target)
        return target
