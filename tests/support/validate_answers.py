"""What nodes of a healthy cluster answer when `validate` asks: node3 (control plane and worker) and node4.

Rows are tuples of fields; a test takes one away or puts another in its place.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubeup.model.cluster import Versions

Row = tuple[str, ...]
VERSION = f"v{Versions().kubernetes}"
FIRST, SECOND = "192.168.200.13", "192.168.200.14"
CONTROL_PLANE: tuple[Row, ...] = (
    ("own", "kube-apiserver", "Healthy", "ok"),
    ("own", "controller-manager", "Healthy", "ok"),
    ("own", "scheduler", "Healthy", "ok"),
    ("own", "etcd", "Healthy", '{"health":"true"}'),
    ("said", "controller-manager", "True", "ok"),
    ("said", "scheduler", "True", "ok"),
    ("said", "etcd-0", "True", "ok"),
    ("node", "node3", "True", VERSION, "containerd://2.1", FIRST, "kubelet is posting ready status"),
    ("node", "node4", "True", VERSION, "containerd://2.1", SECOND, "kubelet is posting ready status"),
    ("service", "default/kubernetes", "100.0.0.1", "443/TCP "),
)
PODS: tuple[Row, ...] = (
    ("service", "100.0.7.7", "30080"),
    ("pod", "node3", "172.16.0.9", "True"),
    ("pod", "node4", "172.16.1.9", "True"),
    ("exec", "node3", "ok", "node3"),
    ("logs", "node3", "ok", "Starting to serve"),
    ("exec", "node4", "ok", "node4"),
    ("logs", "node4", "ok", "Starting to serve"),
)
REACHED: tuple[Row, ...] = (
    ("pod", "node3", "ok"),
    ("pod", "node4", "ok"),
    ("clusterip", "-", "ok"),
    ("nodeport", FIRST, "ok"),
)


def changed(rows: Iterable[Row], *others: Row, without: Iterable[str] = ()) -> list[list[str]]:
    """Rows with others in the place of those with the same first two fields. without: first two fields, with a blank
    between, of rows that are left out."""
    gone = {*(row[:2] for row in others), *(tuple(text.split(" ", 1)) for text in without)}
    return [list(row) for row in (*(row for row in rows if row[:2] not in gone), *others)]


def text(rows: Iterable[Iterable[str]]) -> str:
    """As a script prints them."""
    return "".join("\t".join(row) + "\n" for row in rows)
