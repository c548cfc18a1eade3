"""Whose machine it is: another cluster's, another operator's, or one with data that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

from kubeup.model.facts import record
from kubeup.preflight.problem import PreflightProblem, Subject

IMMUTABLE = {
    "flannel_net": "the pod network (flannel_net)",
    "service_range": "the service range (service_cluster_ip_range)",
    "dns_domain": "the DNS domain (dns_domain)",
}


def belongs(s: Subject) -> Iterator[PreflightProblem]:
    recorded = s.facts.record.cluster
    if recorded and recorded != s.cluster.name:
        yield s.problem(
            "other-cluster",
            f"it is part of the cluster {recorded}, which kubeup built",
            f"take it out there first: kubeup down --limit {s.node.endpoint} with the profile of {recorded}",
        )
    elif s.facts.foreign_cluster:
        yield s.problem(
            "other-cluster",
            "it is part of another Kubernetes cluster, not built by kubeup",
            "take it out of that cluster with the tool that put it in (kubeadm reset, k3s-uninstall.sh, ...)",
            s.facts.foreign_cluster.split(", "),
        )


def immutable(s: Subject) -> Iterator[PreflightProblem]:
    network = s.cluster.network
    now = {
        "flannel_net": str(network.flannel_net),
        "service_range": str(network.service_range),
        "dns_domain": network.dns_domain,
    }
    for key, what in IMMUTABLE.items():
        then = s.facts.record.meta.get(key, "")
        if then and then != now[key]:
            yield s.problem(
                "immutable",
                f"{what} of a living cluster cannot change: it has {then}, the profile says {now[key]}",
                f"write {then} into the profile; or, for a new cluster without the old one's data: kubeup down first",
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
