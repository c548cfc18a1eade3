"""A cluster's entries in the operator's kubeconfig: which are kubeup's, which are somebody else's, what they hold."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeup.model.errors import KubeupError
from kubeup.pki import kubeconfig_file

PREVIOUS, BACKUP = "kubeup-previous-context", "kubeup-backup"
UNSAID = {"apiVersion": "v1", "kind": "Config"}
CERTIFICATE, KEY = "client-certificate-data", "client-key-data"


@dataclass(frozen=True)
class Access:
    """What the operator's kubeconfig needs. PEM bytes."""

    server: str
    ca: bytes
    cert: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"Access({self.server})"


def is_ours(document: Any, name: str) -> bool:
    """kubeup marks the cluster's entry alone."""
    return _extension(kubeconfig_file.named(document, "clusters", name)) is not None


def refuse_foreign(document: Any, path: Path, name: str) -> None:
    """Raises KubeupError where an entry of the cluster's name is not kubeup's."""
    found = foreign(document, name)
    if not found:
        return
    what = " and ".join(kubeconfig_file.KINDS[kind] for kind in found)
    fixes = ["give the cluster another name in the profile (name: ...)", "export KUBECONFIG=~/.kube/kubeup"]
    if found == ("contexts",):
        fixes.insert(0, f"kubectl config rename-context {name} {name}-other")
    raise KubeupError(f"{path} has a {what} {name} that kubeup did not write", fix="; or ".join(fixes))


def foreign(document: Any, name: str) -> tuple[str, ...]:
    """The kinds of entries of the cluster's name that kubeup did not write, or that were changed to be another's."""
    cluster = kubeconfig_file.named(document, "clusters", name)
    user = kubeconfig_file.named(document, "users", name)
    context = kubeconfig_file.named(document, "contexts", name)
    ours = is_ours(document, name)
    found = {
        "clusters": cluster is not None and not ours,
        # They are known by what they hold.
        "users": user is not None and not (ours and set(user) <= {CERTIFICATE, KEY}),
        "contexts": context is not None
        and not (ours and context.get("cluster", name) == name and context.get("user", name) == name),
    }
    return tuple(kind for kind, is_foreign in found.items() if is_foreign)


def put(document: Any, name: str, access: Access, backup: str) -> bool:
    """Make the entries what they should be, and the context the current one; whether that changed anything.

    backup: the name of the file that has what was there before kubeup came, where it is not the usual one.
    """
    wanted = _wanted(document, name, access, backup)
    word = kubeconfig_file.word(name)
    holds = all(kubeconfig_file.named(document, kind, name) == entry for kind, entry in wanted.items())
    if holds and document.get("current-context") == name:
        return False
    for key, value in UNSAID.items():
        document.setdefault(key, value)
    for kind, entry in wanted.items():
        if kubeconfig_file.named(document, kind, name) != entry:
            kubeconfig_file.put(document, kind, name, entry)
    document["current-context"] = word
    return True


def _wanted(document: Any, name: str, access: Access, backup: str) -> Mapping[str, Any]:
    """By kind."""
    before = document.get("current-context") or ""
    if before == name and is_ours(document, name):
        before = previous(document, name)
    notes = {PREVIOUS: kubeconfig_file.word(before), **({BACKUP: backup} if backup else {})}
    word = kubeconfig_file.word(name)
    # The operator's namespace stays, where one was chosen for the context.
    context = kubeconfig_file.named(document, "contexts", name) or {}
    return {
        "clusters": {
            "server": access.server,
            "certificate-authority-data": base64.b64encode(access.ca).decode(),
            "extensions": [{"name": "kubeup", "extension": notes}],
        },
        "users": {
            CERTIFICATE: base64.b64encode(access.cert).decode(),
            KEY: base64.b64encode(access.key).decode(),
        },
        "contexts": {**context, "cluster": word, "user": word},
    }


def take(document: Any, name: str) -> None:
    """kubeup's go, and the context from before is the current one; what somebody else made of them stays."""
    before = previous(document, name)
    theirs = foreign(document, name)
    for kind in kubeconfig_file.KINDS:
        if kind not in theirs:
            kubeconfig_file.take(document, kind, name)
    if document.get("current-context") == name:
        document["current-context"] = kubeconfig_file.word(before)


def previous(document: Any, name: str) -> str:
    """The context that was current before the cluster's; empty where none was."""
    return _note(document, name, PREVIOUS)


def backup(document: Any, name: str) -> str:
    """The name of the file with what was there before, beside this one; empty where it has the usual one."""
    return _note(document, name, BACKUP)


def decoded(document: Any, kind: str, name: str, key: str) -> bytes:
    entry = kubeconfig_file.named(document, kind, name)
    try:
        return base64.b64decode(str((entry or {}).get(key, "")))
    except binascii.Error:
        return b""


def _note(document: Any, name: str, key: str) -> str:
    found = (_extension(kubeconfig_file.named(document, "clusters", name)) or {}).get("extension")
    return str(found.get(key, "")) if isinstance(found, dict) else ""


def _extension(cluster: Any) -> Any:
    extensions = (cluster or {}).get("extensions") or []
    return next((one for one in extensions if isinstance(one, dict) and one.get("name") == "kubeup"), None)
