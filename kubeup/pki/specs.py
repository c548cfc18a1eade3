"""Which certificates a node should have: kubeadm's layout below /etc/kubernetes/pki, three authorities."""

from __future__ import annotations

from dataclasses import dataclass

from kubeup.model.cluster import Cluster, Node
from kubeup.model.networks import is_ipv4
from kubeup.model.resources import CertificateSpec

ROOT = "/etc/kubernetes/pki"


@dataclass(frozen=True)
class CertificateAuthority:
    """A certificate authority of the cluster; its key lives on the control plane only."""

    name: str
    cert_path: str
    key_path: str
    common_name: str


CERTIFICATE_AUTHORITIES = (
    CertificateAuthority("kubernetes", f"{ROOT}/ca.crt", f"{ROOT}/ca.key", "kubernetes-ca"),
    CertificateAuthority("etcd", f"{ROOT}/etcd/ca.crt", f"{ROOT}/etcd/ca.key", "etcd-ca"),
    CertificateAuthority("front-proxy", f"{ROOT}/front-proxy-ca.crt", f"{ROOT}/front-proxy-ca.key", "front-proxy-ca"),
)


def specs_for(cluster: Cluster, node: Node) -> tuple[CertificateSpec, ...]:
    """What a machine of these roles should have: a worker only leaves of its own."""
    return (
        *(_master_specs(cluster, node) if node.is_control_plane else ()),
        *(_node_specs(node) if node.is_worker else ()),
    )


def admin() -> CertificateSpec:
    """The operator's, and root's on the control plane."""
    # system:masters passes even when RBAC objects are broken: the way back in, for root there.
    return _client("admin", "kubernetes-admin", "system:masters")


def _master_specs(cluster: Cluster, node: Node) -> tuple[CertificateSpec, ...]:
    network = cluster.network
    endpoint = cluster.api_endpoint.rpartition(":")[0]
    endpoint_ips = tuple(filter(is_ipv4, (endpoint,)))
    endpoint_dns = () if endpoint_ips or not endpoint else (endpoint,)
    own_dns, own_ips = ("localhost", node.name), ("127.0.0.1", "::1", node.address)
    api_dns = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{network.dns_domain}",
        "localhost",
        node.name,
        *endpoint_dns,
    )
    api_ips = ("127.0.0.1", str(network.api_ip), node.address, *endpoint_ips)
    return (
        CertificateSpec(f"{ROOT}/etcd/server.crt", "etcd", node.name, (), own_dns, own_ips, server=True, client=True),
        CertificateSpec(f"{ROOT}/etcd/peer.crt", "etcd", node.name, (), own_dns, own_ips, server=True, client=True),
        CertificateSpec(f"{ROOT}/apiserver.crt", "kubernetes", "kube-apiserver", (), api_dns, api_ips, server=True),
        _client("apiserver-etcd-client", "kube-apiserver-etcd-client", authority="etcd"),
        # No system:masters: one ClusterRoleBinding gives it what it needs.
        _client("apiserver-kubelet-client", "kube-apiserver-kubelet-client"),
        _client("front-proxy-client", "front-proxy-client", authority="front-proxy"),
        _client("kube-controller-manager", "system:kube-controller-manager"),
        _local_server("kube-controller-manager"),
        _client("kube-scheduler", "system:kube-scheduler"),
        _local_server("kube-scheduler"),
        admin(),
    )


def _client(name: str, common_name: str, *organizations: str, authority: str = "kubernetes") -> CertificateSpec:
    return CertificateSpec(f"{ROOT}/{name}.crt", authority, common_name, organizations, client=True)


def _local_server(name: str) -> CertificateSpec:
    return CertificateSpec(
        f"{ROOT}/{name}-server.crt",
        "kubernetes",
        name,
        dns_names=("localhost",),
        ip_addresses=("127.0.0.1",),
        server=True,
    )


def _node_specs(node: Node) -> tuple[CertificateSpec, ...]:
    """Names as the Node authorizer wants them: https://kubernetes.io/docs/reference/access-authn-authz/node/"""
    return (
        CertificateSpec(
            f"{ROOT}/kubelet-client.crt", "kubernetes", f"system:node:{node.name}", ("system:nodes",), client=True
        ),
        CertificateSpec(
            f"{ROOT}/kubelet.crt",
            "kubernetes",
            f"kubelet-{node.name}",
            dns_names=(node.name,),
            ip_addresses=(node.address,),
            server=True,
        ),
        CertificateSpec(f"{ROOT}/kube-proxy.crt", "kubernetes", "system:kube-proxy", client=True),
    )
