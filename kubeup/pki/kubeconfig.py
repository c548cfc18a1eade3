"""Kubeconfigs: those of components on nodes, and the operator's own file, merged into and given back."""

from __future__ import annotations

import base64
import binascii
import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeup.model.errors import KubeupError, UsageError
from kubeup.model.resources import CertificateSpec
from kubeup.pki import issue, kubeconfig_file

PREVIOUS = "kubeup-previous-context"
CERTIFICATE, KEY = "client-certificate-data", "client-key-data"


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
class Access:
    """What the operator's kubeconfig needs. PEM bytes."""

    server: str
    ca: bytes
    cert: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"Access({self.server})"


@dataclass(frozen=True)
class Merged:
    """What became of the operator's file. backup: where the earlier one is kept, None if there was none."""

    path: Path
    backup: Path | None
    changed: bool


def default_path(environ: Mapping[str, str]) -> Path:
    """The first file that KUBECONFIG names, else ~/.kube/config.

    Empty pieces of it are no files, as kubectl has it: ``:/x`` is /x. Raises UsageError where it has no others.
    """
    value = environ.get("KUBECONFIG", "")
    first = next((piece for piece in value.split(os.pathsep) if piece), "")
    if value and not first:
        raise UsageError(f"KUBECONFIG={value} names no file", fix="unset KUBECONFIG")
    return Path(first) if first else Path.home() / ".kube" / "config"


def refusal(environ: Mapping[str, str], name: str) -> UsageError | None:
    """Why the cluster's entries cannot go into the operator's file, as far as can be known without writing to it."""
    try:
        path = kubeconfig_file.real(default_path(environ))
        _refuse_foreign(kubeconfig_file.load(path), path, name)
        why = kubeconfig_file.unwritable(path)
        if why:
            raise KubeupError(
                f"the kubeconfig {path} cannot be written",
                evidence=[why],
                fix="mend that; or use another file: export KUBECONFIG=~/.kube/kubeup",
            )
    except KubeupError as error:
        return UsageError(error.message, evidence=error.evidence, fix=error.fix)
    return None


