"""kube-scheduler: decides which node runs a pod."""

from __future__ import annotations

from kubeup.components.base import ADMIN, CONTROL_PLANE, PKI, Component, Context, Flags, Template
from kubeup.components.settings import EXITS, KEYS, LISTENS, NOT_READ, SERVING, Settings, owned
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


SETTINGS = Settings(
    flags={
        **SERVING,
        **owned(KEYS, "authentication-kubeconfig", "authorization-kubeconfig", "kubeconfig", "master"),
        **owned(LISTENS, "bind-address", bears=("0.0.0.0", "::")),
        **owned(LISTENS, "secure-port"),
        **owned("say `config:`", "config"),
        **owned("say `config: {clientConnection: {burst: ...}}`", "kube-api-burst", why=NOT_READ),
        **owned("say `config: {clientConnection: {contentType: ...}}`", "kube-api-content-type", why=NOT_READ),
        **owned("say `config: {clientConnection: {qps: ...}}`", "kube-api-qps", why=NOT_READ),
        **owned("say `config: {enableContentionProfiling: ...}`", "contention-profiling", why=NOT_READ),
        **owned("say `config: {enableProfiling: ...}`", "profiling", why=NOT_READ),
        **owned("take it out", "write-config-to", why=EXITS),
    },
    config=owned(KEYS, "clientConnection.kubeconfig"),
    free=("leaderElection.leaderElect",),
)
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
    settings=SETTINGS,
    ports=(10259,),
    ready=lambda _: f"{ADMIN} --server=https://127.0.0.1:10259 get --raw /healthz",
)
