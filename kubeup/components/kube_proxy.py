"""kube-proxy: makes Services answer on every node. Its undo is by its own tables' names, never by --cleanup, which
flushes the machine's whole IPVS table."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.components.base import PKI, WORKER, Component, Context, Flags, Template, http_ok
from kubeup.components.settings import KEYS, LISTENS, LOGGING, Settings, owned
from kubeup.model.cluster import Cluster, ProxyMode, Value
from kubeup.model.resources import Presence, SideEffect
from kubeup.release.catalog import kubernetes_binary

KUBECONFIG = "/etc/kubernetes/kube-proxy.conf"
CONFIG = "/etc/kubernetes/kube-proxy.yaml"


def flags(_: Context) -> Flags:
    return {"config": CONFIG}


def values(context: Context) -> Mapping[str, Value]:
    return {"conntrack_writable": context.facts.conntrack_max_writable}


def presence(cluster: Cluster) -> tuple[Presence, ...]:
    """The way to Services, and one of them: the API's own is always there."""
    if cluster.proxy_mode is ProxyMode.NFTABLES:
        rules = (
            "nft list chain ip kube-proxy nat-prerouting | grep -q jump && "
            "nft list map ip kube-proxy service-ips | grep -q elements"
        )
        return (Presence("kube-proxy-rules", rules, "its rules in the nftables table kube-proxy are gone"),)
    chains = (
        "iptables -w -t nat -S PREROUTING | grep -q KUBE-SERVICES && "
        "iptables -w -t nat -S KUBE-SERVICES | grep -q -e -d"
    )
    return (Presence("kube-proxy-rules", chains, "its chains in iptables are gone"),)


SETTINGS = Settings(
    flags={
        **owned("say `config:`", "config"),
        **owned("say `name:` under the node", "hostname-override"),
    },
    config={
        **owned(KEYS, "clientConnection.kubeconfig"),
        **owned(LISTENS, "healthzBindAddress", bears=("127.0.0.1:10256",)),
        **owned(LISTENS, "metricsBindAddress", bears=("0.0.0.0:10249",)),
        **owned("say `flannel_net:`", "clusterCIDR"),
        **owned("say `name:` under the node", "hostnameOverride"),
        **owned("say `proxy_mode:`", "mode"),
    },
    free=("conntrack",),
    flags_read=LOGGING,
)
COMPONENT = Component(
    name="kube-proxy",
    roles=WORKER,
    release=kubernetes_binary("kube-proxy"),
    after=("kube-apiserver", "api-balancer"),
    templates=(Template("kube-proxy.yaml", CONFIG, config=True),),
    certificates=(f"{PKI}/ca.crt", f"{PKI}/kube-proxy.crt"),
    reads=(KUBECONFIG, CONFIG),
    flags=flags,
    settings=SETTINGS,
    values=values,
    presence=presence,
    side_effects=(
        SideEffect("nft-table", "ip kube-proxy"),
        SideEffect("nft-table", "ip6 kube-proxy"),
        SideEffect("chain-prefix", "KUBE-"),
        SideEffect("sysctl", "net/netfilter/nf_conntrack_tcp_timeout_established", "86400"),
        SideEffect("sysctl", "net/netfilter/nf_conntrack_tcp_timeout_close_wait", "3600"),
        # How many, follows from the machine's processors.
        SideEffect("sysctl", "net/netfilter/nf_conntrack_max"),
        SideEffect("sysctl", "net/netfilter/nf_conntrack_buckets"),
        SideEffect("sysctl", "net/ipv4/conf/all/route_localnet", "1"),
    ),
    routes=lambda cluster: (cluster.network.service_range,),
    ports=(10249, 10256),
    ready=lambda _: http_ok(10256),
)
