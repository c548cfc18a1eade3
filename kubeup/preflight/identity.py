"""Whose machine it is: another cluster's, another operator's, or one with data that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

from kubeup.model.facts import record
from kubeup.preflight.problem import PreflightProblem, Subject


def belongs(s: Subject) -> Iterator[PreflightProblem]:
    recorded = s.facts.record.cluster
    if recorded and recorded != s.cluster.name:
        yield s.problem(
            "other-cluster",
            f"it is part of the cluster {recorded}, which kubeup built",
            f"write name: {recorded} into the profile, if it is that cluster's and its file was renamed; or take the "
            f"node out there first: kubeup down --limit {s.node.endpoint} with the profile of {recorded}",
        )
    elif s.facts.foreign_cluster:
        yield s.problem(
            "other-cluster",
            "it is part of another Kubernetes cluster, not built by kubeup",
            "take it out of that cluster with the tool that put it in (kubeadm reset, k3s-uninstall.sh, ...)",
            s.facts.foreign_cluster.split(", "),
        )


def locked(s: Subject) -> Iterator[PreflightProblem]:
    if s.facts.busy:
        yield s.problem("locked", "another kubeup is at work on it", "wait until it is done", [s.facts.busy])


def known_format(s: Subject) -> Iterator[PreflightProblem]:
    written = s.facts.record.format
    if written > record.FORMAT:
        yield s.problem(
            "newer-record",
            f"a newer kubeup wrote its record (format {written}; this one knows {record.FORMAT})",
            "use that kubeup, or a newer one",
        )


def data_folders(s: Subject) -> Iterator[PreflightProblem]:
    if s.facts.kept_data and not s.facts.record.exists:
        yield s.problem(
            "leftover-data",
            "there is etcd data of a cluster that kubeup does not know",
            "move it away: mv /var/lib/etcd /var/lib/etcd.old",
            s.facts.kept_data,
        )