def has(path: Path, name: str, server: str) -> bool:
    """Whether kubeup's entries for the cluster are there and point at this server. Raises KubeupError where the file
    cannot be read."""
    document = kubeconfig_file.load(path)
    cluster = kubeconfig_file.named(document, "clusters", name)
    return (
        _is_ours(cluster)
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
    trusted = _decoded(kubeconfig_file.named(document, "clusters", name), "certificate-authority-data")
    cert = _decoded(kubeconfig_file.named(document, "users", name), CERTIFICATE)
    return trusted == ca and not issue.satisfied(admin, cert, ca, now)


def merge(path: Path, name: str, access: Access) -> Merged:
    """Add or renew the cluster's entries, and make its context the current one. Raises KubeupError where an entry
    of that name is somebody else's, or the file cannot be read or written."""
    path = kubeconfig_file.real(path)
    before = kubeconfig_file.read(path)
    document = kubeconfig_file.parse(before or b"", path)
    _refuse_foreign(document, path, name)
    renewed = kubeconfig_file.named(document, "clusters", name) is not None
    _put(document, name, access)
    content = kubeconfig_file.dump(document)
    if content == before:
        return Merged(path, None, changed=False)
    backup = None
    if before is not None and not renewed:
        backup = _backup_path(path, name)
        kubeconfig_file.write(backup, before)
    kubeconfig_file.write(path, content)
    return Merged(path, backup, changed=True)


def remove(path: Path, name: str) -> bool:
    """Take kubeup's entries away; True if there were any. A file that nobody else changed goes back byte for byte.

    Entries of the cluster's name that somebody else made or changed stay. Raises KubeupError where the file cannot be
    read or written.
    """
    path = kubeconfig_file.real(path)
    document = kubeconfig_file.load(path)
    cluster = kubeconfig_file.named(document, "clusters", name)
    if not _is_ours(cluster):
        return False
    foreign = _foreign(document, name)
    for kind in kubeconfig_file.KINDS:
        if kind not in foreign:
            kubeconfig_file.take(document, kind, name)
    if document.get("current-context") == name:
        document["current-context"] = kubeconfig_file.word(_previous(cluster))
    _give_back(path, name, document)
    return True


def _give_back(path: Path, name: str, document: Any) -> None:
    backup = _backup_path(path, name)
    earlier = kubeconfig_file.read(backup)
    try:
        if earlier is not None and _same(kubeconfig_file.parse(earlier, backup), document):
            backup.replace(path)
        elif not any(document.get(kind) for kind in kubeconfig_file.KINDS):
            path.unlink()
        else:
            kubeconfig_file.write(path, kubeconfig_file.dump(document))
            backup.unlink(missing_ok=True)
    except OSError as error:
        raise KubeupError(
            f"the context {name} could not be taken out of {path}",
            evidence=[str(error)],
            fix=f"mend that; then: kubectl config delete-context {name}",
        ) from error


def _refuse_foreign(document: Any, path: Path, name: str) -> None:
    foreign = _foreign(document, name)
    if not foreign:
        return
    what = " and ".join(kubeconfig_file.KINDS[kind] for kind in foreign)
    fixes = ["give the cluster another name in the profile (name: ...)", "export KUBECONFIG=~/.kube/kubeup"]
    if foreign == ("contexts",):
        fixes.insert(0, f"kubectl config rename-context {name} {name}-other")
    raise KubeupError(f"{path} has a {what} {name} that kubeup did not write", fix="; or ".join(fixes))


def _foreign(document: Any, name: str) -> tuple[str, ...]:
    """The kinds of entries of the cluster's name that kubeup did not write, or that were changed to be another's."""
    cluster = kubeconfig_file.named(document, "clusters", name)
    user = kubeconfig_file.named(document, "users", name)
    context = kubeconfig_file.named(document, "contexts", name)
    ours = _is_ours(cluster)
    found = {
        "clusters": cluster is not None and not ours,
        # kubeup marks the cluster alone; the other two are known by what they hold.
        "users": user is not None and not (ours and set(user) <= {CERTIFICATE, KEY}),
        "contexts": context is not None
        and not (ours and context.get("cluster", name) == name and context.get("user", name) == name),
    }
    return tuple(kind for kind, foreign in found.items() if foreign)


def _put(document: Any, name: str, access: Access) -> None:
    previous = document.get("current-context") or ""
    if previous == name:
        previous = _previous(kubeconfig_file.named(document, "clusters", name))
    document.setdefault("apiVersion", "v1")
    document.setdefault("kind", "Config")
    kubeconfig_file.put(
        document,
        "clusters",
        name,
        {
            "server": access.server,
            "certificate-authority-data": base64.b64encode(access.ca).decode(),
            "extensions": [{"name": "kubeup", "extension": {PREVIOUS: kubeconfig_file.word(previous)}}],
        },
    )
    kubeconfig_file.put(
        document,
        "users",
        name,
        {CERTIFICATE: base64.b64encode(access.cert).decode(), KEY: base64.b64encode(access.key).decode()},
    )
    # The operator's namespace stays, where one was chosen for the context.
    context = kubeconfig_file.named(document, "contexts", name) or {}
    word = kubeconfig_file.word(name)
    kubeconfig_file.put(document, "contexts", name, {**context, "cluster": word, "user": word})
    document["current-context"] = word


def _extension(cluster: Any) -> Any:
    extensions = (cluster or {}).get("extensions") or []
    return next((one for one in extensions if isinstance(one, dict) and one.get("name") == "kubeup"), None)


def _is_ours(cluster: Any) -> bool:
    return _extension(cluster) is not None


def _previous(cluster: Any) -> str:
    return str(((_extension(cluster) or {}).get("extension") or {}).get(PREVIOUS, ""))


def _decoded(entry: Any, key: str) -> bytes:
    try:
        return base64.b64decode(str((entry or {}).get(key, "")))
    except binascii.Error:
        return b""


def _same(one: Any, other: Any) -> bool:
    """Equal but for empty lists that kubeup's taking away left."""
    keys = {key for document in (one, other) for key in document if document.get(key)}
    return all(one.get(key) == other.get(key) for key in keys)


def _backup_path(path: Path, name: str) -> Path:
    return path.with_name(f"{path.name}.before-{name}")
