"""The operator's cache: release/NAME/VERSION/ARCH/NAME, and beside it a line that says what it is.

A binary put there by hand is taken, and from then on has to stay what it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from kubeup.errors import ReleaseError
from kubeup.release.model import Artifact, Wanted

BY_HAND = "put there by hand"


def path_of(root: Path, wanted: Wanted) -> Path:
    name = wanted.name.replace(":", "_")
    return root / "release" / name / wanted.version / wanted.arch / name


def find(root: Path, wanted: Wanted) -> Artifact | None:
    """What the cache has. The file is hashed only when size or time moved since it last was."""
    path = path_of(root, wanted)
    if not path.is_file():
        return None
    stat = path.stat()
    known = _known(path)
    if known and (known["size"], known["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns):
        return Artifact(wanted, str(known["sha256"]), stat.st_size, path, str(known["source"]))
    digest = hash_of(path)
    if known and known["sha256"] != digest:
        raise ReleaseError(
            f"{wanted.title} in the cache is not what it was",
            evidence=[f"{path}", f"sha256 now:  {digest}", f"sha256 then: {known['sha256']}"],
            fix=f"rm {path} {_sidecar(path)}",
        )
    return note(path, wanted, digest, str(known["source"]) if known else BY_HAND)


def note(path: Path, wanted: Wanted, digest: str, source: str) -> Artifact:
    """Write down what a file of the cache is."""
    stat = path.stat()
    values = {"sha256": digest, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "source": source}
    partial = _sidecar(path).with_suffix(f".new{os.getpid()}")
    partial.write_text(json.dumps(values) + "\n")
    partial.rename(_sidecar(path))
    return Artifact(wanted, digest, stat.st_size, path, source)


def take_in(root: Path, wanted: Wanted, file: Path, source: str) -> Artifact:
    """Move a finished file into the cache."""
    path = path_of(root, wanted)
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hash_of(file)
    file.chmod(0o755)
    file.rename(path)
    return note(path, wanted, digest, source)


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _slowly(path)


def _slowly(path: Path) -> str:
    """Python 3.10 has no hashlib.file_digest."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _known(path: Path) -> dict[str, object]:
    try:
        values = json.loads(_sidecar(path).read_text())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) and {"sha256", "size", "mtime_ns", "source"} <= set(values) else {}
