"""How things are written to the disk and packed, a piece at a time."""

from __future__ import annotations

import hashlib
import tarfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO

CHUNK = 1 << 20
LEVEL = 1


class Locks:
    """One for each thing that is made once."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}

    def of(self, what: str) -> threading.Lock:
        return self._locks.setdefault(what, threading.Lock())


def sum_of(path: Path) -> str:
    """sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def put(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    """A file that is there when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    with partial.open("wb") as out:
        write(out)
    partial.rename(target)


def tgz(out: IO[bytes], folders: Iterable[str], files: Mapping[str, Path]) -> None:
    """An archive of programs. files: member -> what it holds."""
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=LEVEL) as archive:
        fill(archive, folders, files)


def fill(archive: tarfile.TarFile, folders: Iterable[str], files: Mapping[str, Path]) -> None:
    for folder in folders:
        info = tarfile.TarInfo(f"{folder}/")
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(info)
    for member, path in files.items():
        info = tarfile.TarInfo(member)
        info.size, info.mode = path.stat().st_size, 0o755
        with path.open("rb") as file:
            archive.addfile(info, file)
