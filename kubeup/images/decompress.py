"""Archives as people have them: packed, or out of a pipe. What can be read as it lies is not copied."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from kubeup.model.errors import ImageError

ZSTD = b"\x28\xb5\x2f\xfd"
CHUNK = 1 << 20


@contextmanager
def to_plain_tar(source: Path | IO[bytes], folder: Path) -> Iterator[Path]:
    """The uncompressed archive of a file or a pipe. folder: where what must be copied lies meanwhile.

    Raises ImageError.
    """
    title = str(source) if isinstance(source, Path) else "what came on standard input"
    with ExitStack() as stack:
        try:
            path = source if isinstance(source, Path) else _copied(source, _spool(folder, stack))
            with path.open("rb") as file:
                head = file.read(6)
            if head.startswith(ZSTD):
                raise ImageError(f"{title} is packed with zstd", fix=_zstd(source))
            packed = _unpacking(path, head)
            if packed is not None:
                with packed:
                    path = _copied(packed, _spool(folder, stack))
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise ImageError(f"{title} cannot be read", evidence=[str(error)]) from error
        yield path


def _unpacking(path: Path, head: bytes) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile | None:
    """What a packed file holds, as it is read; None for one that is not packed."""
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(path, "rb")
    if head.startswith(b"BZh"):
        return bz2.BZ2File(path, "rb")
    return lzma.LZMAFile(path, "rb") if head.startswith(b"\xfd7zXZ") else None


def _zstd(source: Path | IO[bytes]) -> str:
    if isinstance(source, Path):
        return f"zstd -dc {source} | kubeup images push -"
    return "put `zstd -dc |` before it"


def _spool(folder: Path, stack: ExitStack) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="images-", dir=folder))) / "plain.tar"


def _copied(source: IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile, target: Path) -> Path:
    with target.open("wb") as out:
        shutil.copyfileobj(source, out, CHUNK)
    return target
