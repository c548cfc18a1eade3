"""The objects of addons as files on control-plane nodes: labelled with whose they are, and listed in one inventory.

The inventory is a ConfigMap, so that what the cluster holds of kubeup's is known to whoever comes next: an object that
it lists and that no addon wants any more is taken away, and nothing else is.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from kubeup.model.errors import KubeupError
from kubeup.model.resources import File, sha256

FOLDER = "/etc/kubeup/addons"
INVENTORY = "/etc/kubeup/addons.yaml"
LABEL = "kubeup.io/addon"
NAME, NAMESPACE = "kubeup-addons", "kube-system"
POD_MAKERS = ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet")


@dataclass(frozen=True, order=True)
class Reference:
    """Which object. namespace: empty for one of the whole cluster."""

    addon: str
    api: str
    kind: str
    namespace: str
    name: str

    @property
    def line(self) -> str:
        return "\t".join((self.addon, self.api, self.kind, self.namespace or "-", self.name))


def path_of(addon: str) -> str:
    return f"{FOLDER}/{addon}.yaml"


def labelled(text: str, addon: str, where: str = "") -> str:
    """The same objects, each with a label that says whose it is, and so their pods. where: the file, for errors."""
    out = io.StringIO()
    yaml = _yaml()
    for number, document in enumerate(_documents(text, where or f"templates/addons/{addon}.yaml")):
        _label(document, addon)
        if str(document.get("kind")) in POD_MAKERS:
            _label(_inner(document, "spec", "template"), addon)
        if number:
            out.write("---\n")
        yaml.dump(document, out)
    return out.getvalue()


def joined(texts: Iterable[str], addon: str) -> str:
    """Several files as one: what others live in, or are of, first."""
    found = [document for text in texts for document in _documents(text, path_of(addon))]
    out = io.StringIO()
    _yaml().dump_all(sorted(found, key=lambda one: _rank(str(one.get("kind")))), out)
    return out.getvalue()


def _rank(kind: str) -> int:
    first = ("Namespace", "CustomResourceDefinition")
    return first.index(kind) if kind in first else len(first)


def references(text: str, addon: str) -> Iterator[Reference]:
    for document in _documents(text, path_of(addon)):
        meta = _inner(document, "metadata")
        yield Reference(
            addon,
            str(document["apiVersion"]),
            str(document["kind"]),
            str(meta.get("namespace") or ""),
            str(meta["name"]),
        )


def inventory(files: Mapping[str, File], versions: Mapping[str, str]) -> bytes:
    """The ConfigMap. files: addon -> its file. versions: of the programs behind them."""
    lines = sorted(
        one.line for addon, file in files.items() for one in references((file.content or b"").decode(), addon)
    )
    revision = sha256("".join(f"{name} {file.wanted_digest}\n" for name, file in sorted(files.items())).encode())[:16]
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {LABEL: "inventory"}},
        "data": {
            "objects": "".join(f"{line}\n" for line in lines),
            "revision": revision,
            "versions": "".join(f"{name} {versions.get(name, '-')}\n" for name in sorted(files)),
        },
    }
    out = io.StringIO()
    out.write("# Written by kubeup: what its addons consist of.\n")
    out.write(f"# revision {revision}\n")
    _yaml().dump(document, out)
    return out.getvalue().encode()


def _documents(text: str, where: str) -> Iterator[MutableMapping[str, object]]:
    """Every object; those of a List one by one."""
    try:
        for document in _yaml().load_all(text):
            if document is None:
                continue
            items = document.get("items") if isinstance(document, Mapping) and document.get("kind") == "List" else None
            for one in items if isinstance(items, list) else [document]:
                yield _checked(one, where)
    except YAMLError as error:
        raise KubeupError(f"{where} is not YAML", evidence=str(error).split("\n")[-4:], fix="mend the file") from error


def _checked(document: object, where: str) -> MutableMapping[str, object]:
    meta = document.get("metadata") if isinstance(document, MutableMapping) else None
    if (
        not isinstance(document, MutableMapping)
        or not document.get("apiVersion")
        or not document.get("kind")
        or not isinstance(meta, MutableMapping)
        or not meta.get("name")
    ):
        raise KubeupError(
            f"{where} holds something that is no object of Kubernetes",
            evidence=[str(document)[:120]],
            fix="give every document apiVersion, kind and metadata.name",
        )
    return document


def _inner(document: MutableMapping[str, object], *keys: str) -> MutableMapping[str, object]:
    """A mapping inside, made where it is missing."""
    for key in keys:
        inner = document.get(key)
        if not isinstance(inner, MutableMapping):
            inner = {}
            document[key] = inner
        document = inner
    return document


def _label(document: MutableMapping[str, object], addon: str) -> None:
    labels = _inner(document, "metadata", "labels")
    labels[LABEL] = addon
    labels.setdefault("app.kubernetes.io/managed-by", "kubeup")


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 10_000
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
