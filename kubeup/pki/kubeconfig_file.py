"""A kubeconfig as a file with entries: read with its comments, searched, written so that it is never half there."""

from __future__ import annotations

import io
import itertools
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from kubeup.model.errors import KubeupError

UNREADABLE = (YAMLError, ValueError, TypeError, AttributeError, LookupError, RuntimeError, AssertionError)
"""What the reader raises where there is no YAML, or such as it stumbles over: `{!!clusters: []}`, ten thousand `[`."""
KINDS = {"clusters": "cluster", "users": "user", "contexts": "context"}
"""Lists of a kubeconfig, and the key of an entry that holds what is named."""


def real(path: Path) -> Path:
    """Where links lead, so that writing replaces the file and not the link."""
    return Path(os.path.realpath(path))


def load(path: Path) -> Any:
    """The file as a document; an empty one where there is none. Raises KubeupError where it is no kubeconfig."""
    content = read(path)
    return parse(content or b"", path)


def read(path: Path) -> bytes | None:
    """None where there is none. Raises KubeupError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KubeupError(
            f"the kubeconfig {path} cannot be read",
            evidence=[error.strerror or str(error)],
            fix="mend that; or use another file: export KUBECONFIG=~/.kube/kubeup",
        ) from error


def parse(content: bytes, path: Path) -> Any:
    """path: for errors. Raises KubeupError."""
    try:
        yaml = YAML()
        yaml.preserve_quotes = True
        document = yaml.load(content.decode() or "{}")
    except UNREADABLE as error:
        raise KubeupError(
            f"the kubeconfig {path} cannot be read",
            evidence=str(error).split("\n")[:6],
            fix=f"mend it, or move it away: mv {path} {path}.broken",
        ) from error
    document = {} if document is None else document
    if not isinstance(document, dict):
        raise KubeupError(f"the kubeconfig {path} is no mapping", fix=f"mv {path} {path}.broken")
    wrong = list(_misshapen(document))
    if wrong:
        raise KubeupError(
            f"the kubeconfig {path} is not as kubectl writes one", evidence=wrong, fix=f"mv {path} {path}.broken"
        )
    return document


def _misshapen(document: Any) -> Iterator[str]:
    for kind, inner in KINDS.items():
        entries = document.get(kind) or []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            yield f"{kind}: is no list of mappings"
        elif not all(isinstance(entry.get(inner) or {}, dict) for entry in entries):
            yield f"{kind}: has an entry whose {inner}: is no mapping"


def named(document: Any, kind: str, name: str) -> Any:
    """What the entry of a name holds, {} where it holds nothing; None where there is no such entry."""
    for entry in document.get(kind) or []:
        if entry.get("name") == name:
            return entry.get(KINDS[kind]) or {}
    return None


def word(name: str) -> str:
    """A name as kubectl reads it as one, too: for it, who reads YAML 1.1, `yes` and 2024 are words only in quotes."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    try:
        with warnings.catch_warnings():
            # 1e3 is a number for some readers and a word for others; that is told nobody.
            warnings.simplefilter("ignore")
            plain = isinstance(yaml.load(name or "none"), str) and name not in ("y", "n")
    except YAMLError:
        plain = False
    return name if plain else DoubleQuotedScalarString(name)


def put(document: Any, kind: str, name: str, value: Any) -> None:
    """In the place of the entry of that name, else behind the others."""
    entries = _list(document, kind)
    there = [index for index, entry in enumerate(entries) if entry.get("name") == name]
    take(document, kind, name)
    entries.insert(there[0] if there else len(entries), {"name": word(name), KINDS[kind]: value})


def take(document: Any, kind: str, name: str) -> None:
    entries = _list(document, kind)
    for index in range(len(entries) - 1, -1, -1):
        if entries[index].get("name") == name:
            del entries[index]


def _list(document: Any, kind: str) -> Any:
    """The entries as they stand in the document: comments between them belong to their list."""
    entries = document.get(kind)
    # Two lists may be one, by an alias.
    if not isinstance(entries, list) or any(document.get(other) is entries for other in KINDS if other != kind):
        entries = document[kind] = list(entries or ())
    return entries


def dump(document: Any, path: Path) -> bytes:
    """The document as text that holds the very same. path: for errors. Raises KubeupError where YAML has ways of
    writing in it that cannot be written again."""
    yaml = YAML()
    yaml.width = 1_000_000
    yaml.default_flow_style = False
    out = io.BytesIO()
    try:
        yaml.dump(document, out)
        same = parse(out.getvalue(), path) == document
    except (*UNREADABLE, KubeupError):
        same = False
    if not same:
        raise KubeupError(
            f"{path} is written in a way that kubeup cannot write again without loss",
            fix=f"let kubectl write it anew: kubectl config view --raw >{path}.new && mv {path}.new {path}",
        )
    return out.getvalue()


class FileLocked(KubeupError):
    """kubectl, or a kubeup, writes the file at this moment; or one that did ended too early to say that it is done."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """No kubectl writes the file meanwhile: the lock beside it is kubectl's own way. Raises FileLocked, KubeupError.

    https://github.com/kubernetes/client-go/blob/master/tools/clientcmd/config.go (lockFile)
    """
    lock = _lock(path)
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0))
    except FileExistsError as error:
        if lock.parent.is_dir():
            raise _held(path) from error
        raise _not_written(path, error) from error
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def refuse_locked(path: Path) -> None:
    """Raises FileLocked while it is."""
    if os.path.lexists(_lock(path)):
        raise _held(path)


def _lock(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _held(path: Path) -> FileLocked:
    return FileLocked(
        f"the kubeconfig {path} is being written by another program",
        evidence=[f"{_lock(path)} is there"],
        fix=f"run the same command again; where no kubectl runs, it was left behind: rm -f {_lock(path)}",
    )


def unused_name(path: Path, plain: str) -> str:
    """A name, or it with a number, that no file beside this one has."""
    names = itertools.chain([plain], (f"{plain}.{number}" for number in itertools.count(2)))
    return next(name for name in names if not os.path.lexists(path.with_name(name)))


def write(path: Path, content: bytes, like: Path) -> None:
    """As a whole or not at all, where links lead; for its owner alone, or whom the file ``like`` is for, but never for
    everybody: keys are in it. Raises KubeupError."""
    path = real(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.kubeup-new")
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            _as(file.fileno(), like)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise _not_written(path, error) from error


def _as(descriptor: int, like: Path) -> None:
    """Mode and owner of a file that is there."""
    try:
        found = like.stat()
    except FileNotFoundError:
        return
    mode = found.st_mode & 0o777
    os.fchmod(descriptor, mode if not mode & 0o007 else 0o600)
    if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
        # Root may write somebody else's (sudo); who else it is, owns it already.
        with suppress(PermissionError):
            os.fchown(descriptor, found.st_uid, found.st_gid)


def _not_written(path: Path, error: OSError) -> KubeupError:
    return KubeupError(
        f"the kubeconfig {path} cannot be written",
        evidence=[str(error)],
        fix="mend that, and run the same command again",
    )


def unwritable(path: Path) -> str:
    """Why a file could not be put there, in words; empty where it could. Writes nothing."""
    # The lock is beside the name that kubectl knows, the file where a link leads.
    for one in (path, real(path)):
        folder = next(folder for folder in one.absolute().parents if os.path.exists(folder))
        if not folder.is_dir():
            return f"{folder} is no folder"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder} is a folder that you may not write to"
    return ""
