"""kube-scheduler: decides which node runs a pod."""

from __future__ import annotations

from kubeup.components.base import ADMIN, CONTROL_PLANE, PKI, Component, Context, Flags, Template
from kubeup.release.catalog import kubernetes_binary

KUBECONFIG = "/etc/kubernetes/kube-scheduler.conf"
CONFIG = "/etc/kubernetes/kube-scheduler.yaml"


def flags(_: Context) -> Flags:
    return {
        "authentication-kubeconfig": KUBECONFIG,
        "authorization-kubeconfig": KUBECONFIG,
        "bind-address": "127.0.0.1",
        "client-ca-file": f"{PKI}/ca.crt",
        "config": CONFIG,
        "requestheader-client-ca-file": f"{PKI}/front-proxy-ca.crt",
        "tls-cert-file": f"{PKI}/kube-scheduler-server.crt",
        "tls-private-key-file": f"{PKI}/kube-scheduler-server.key",
    }


COMPONENT = Component(
    name="kube-scheduler",
    roles=CONTROL_PLANE,
    release=kubernetes_binary("kube-scheduler"),
    after=("kube-apiserver",),
    templates=(Template("kube-scheduler.yaml", CONFIG, config=True),),
    certificates=(
        f"{PKI}/ca.crt",
        f"{PKI}/kube-scheduler.crt",
        f"{PKI}/kube-scheduler-server.crt",
        f"{PKI}/front-proxy-ca.crt",
    ),
    reads=(KUBECONFIG, CONFIG),
    flags=flags,
    ports=(10259,),
    ready=lambda _: f"{ADMIN} --server=https://127.0.0.1:10259 get --raw /healthz",
)
