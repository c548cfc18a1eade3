"""etcd: keeps the cluster's state; one member on each control-plane node, TLS for clients and peers, no other client
than the API servers."""

from __future__ import annotations

from kubeup.components.base import CONTROL_PLANE, PKI, Component, Context, Flags, Template, http_ok
from kubeup.components.settings import KEYS, LISTENS, Settings, owned
from kubeup.model.cluster import Program
from kubeup.model.facts import running
from kubeup.model.resources import Directory
from kubeup.release.artifacts import ReleaseRow
from kubeup.release.catalog import GITHUB

# Below the floors authentication can be passed by: the advisories of 2026.
ETCD = Program("etcd", "3.6.16", floors=(("3.6", "3.6.14"), ("3.7", "3.7.1")), holes="authentication")
DATA = "/var/lib/etcd"
ETCDCTL = (
    "/opt/kubeup/bin/etcdctl --endpoints=https://127.0.0.1:2379 --dial-timeout=2s --command-timeout=5s "
    f"--cacert={PKI}/etcd/ca.crt --cert={PKI}/etcd/server.crt --key={PKI}/etcd/server.key"
)
"""The member on this machine, and no other."""


def flags(context: Context) -> Flags:
    address = context.node.address
    return {
        "advertise-client-urls": f"https://{address}:2379",
        "cert-file": f"{PKI}/etcd/server.crt",
        "client-cert-auth": "true",
        "data-dir": DATA,
        "key-file": f"{PKI}/etcd/server.key",
        "listen-client-urls": f"https://127.0.0.1:2379,https://{address}:2379",
        # Plain http, on loopback only: metrics and /health, no data.
        "listen-metrics-urls": "http://127.0.0.1:2381",
        "listen-peer-urls": f"https://{address}:2380",
        "name": context.node.name,
        "peer-cert-file": f"{PKI}/etcd/peer.crt",
        "peer-client-cert-auth": "true",
        "peer-key-file": f"{PKI}/etcd/peer.key",
        "peer-trusted-ca-file": f"{PKI}/etcd/ca.crt",
        "trusted-ca-file": f"{PKI}/etcd/ca.crt",
    }


SETTINGS = Settings(
    flags={
        **owned(
            KEYS,
            "auto-tls",
            "cert-file",
            "client-cert-auth",
            "client-cert-file",
            "client-key-file",
            "key-file",
            "peer-auto-tls",
            "peer-cert-file",
            "peer-client-cert-auth",
            "peer-client-cert-file",
            "peer-client-key-file",
            "peer-key-file",
            "peer-trusted-ca-file",
            "trusted-ca-file",
        ),
        **owned(f"mount the disk that is to hold it at {DATA}, before the first `kubeup up`", "data-dir", "wal-dir"),
        **owned("say `name:` under the node", "name"),
        **owned("say `address:` under the node", "advertise-client-urls", "initial-advertise-peer-urls"),
        **owned(LISTENS, "listen-client-http-urls", "listen-client-urls", "listen-peer-urls"),
        **owned(LISTENS, "listen-metrics-urls", bears=("http://0.0.0.0:2381",)),
        **owned("say `flags:`, which it would read none of then", "config-file"),
        **owned(
            "members are the nodes of the profile that have the role a",
            "discovery",
            "discovery-endpoints",
            "discovery-srv",
            "discovery-token",
            "force-new-cluster",
            "initial-cluster",
            "initial-cluster-state",
            "initial-cluster-token",
        ),
    },
)
COMPONENT = Component(
    name="etcd",
    roles=CONTROL_PLANE,
    release=ReleaseRow(
        ("etcd", "etcdctl", "etcdutl"),
        ETCD,
        GITHUB + "/etcd-io/etcd/releases/download/v{v}/etcd-v{v}-linux-{arch}.tar.gz",
        sums=GITHUB + "/etcd-io/etcd/releases/download/v{v}/SHA256SUMS",
        member="etcd-v{v}-linux-{arch}/{name}",
        module="etcd",
    ),
    templates=(
        # Read once in a member's life, so a change of it is no reason to restart.
        Template("etcd-bootstrap", "/etc/default/etcd-bootstrap", read_at_start=False),
    ),
    certificates=(f"{PKI}/etcd/server.crt", f"{PKI}/etcd/peer.crt", f"{PKI}/etcd/ca.crt"),
    flags=flags,
    settings=SETTINGS,
    directories=(Directory(DATA, 0o700, owned_recursively=True, survives_keep_data=True),),
    questions=(
        (running.MEMBERS, f"{ETCDCTL} member list -w json"),
        (running.ETCD_STATUS, f"{ETCDCTL} endpoint status -w json"),
    ),
    ports=(2379, 2380, 2381),
    ready=lambda _: http_ok(2381, "/health"),
    timeout=90,
    rolling=True,
)
