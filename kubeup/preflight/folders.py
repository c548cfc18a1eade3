"""Folders that kubeup's programs want for themselves, and that ``down`` empties."""

from __future__ import annotations

from collections.abc import Iterator

from kubeup.components.base import FOLDERS
from kubeup.components.containerd import ROOT
from kubeup.components.etcd import DATA
from kubeup.model.cluster import Runtime
from kubeup.preflight.problem import PreflightProblem, Subject

SHOWN = 5


def in_use(s: Subject) -> Iterator[PreflightProblem]:
    """What somebody else left there. A disk mounted there, or a link to where there is room, is as good as a folder."""
    for path, whose in _wanted(s).items():
        fact, inside = s.facts.file(path), s.facts.inside.get(path, ())
        if fact.exists and not fact.is_folder:
            what = f"a link to {fact.target}, where no folder is" if fact.kind == "link" else "no folder"
            yield s.problem("folder-in-use", f"{path}, which {whose} needs, is {what}", f"on the node: rm {path}")
        # etcd's is known by what it is: see data_folders.
        elif inside and not (path == DATA and s.facts.kept_data):
            more = (f"... and {len(inside) - SHOWN} more",) if len(inside) > SHOWN else ()
            yield s.problem(
                "folder-in-use",
                f"{path}, which {whose} needs for itself, is not empty, and what is in it is not kubeup's",
                f"on the node: mv {path} {path}.old (where a disk is mounted there: what is in it)",
                (*inside[:SHOWN], *more),
            )


def snapshots(s: Subject) -> Iterator[PreflightProblem]:
    """containerd leaves the part for ZFS out where none is mounted, and then answers no kubelet:
    https://github.com/containerd/zfs#usage
    """
    if s.cluster.snapshotter == "zfs" and s.cluster.runtime is Runtime.CONTAINERD and s.node.is_worker:
        path = f"{ROOT}/io.containerd.snapshotter.v1.zfs"
        if not s.facts.zfs_snapshots:
            yield s.problem(
                "no-zfs",
                f"no dataset of ZFS is mounted at {path}, where containerd_snapshotter: zfs has images",
                f"on the node: zfs create -o mountpoint={path} POOL/containerd; or another containerd_snapshotter",
            )


def _wanted(s: Subject) -> dict[str, str]:
    """Path -> who needs it."""
    found = {folder.path: "kubeup" for folder in FOLDERS}
    found |= {one.path: part.name for part in s.parts for one in part.directories if one.owned_recursively}
    return {path: whose for path, whose in found.items() if path not in s.facts.record.owned}
