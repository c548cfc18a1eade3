"""kube-controller-manager: makes the cluster what its objects say."""

from __future__ import annotations

from kubeup.components.base import ADMIN, CONTROL_PLANE, PKI, Component, Context, Flags
from kubeup.components.settings import KEYS, LISTENS, NOTHING, SERVING, Settings, owned
from kubeup.release.catalog import kubernetes_binary

KUBECONFIG = "/etc/kubernetes/kube-controller-manager.conf"


def flags(context: Context) -> Flags:
    network = context.cluster.network
    return {
        "allocate-node-cidrs": "true",
        "authentication-kubeconfig": KUBECONFIG,
        "authorization-kubeconfig": KUBECONFIG,
        "bind-address": "127.0.0.1",
        "client-ca-file": f"{PKI}/ca.crt",
        "cluster-cidr": str(network.flannel_net),
        "cluster-name": context.cluster.name,
        "cluster-signing-cert-file": f"{PKI}/ca.crt",
        "cluster-signing-key-file": f"{PKI}/ca.key",
        "kubeconfig": KUBECONFIG,
        "node-cidr-mask-size": str(network.node_mask),
        "requestheader-client-ca-file": f"{PKI}/front-proxy-ca.crt",
        "root-ca-file": f"{PKI}/ca.crt",
        "service-account-private-key-file": f"{PKI}/sa.key",
        "service-cluster-ip-range": str(network.service_range),
        "tls-cert-file": f"{PKI}/kube-controller-manager-server.crt",
        "tls-private-key-file": f"{PKI}/kube-controller-manager-server.key",
        "use-service-account-credentials": "true",
    }


SETTINGS = Settings(
    flags={
        **SERVING,
        **owned(
            KEYS,
            "authentication-kubeconfig",
            "authorization-kubeconfig",
            "cluster-signing-cert-file",
            "cluster-signing-key-file",
            "kubeconfig",
            "root-ca-file",
            "service-account-private-key-file",
        ),
        **owned(LISTENS, "bind-address", bears=("0.0.0.0", "::")),
        **owned(LISTENS, "secure-port"),
        **owned(NOTHING, "allocate-node-cidrs", "cidr-allocator-type", "master"),
        **owned("say `flannel_net:`", "cluster-cidr"),
        **owned("say `name:`", "cluster-name"),
        **owned("say `node_mask:`", "node-cidr-mask-size", "node-cidr-mask-size-ipv4", "node-cidr-mask-size-ipv6"),
        **owned("say `service_cluster_ip_range:`", "service-cluster-ip-range"),
    },
    free=("use-service-account-credentials",),
)
COMPONENT = Component(
    name="kube-controller-manager",
    roles=CONTROL_PLANE,
    release=kubernetes_binary("kube-controller-manager"),
    after=("kube-apiserver",),
    certificates=(
        f"{PKI}/ca.crt",
        f"{PKI}/kube-controller-manager.crt",
        f"{PKI}/kube-controller-manager-server.crt",
        f"{PKI}/front-proxy-ca.crt",
        f"{PKI}/sa.pub",
    ),
    reads=(KUBECONFIG,),
    flags=flags,
    settings=SETTINGS,
    ports=(10257,),
    ready=lambda _: f"{ADMIN} --server=https://127.0.0.1:10257 get --raw /healthz",
)
