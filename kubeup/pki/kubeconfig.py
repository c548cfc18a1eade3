"""Kubeconfigs: those of components on nodes, and the operator's own file, merged into and given back."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeup.model.errors import KubeupError, UsageError
from kubeup.model.resources import CertificateSpec
from kubeup.pki import issue, kubeconfig_entries, kubeconfig_file
from kubeup.pki.kubeconfig_entries import Access

__all__ = ["Access", "Merged", "default_path", "has", "is_current", "merge", "refusal", "remove", "render"]


def render(*, cluster_name: str, server: str, ca_path: str, user: str, cert_path: str, key_path: str) -> bytes:
    """A component's kubeconfig on a node; it points at its files, so a renewed certificate needs no new one."""
    return f"""\
# Written by kubeup.
apiVersion: v1
kind: Config
clusters:
  - name: "{cluster_name}"
    cluster: {{certificate-authority: {ca_path}, server: "{server}"}}
users:
  - name: "{user}"
    user: {{client-certificate: {cert_path}, client-key: {key_path}}}
contexts:
  - name: "{cluster_name}"
    context: {{cluster: "{cluster_name}", user: "{user}"}}
current-context: "{cluster_name}"
""".encode()


@dataclass(frozen=True)
class Merged:
    """What became of the operator's file. backup: where the earlier one is kept, None if there was none."""

    path: Path
    backup: Path | None
    changed: bool


