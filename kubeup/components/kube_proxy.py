"""kube-proxy: makes Services answer on every node. Its undo is by its own tables' names, never by --cleanup, which
flushes the machine's whole IPVS table."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.components.base import NODE, PKI, Component, Context, Flags, Template, http_ok
from kubeup.model.cluster import Value
from kubeup.model.resources import Trace

KUBECONFIG = "/etc/kubernetes/kube-proxy.conf"
CONFIG = "/etc/kubernetes/kube-proxy.yaml"


def flags(_: Context) -> Flags:
    return {"config": CONFIG}


def values(context: Context) -> Mapping[str, Value]:
    return {"conntrack_writable": context.facts.conntrack_max_writable}


COMPONENT = Component(
    name="kube-proxy",
    role=NODE,
    binaries=("kube-proxy",),
    after=("kube-apiserver",),
    templates=(
        Template("kube-proxy.service", "/etc/systemd/system/kube-proxy.service", unit=True),
        Template("kube-proxy.yaml", CONFIG, config=True),
    ),
    certificates=(f"{PKI}/ca.crt", f"{PKI}/kube-proxy.crt"),
    reads=(KUBECONFIG, CONFIG),
    flags=flags,
    values=values,
    traces=(
        Trace("nft-table", "ip kube-proxy"),
        Trace("nft-table", "ip6 kube-proxy"),
        Trace("chain-prefix", "KUBE-"),
        Trace("sysctl", "net/netfilter/nf_conntrack_tcp_timeout_established", "86400"),
        Trace("sysctl", "net/netfilter/nf_conntrack_tcp_timeout_close_wait", "3600"),
        # How many, follows from the machine's processors.
        Trace("sysctl", "net/netfilter/nf_conntrack_max"),
        Trace("sysctl", "net/netfilter/nf_conntrack_buckets"),
        Trace("sysctl", "net/ipv4/conf/all/route_localnet", "1"),
    ),
    ports=(10249, 10256),
    ready=lambda _: http_ok(10256),
)
