"""Which key and certificate files a node should have: those it has already where they satisfy, wishes elsewhere.

A wish is a File without content; its ``source`` names what execution will have once it was issued (a leaf) or
brought from a control-plane node (what the control plane shares).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from kubeup.model.cluster import Cluster, Node
from kubeup.model.facts import AuthorityFact, ClusterFacts, Facts, FileFact
from kubeup.model.resources import CertificateSpec, File
from kubeup.pki import issue, kubeconfig, secret_names
from kubeup.pki.specs import CERTIFICATE_AUTHORITIES, CertificateAuthority, specs_for

SERVICE_ACCOUNT_KEY = "/etc/kubernetes/pki/sa.key"
SERVICE_ACCOUNT_PUB = "/etc/kubernetes/pki/sa.pub"


@dataclass(frozen=True)
class KubeconfigSpec:
    """A kubeconfig on a node: who it is for, and the certificate it points at."""

    path: str
    user: str
    certificate: str


MASTER_KUBECONFIGS = (
    KubeconfigSpec("/etc/kubernetes/admin.conf", "kubernetes-admin", "admin"),
    KubeconfigSpec(
        "/etc/kubernetes/kube-controller-manager.conf", "system:kube-controller-manager", "kube-controller-manager"
    ),
    KubeconfigSpec("/etc/kubernetes/kube-scheduler.conf", "system:kube-scheduler", "kube-scheduler"),
)
NODE_KUBECONFIGS = (
    KubeconfigSpec("/etc/kubernetes/kubelet.conf", "kubelet", "kubelet-client"),
    KubeconfigSpec("/etc/kubernetes/kube-proxy.conf", "system:kube-proxy", "kube-proxy"),
)


def kubeconfigs_of(node: Node) -> tuple[KubeconfigSpec, ...]:
    return (*(MASTER_KUBECONFIGS if node.is_control_plane else ()), *(NODE_KUBECONFIGS if node.is_worker else ()))


def paths(cluster: Cluster, node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(all paths of keys, certificates and kubeconfigs; those of them that are no secret)."""
    specs = specs_for(cluster, node)
    public = [spec.path for spec in specs] + [authority.cert_path for authority in CERTIFICATE_AUTHORITIES]
    secret = [spec.key_path for spec in specs] + [authority.key_path for authority in CERTIFICATE_AUTHORITIES]
    public += [SERVICE_ACCOUNT_PUB]
    secret += [SERVICE_ACCOUNT_KEY]
    # Kubeconfigs of kubeup's point at key files and hold none.
    configs = [spec.path for spec in kubeconfigs_of(node)]
    return (*public, *secret, *configs), (*public, *configs)


def files(
    cluster: Cluster, node: Node, facts: Facts, cluster_facts: ClusterFacts, now: datetime.datetime
) -> tuple[tuple[File, ...], tuple[CertificateSpec, ...]]:
    """The files, and the specs of those leaves that must be issued."""
    found: list[File] = []
    to_issue: list[CertificateSpec] = []
    for authority in CERTIFICATE_AUTHORITIES:
        if node.is_control_plane or authority.name == "kubernetes":
            found.extend(_authority_files(authority, node, cluster_facts))
    if node.is_control_plane:
        found.extend(_service_account_files(cluster_facts))
    for spec in specs_for(cluster, node):
        reason = leaf_reason(spec, facts, cluster_facts.authorities.get(spec.authority), now)
        if reason:
            to_issue.append(spec)
        found.extend(_leaf_files(spec, facts, reason))
    found.extend(
        File(
            spec.path,
            kubeconfig.render(
                cluster_name=cluster.name,
                server=cluster.api_server_of(node),
                ca_path=CERTIFICATE_AUTHORITIES[0].cert_path,
                user=spec.user,
                cert_path=f"/etc/kubernetes/pki/{spec.certificate}.crt",
                key_path=f"/etc/kubernetes/pki/{spec.certificate}.key",
            ),
            mode=0o600,
        )
        for spec in kubeconfigs_of(node)
    )
    return tuple(found), tuple(to_issue)


def leaf_reason(spec: CertificateSpec, facts: Facts, authority: AuthorityFact | None, now: datetime.datetime) -> str:
    """Why a leaf must be issued; empty when what the node has satisfies."""
    if authority is None:
        return "there is no certificate authority yet"
    cert, key = facts.file(spec.path), facts.file(spec.key_path)
    if not cert.content or not key.exists:
        return "it does not exist yet"
    owned = facts.record.owned
    # Key and certificate were written as a pair; both unchanged, they still match.
    if not (_untouched(cert, owned.get(spec.path)) and _untouched(key, owned.get(spec.key_path))):
        return "its files were changed by someone else"
    return issue.satisfied(spec, cert.content, authority.certificate, now)


def _untouched(fact: FileFact, owned: object) -> bool:
    return getattr(owned, "value", None) == fact.sha256


def _authority_files(authority: CertificateAuthority, node: Node, cluster_facts: ClusterFacts) -> Iterable[File]:
    known = cluster_facts.authorities.get(authority.name)
    name = authority.name
    yield File(
        authority.cert_path,
        known.certificate if known else None,
        source=secret_names.of_authority(name, "crt"),
        why="" if known else "the cluster's authority is made",
        survives_keep_data=True,
    )
    if node.is_control_plane:
        yield File(
            authority.key_path,
            None,
            mode=0o600,
            secret=True,
            source=secret_names.of_authority(name, "key"),
            digest=known.key_sha256 if known else "",
            read_at_start=False,
            survives_keep_data=True,
        )


def _service_account_files(cluster_facts: ClusterFacts) -> Iterable[File]:
    for path, source, mode in (
        (SERVICE_ACCOUNT_KEY, secret_names.SERVICE_ACCOUNT_KEY, 0o600),
        (SERVICE_ACCOUNT_PUB, secret_names.SERVICE_ACCOUNT_PUB, 0o644),
    ):
        digest = cluster_facts.shared_key_digests.get(path, "")
        yield File(
            path,
            None,
            mode=mode,
            secret=mode == 0o600,
            source=source,
            digest=digest,
            read_at_start=path == SERVICE_ACCOUNT_PUB,
            survives_keep_data=True,
        )


def _leaf_files(spec: CertificateSpec, facts: Facts, reason: str) -> Iterable[File]:
    parts: tuple[tuple[str, secret_names.Part, int], ...] = ((spec.path, "crt", 0o644), (spec.key_path, "key", 0o600))
    for path, part, mode in parts:
        yield File(
            path,
            None,
            mode=mode,
            secret=part == "key",
            source=secret_names.of_leaf(spec.path, part),
            digest="" if reason else facts.file(path).sha256,
            why=reason,
            # The pair is told by its certificate.
            read_at_start=part == "crt",
            survives_keep_data=True,
        )