def paths(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """All files that kubectl reads: those of KUBECONFIG, else ~/.kube/config.

    Empty pieces of it are no files, as kubectl has it: ``:/x`` is /x. Raises UsageError where it has no others.
    """
    value = environ.get("KUBECONFIG", "")
    found = tuple(Path(piece) for piece in value.split(os.pathsep) if piece)
    if value and not found:
        raise UsageError(f"KUBECONFIG={value} names no file", fix="unset KUBECONFIG")
    return found or (Path.home() / ".kube" / "config",)


def default_path(environ: Mapping[str, str], name: str = "") -> Path:
    """Where a cluster's entries are, else where new ones go: the first file that is there, else the first of all.

    What kubectl reads first wins, so none before it may have a current context. Raises UsageError as ``paths`` does,
    KubeupError where a file cannot be read.
    """
    every = paths(environ)
    if name and len(every) > 1:
        for path in every:
            if kubeconfig_entries.is_ours(kubeconfig_file.load(path), name):
                return path
    return next((path for path in every if os.path.exists(path)), every[0])


def refusal(environ: Mapping[str, str], name: str) -> UsageError | None:
    """Why the cluster's entries cannot go into the operator's file, as far as can be known without writing to it."""
    try:
        for path in paths(environ):
            kubeconfig_entries.refuse_foreign(kubeconfig_file.load(path), path, name)
        path = default_path(environ, name)
        document = kubeconfig_file.load(path)
        kubeconfig_entries.put(document, name, Access("", b"", b"", b""), "")
        kubeconfig_file.dump(document, path)
        kubeconfig_file.refuse_locked(path)
        why = kubeconfig_file.unwritable(path)
        if why:
            raise KubeupError(
                f"the kubeconfig {path} cannot be written",
                evidence=[why],
                fix="mend that; or use another file: export KUBECONFIG=~/.kube/kubeup",
            )
    except KubeupError as error:
        refused = UsageError(error.message, evidence=error.evidence, fix=error.fix)
        refused.__cause__ = error
        return refused
    return None


def has(path: Path, name: str, server: str) -> bool:
    """Whether kubeup's entries for the cluster are there and point at this server. Raises KubeupError where the file
    cannot be read."""
    document = kubeconfig_file.load(path)
    cluster = kubeconfig_file.named(document, "clusters", name)
    return (
        kubeconfig_entries.is_ours(document, name)
        and cluster.get("server") == server
        and bool(kubeconfig_file.named(document, "users", name))
        and kubeconfig_file.named(document, "contexts", name) is not None
    )


def is_current(path: Path, name: str, server: str, ca: bytes, admin: CertificateSpec, now: datetime.datetime) -> bool:
    """Whether kubectl gets in by what is there, and will for a while: ``has``, with the cluster's authority and a
    certificate that it signed and that need not be renewed yet. ca: PEM. Raises KubeupError as ``has`` does."""
    if not has(path, name, server):
        return False
    document = kubeconfig_file.load(path)
    trusted = kubeconfig_entries.decoded(document, "clusters", name, "certificate-authority-data")
    cert = kubeconfig_entries.decoded(document, "users", name, kubeconfig_entries.CERTIFICATE)
    return trusted == ca and not issue.satisfied(admin, cert, ca, now)


def merge(path: Path, name: str, access: Access) -> Merged:
    """Add or renew the cluster's entries, and make its context the current one; nothing is written where all of that is
    so. Raises KubeupError where an entry of that name is somebody else's, or the file cannot be read or written,
    FileLocked while kubectl writes it."""
    with kubeconfig_file.locked(path):
        before = kubeconfig_file.read(path)
        document = kubeconfig_file.parse(before or b"", path)
        kubeconfig_entries.refuse_foreign(document, path, name)
        is_new = before is not None and not kubeconfig_entries.is_ours(document, name)
        usual, backup = _backup_name(path, name), kubeconfig_entries.backup(document, name)
        if is_new:
            backup = kubeconfig_file.unused_name(path, usual)
        if not kubeconfig_entries.put(document, name, access, backup if backup != usual else ""):
            return Merged(kubeconfig_file.real(path), None, changed=False)
        content = kubeconfig_file.dump(document, path)
        kept = path.with_name(backup) if is_new else None
        if kept and before is not None:
            kubeconfig_file.write(kept, before, like=path)
        kubeconfig_file.write(path, content, like=path)
        return Merged(kubeconfig_file.real(path), kept, changed=True)


def remove(path: Path, name: str) -> bool:
    """Take kubeup's entries away; True if there were any. A file that nobody else changed goes back byte for byte.

    Entries of the cluster's name that somebody else made or changed stay. Raises KubeupError where the file cannot be
    read or written, FileLocked while kubectl writes it.
    """
    if not kubeconfig_entries.is_ours(kubeconfig_file.load(path), name):
        return False
    with kubeconfig_file.locked(path):
        document = kubeconfig_file.load(path)
        backup = path.with_name(kubeconfig_entries.backup(document, name) or _backup_name(path, name))
        kubeconfig_entries.take(document, name)
        _give_back(path, name, document, backup)
    return True


def _backup_name(path: Path, name: str) -> str:
    """Of the file beside it that has what was there before kubeup came, unless somebody has one of that name."""
    return f"{path.name}.before-{name}"


def _give_back(path: Path, name: str, document: Any, backup: Path) -> None:
    earlier = kubeconfig_file.read(backup)
    before = None if earlier is None else kubeconfig_file.parse(earlier, backup)
    try:
        if before is not None and _same(before, document):
            kubeconfig_file.write(path, earlier or b"", like=path)
        elif before is None and _is_empty(document):
            kubeconfig_file.real(path).unlink()
        else:
            kubeconfig_file.write(path, kubeconfig_file.dump(document, path), like=path)
        # What it alone still has is somebody's.
        if before is not None and _is_in(before, document):
            backup.unlink(missing_ok=True)
    except OSError as error:
        raise KubeupError(
            f"the context {name} could not be taken out of {path}",
            evidence=[str(error)],
            fix=f"mend that; then: kubectl config delete-context {name}",
        ) from error


def _same(before: Any, document: Any) -> bool:
    """Equal but for empty lists that kubeup's taking away left, and what it says where nobody did."""
    before = {**kubeconfig_entries.UNSAID, **before}
    keys = {key for one in (before, document) for key in one if one.get(key)}
    return all(before.get(key) == document.get(key) for key in keys)


def _is_empty(document: Any) -> bool:
    """Of what a person would miss."""
    return not any(value for key, value in document.items() if key not in ("apiVersion", "kind"))


def _is_in(one: Any, other: Any) -> bool:
    """Whether each entry of one, whatever it holds by now, is in the other as well."""
    return all(
        kubeconfig_file.named(other, kind, entry.get("name")) is not None
        for kind in kubeconfig_file.KINDS
        for entry in one.get(kind) or []
    )
