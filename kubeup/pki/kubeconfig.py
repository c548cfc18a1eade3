"""Kubeconfigs: those of components on nodes, and the operator's own file, merged into and given back."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from kubeup.model.errors import KubeupError

PREVIOUS = "kubeup-previous-context"


def render(*, cluster_name: str, server: str, ca_path: str, user: str, cert_path: str, key_path: str) -> bytes:
    """A component's kubeconfig on a node; it points at its files, so a renewed certificate needs no new one."""
    return f"""\
# Written by kubeup.
apiVersion: v1
kind: Config
clusters:
  - name: {cluster_name}
    cluster: {{certificate-authority: {ca_path}, server: "{server}"}}
users:
  - name: "{user}"
    user: {{client-certificate: {cert_path}, client-key: {key_path}}}
contexts:
  - name: {cluster_name}
    context: {{cluster: {cluster_name}, user: "{user}"}}
current-context: {cluster_name}
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
    """The first file of KUBECONFIG, else ~/.kube/config, as kubectl writes to."""
    first = environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else Path.home() / ".kube" / "config"


def has(path: Path, name: str, server: str) -> bool:
    """Whether kubeup's entry for the cluster is there and points at this server. Raises KubeupError where the file
    cannot be read."""
    document = _load(path)
    entry = _entry(document, "clusters", name)
    return bool(entry) and _is_ours(entry) and _server(entry) == server and bool(_entry(document, "users", name))


def merge(path: Path, name: str, access: Access) -> Merged:
    """Add or renew the cluster's entries, and make its context the current one. Raises KubeupError where a context
    of that name is somebody else's, or the file cannot be read."""
    path = path.resolve()
    document = _load(path)
    taken = _entry(document, "clusters", name) or _entry(document, "contexts", name)
    if taken and not _is_ours(_entry(document, "clusters", name)):
        raise KubeupError(
            f"{path} has a context or cluster {name} that kubeup did not write",
            fix=f"kubectl config rename-context {name} {name}-other; or give the cluster another name in the profile",
        )
    before = path.read_bytes() if path.exists() else None
    _put(document, name, access)
    content = _dump(document)
    if content == before:
        return Merged(path, None, changed=False)
    backup = _keep(path, name, before) if before is not None and not taken else None
    _write(path, content)
    return Merged(path, backup, changed=True)


def remove(path: Path, name: str) -> bool:
    """Take kubeup's entries away; True if there were any. A file that nobody else changed goes back byte for byte.

    Raises KubeupError where the file cannot be read.
    """
    path = path.resolve()
    document = _load(path)
    if not _is_ours(_entry(document, "clusters", name)):
        return False
    previous = _previous(document, name)
    for kind in ("clusters", "users", "contexts"):
        document[kind] = [entry for entry in document.get(kind) or [] if entry.get("name") != name]
    if document.get("current-context") == name:
        document["current-context"] = previous
    backup = _backup_path(path, name)
    if backup.exists() and _same(_parse(backup.read_bytes(), backup), document):
        backup.replace(path)
    elif not any(document.get(kind) for kind in ("clusters", "users", "contexts")):
        path.unlink()
    else:
        _write(path, _dump(document))
        backup.unlink(missing_ok=True)
    return True


def _put(document: Any, name: str, access: Access) -> None:
    previous = document.get("current-context") or ""
    if previous == name:
        previous = _previous(document, name)
    entries = {
        "clusters": {
            "name": name,
            "cluster": {
                "server": access.server,
                "certificate-authority-data": base64.b64encode(access.ca).decode(),
                "extensions": [{"name": "kubeup", "extension": {PREVIOUS: previous}}],
            },
        },
        "users": {
            "name": name,
            "user": {
                "client-certificate-data": base64.b64encode(access.cert).decode(),
                "client-key-data": base64.b64encode(access.key).decode(),
            },
        },
        "contexts": {"name": name, "context": {"cluster": name, "user": name}},
    }
    document.setdefault("apiVersion", "v1")
    document.setdefault("kind", "Config")
    for kind, entry in entries.items():
        others = [other for other in document.get(kind) or [] if other.get("name") != name]
        document[kind] = [*others, entry]
    document["current-context"] = name


def _entry(document: Any, kind: str, name: str) -> Any:
    return next((entry for entry in document.get(kind) or [] if entry.get("name") == name), None)


def _extension(entry: Any) -> Any:
    extensions = ((entry or {}).get("cluster") or {}).get("extensions") or []
    return next((extension for extension in extensions if extension.get("name") == "kubeup"), None)


def _is_ours(entry: Any) -> bool:
    return _extension(entry) is not None


def _server(entry: Any) -> str:
    return str((entry.get("cluster") or {}).get("server", ""))


def _previous(document: Any, name: str) -> str:
    extension = _extension(_entry(document, "clusters", name))
    return str(((extension or {}).get("extension") or {}).get(PREVIOUS, ""))


def _same(one: Any, other: Any) -> bool:
    """Equal but for empty lists that kubeup's taking away left."""
    keys = {key for document in (one, other) for key in document if document.get(key)}
    return all(one.get(key) == other.get(key) for key in keys)


def _load(path: Path) -> Any:
    return _parse(path.read_bytes(), path) if path.exists() else _parse(b"", path)


def _parse(content: bytes, path: Path) -> Any:
    try:
        document = YAML().load(content.decode() or "{}")
    except (YAMLError, UnicodeDecodeError) as error:
        raise KubeupError(
            f"the kubeconfig {path} cannot be read",
            evidence=str(error).split("\n")[:6],
            fix=f"mend it, or move it away: mv {path} {path}.broken",
        ) from error
    if not isinstance(document, dict):
        raise KubeupError(f"the kubeconfig {path} is no mapping", fix=f"mv {path} {path}.broken")
    return document


def _dump(document: Any) -> bytes:
    yaml = YAML()
    yaml.width = 1_000_000
    yaml.default_flow_style = False
    out = io.BytesIO()
    yaml.dump(document, out)
    return out.getvalue()


def _backup_path(path: Path, name: str) -> Path:
    return path.with_name(f"{path.name}.before-{name}")


def _keep(path: Path, name: str, content: bytes) -> Path:
    backup = _backup_path(path, name)
    _write(backup, content)
    return backup


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.kubeup-new")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
