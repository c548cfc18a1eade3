"""flannel: the pods' network. It takes its subnet from its own Node object, with the node's own identity, so it has
no way into etcd; its unit writes the CNI configuration once the subnet is known."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.components.base import PKI, WORKER, Component, Context, Flags, Template, http_ok
from kubeup.components.settings import KEYS, LISTENS, NOTHING, Settings, owned
from kubeup.model.cluster import Cluster, Program, Value
from kubeup.model.facts import Unknown
from kubeup.model.resources import Action, Presence, SideEffect
from kubeup.release.artifacts import ReleaseRow
from kubeup.release.catalog import GITHUB

FLANNEL = Program("flannel", "0.28.10")
NET_CONF = "/etc/kubeup/net-conf.json"
VXLAN_PORT = 8472
"""The kernel's own, which flannel takes where nobody says another."""
CNI_WRITER = "/opt/kubeup/libexec/flannel-cni"
CNI_FILE = "/etc/kubeup/cni/net.d/10-flannel.conflist"
LINK = "flannel.1"
SHOWN = 3


def vxlan_port(cluster: Cluster) -> int:
    """UDP, by which nodes send each other pods' packets."""
    backend = cluster.override("flannel").config.get("Backend")
    said = backend.get("Port") if isinstance(backend, Mapping) else None
    return said if isinstance(said, int) else VXLAN_PORT


def flags(context: Context) -> Flags:
    return {
        "healthz-ip": "127.0.0.1",
        "healthz-port": "8471",
        "ip-masq": "true",
        "kube-subnet-mgr": "true",
        "kubeconfig-file": "/etc/kubernetes/kubelet.conf",
        "net-config-path": NET_CONF,
        "public-ip": context.node.address,
    }


def values(context: Context) -> Mapping[str, Value]:
    return {"portmap_backend": "nftables" if context.facts.nft else "iptables"}


def presence(cluster: Cluster) -> tuple[Presence, ...]:
    written = Presence("cni-file", f"test -s {CNI_FILE}", f"{CNI_FILE} is gone")
    link = Presence("flannel-link", f"ip link show {LINK}", f"the link {LINK} is gone")
    return (link, written) if cluster.network.flannel_backend == "vxlan" else (written,)


def lost(context: Context) -> tuple[str, ...]:
    """Routes to the pods of other nodes, of which the API tells; else nobody knows which there should be."""
    nodes = context.cluster_facts.nodes
    if isinstance(nodes, Unknown):
        return ()
    there = {to for to, _ in context.facts.routes}
    wanted = [one for one in nodes if one.routed and one.name != context.node.name and one.pod_cidr]
    gone = [one.name for one in wanted if one.pod_cidr not in there]
    more = f" and {len(gone) - SHOWN} more" if len(gone) > SHOWN else ""
    return (f"no route leads to the pods of {', '.join(gone[:SHOWN])}{more}",) if gone else ()


def _switch(id_: str, title: str, path: str, before: str = "") -> Action:
    """Something of the kernel's that has to be on, and that other programs' settings may put off at any time."""
    return Action(
        id=id_,
        title=title,
        component="flannel",
        check=f'test "$(cat {path})" = 1 || {{ echo "why: {path} is not 1"; exit 1; }}',
        apply=f"{before}echo 1 >{path}",
    )


def actions(_: Context) -> tuple[Action, ...]:
    return (
        _switch("ip-forward", "IPv4 forwarding", "/proc/sys/net/ipv4/ip_forward"),
        # Only then do the rules of Services see what goes from pod to pod on one node.
        _switch(
            "bridge-netfilter",
            "rules for what crosses a bridge",
            "/proc/sys/net/bridge/bridge-nf-call-iptables",
            "modprobe br_netfilter 2>/dev/null\n",
        ),
    )


SETTINGS = Settings(
    flags={
        **owned(KEYS, "kubeconfig-file"),
        **owned(LISTENS, "healthz-ip", bears=("0.0.0.0",)),
        **owned(LISTENS, "healthz-port"),
        **owned("say `config:`", "net-config-path"),
        **owned(NOTHING, "kube-annotation-prefix", "kube-api-url", "subnet-file"),
        **owned("say `address:` under the node", "public-ip"),
        **owned(
            "take it out",
            "kube-subnet-mgr",
            "etcd-cafile",
            "etcd-certfile",
            "etcd-endpoints",
            "etcd-keyfile",
            "etcd-password",
            "etcd-prefix",
            "etcd-username",
            why="flannel has its subnets from the API, and no way into etcd",
        ),
    },
    config={
        **owned("say `flannel_net:`", "Network", "SubnetMin", "SubnetMax"),
        **owned("say `node_mask:`", "SubnetLen"),
        **owned("say `flannel_backend:`", "Backend.Type"),
        **owned(NOTHING, "Backend.VNI"),
    },
    followed=("Backend.Port",),
    free=("EnableNFTables", "ip-masq"),
)
COMPONENT = Component(
    name="flannel",
    roles=WORKER,
    release=ReleaseRow(
        ("flanneld",),
        FLANNEL,
        GITHUB + "/flannel-io/flannel/releases/download/v{v}/flanneld-{arch}",
        inside=("ghcr.io/flannel-io/flannel:v{v}", "docker.io/flannel/flannel:v{v}"),
        inside_path="opt/bin/flanneld",
        module="flannel",
    ),
    after=("kube-apiserver", "api-balancer"),
    templates=(
        Template("net-conf.json", NET_CONF, config=True),
        Template("flannel-cni", CNI_WRITER, mode=0o755),
    ),
    certificates=(f"{PKI}/ca.crt", f"{PKI}/kubelet-client.crt"),
    reads=("/etc/kubernetes/kubelet.conf", NET_CONF, CNI_WRITER),
    flags=flags,
    settings=SETTINGS,
    values=values,
    presence=presence,
    lost=lost,
    actions=actions,
    side_effects=(
        SideEffect("link", LINK),
        SideEffect("tree", "/run/flannel"),
        SideEffect("chain-prefix", "FLANNEL-"),
        SideEffect("nft-table", "ip flannel-ipv4"),
        SideEffect("module", "br_netfilter"),
        SideEffect("nft-table", "inet cni_hostport"),
        SideEffect("nft-table", "ip cni_hostport"),
        SideEffect("nft-table", "ip6 cni_hostport"),
        SideEffect("chain-prefix", "CNI-"),
        *(
            SideEffect("iptables-base", f"{family} {table}")
            for family in ("ip", "ip6")
            for table in ("filter", "nat", "mangle")
        ),
        SideEffect("forwarding", "net/ipv4", "1"),
        SideEffect("sysctl", "net/bridge/bridge-nf-call-iptables", "1"),
    ),
    # To the other nodes' pods, where they are reached without a tunnel (host-gw, DirectRouting).
    routes=lambda cluster: (cluster.network.flannel_net,),
    ports=(8471,),
    ready=lambda _: f"test -s {CNI_FILE} && {http_ok(8471)}",
)
