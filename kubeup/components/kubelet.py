"""kubelet: runs the pods of its node."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.version import Version

from kubeup.components import registries
from kubeup.components.base import KUBECTL, PKI, WORKER, Component, Context, Flags, Template, http_ok, sh
from kubeup.components.containerd import SOCKET
from kubeup.components.settings import KEYS, LISTENS, NOTHING, Settings, owned
from kubeup.model.cluster import Runtime, Value
from kubeup.model.resources import Directory, File, SideEffect
from kubeup.release.catalog import kubernetes_binary

KUBECONFIG = "/etc/kubernetes/kubelet.conf"
CONFIG = "/etc/kubernetes/kubelet.yaml"
RESOLV_CONF = "/etc/kubeup/resolv.conf"
"""What pods that ask as their machine does are given, where the machine's own file will not do."""
SWAP_IS_KEPT_OUT = Version("1.34")
"""From here on kubelet starts although the machine swaps, and gives its pods none of it (NoSwap)."""


def flags(context: Context) -> Flags:
    return {
        "config": CONFIG,
        "hostname-override": context.node.name,
        "kubeconfig": KUBECONFIG,
        "node-ip": context.node.address,
    }


def values(context: Context) -> Mapping[str, Value]:
    version = Version(context.cluster.versions.kubernetes)
    docker = context.cluster.runtime is Runtime.DOCKER
    driver = "systemd" if context.facts.cgroup == 2 else "cgroupfs"
    return {
        "cgroup_driver": context.facts.docker.cgroup_driver or driver if docker else driver,
        "endpoint": "unix:///run/cri-dockerd.sock" if docker else f"unix://{SOCKET}",
        # A beta gate since 1.36 with which exec on cri-dockerd fails ("server gave HTTP response to HTTPS client");
        # older kubelets refuse a gate they do not know.
        "no_websockets": docker and version >= Version("1.36"),
        "resolv_conf": RESOLV_CONF if _own_resolv_conf(context) else context.facts.resolv_conf,
        # Swap support is no beta any more since 1.34: https://kubernetes.io/docs/concepts/cluster-administration/swap-memory-management/
        "swap_is_kept_out": version >= SWAP_IS_KEPT_OUT,
    }


def _own_resolv_conf(context: Context) -> bool:
    """Where the machine asks itself first, its file would make the cluster's DNS ask itself, for ever."""
    real = context.facts.real_nameservers
    return bool(real) and real != context.facts.nameservers


def files(context: Context) -> tuple[File, ...]:
    own = registries.kubelet_files(context)
    if not _own_resolv_conf(context):
        return own
    lines = (*(f"nameserver {server}" for server in context.facts.real_nameservers), *context.facts.resolv_lines)
    text = f"# Written by kubeup: {context.facts.resolv_conf} without the name server on this machine itself.\n"
    return (*own, File(RESOLV_CONF, (text + "".join(f"{line}\n" for line in lines)).encode()))


def ready(context: Context) -> str:
    return (
        f"{http_ok(10248)} && {KUBECTL} --kubeconfig={KUBECONFIG} get node {sh(context.node.name)} "
        """-o jsonpath='{.status.conditions[?(@.type=="Ready")].status}' | grep -q True"""
    )


CONFIG_KEYS = {
    **owned(KEYS, "tlsCertFile", "tlsPrivateKeyFile", "rotateCertificates"),
    **owned(LISTENS, "port", "healthzPort", "enableServer"),
    **owned(LISTENS, "address", "healthzBindAddress", bears=("0.0.0.0",)),
    **owned(
        "ask port 10250, with a token or a certificate", "readOnlyPort", why="whoever reaches it needs no password"
    ),
    **owned("say `runtime:`", "containerRuntimeEndpoint", "imageServiceEndpoint"),
    **owned("say `dns_server_ip:`", "clusterDNS"),
    **owned("say `dns_domain:`", "clusterDomain"),
    **owned(NOTHING, "cgroupDriver", "cgroupRoot", "podCIDR", "registerNode", "volumePluginDir"),
    **owned("say `taints:` under the node", "registerWithTaints", why="the node is there before kubelet registers it"),
}
"""Keys that are flags, too, by the same words."""
SETTINGS = Settings(
    flags={
        **{re.sub("(?<=[a-z])(?=[A-Z])", "-", key).lower(): one for key, one in CONFIG_KEYS.items()},
        **owned(KEYS, "bootstrap-kubeconfig", "cert-dir", "client-ca-file", "kubeconfig", "rotate-server-certificates"),
        **owned("mount the disk that is to hold it at /var/lib/kubelet, before the first `kubeup up`", "root-dir"),
        **owned("say `config:`", "config", "config-dir"),
        **owned("say `name:` under the node", "hostname-override"),
        **owned("say `address:` under the node", "node-ip"),
        **owned("say `labels:` under the node", "node-labels", why="the node is there before kubelet registers it"),
        # Preflight looks at the keys.
        **owned("say `config: {failSwapOn: ...}`", "fail-swap-on"),
        **owned("say `config: {failCgroupV1: ...}`", "fail-cgroupv1"),
    },
    config={
        **CONFIG_KEYS,
        **owned(KEYS, "authentication.x509.clientCAFile", "serverTLSBootstrap"),
        **owned(NOTHING, "podLogsDir"),
    },
    followed=("eviction-hard", "evictionHard", "failCgroupV1", "failSwapOn"),
    free=(
        "authentication.anonymous",
        "authentication.webhook",
        "authorization.mode",
        "featureGates",
        "memorySwap",
        "resolvConf",
    ),
)
COMPONENT = Component(
    name="kubelet",
    roles=WORKER,
    release=kubernetes_binary("kubelet"),
    after=("kube-apiserver", "api-balancer", "containerd", "cri-dockerd"),
    templates=(Template("kubelet.yaml", CONFIG, config=True),),
    certificates=(f"{PKI}/ca.crt", f"{PKI}/kubelet-client.crt", f"{PKI}/kubelet.crt"),
    asks=lambda _: (RESOLV_CONF,),
    reads=(KUBECONFIG, CONFIG),
    flags=flags,
    settings=SETTINGS,
    values=values,
    files=files,
    directories=(Directory("/var/lib/kubelet", 0o750, owned_recursively=True),),
    side_effects=(
        SideEffect("cgroup", "kubepods"),
        SideEffect("mounts", "/var/lib/kubelet"),
        SideEffect("tree", "/var/log/pods"),
        SideEffect("tree", "/var/log/containers"),
        # Where it looks for volume plug-ins; it makes the folder.
        SideEffect("folders", "/usr/libexec/kubernetes"),
        SideEffect("chain-prefix", "KUBE-"),
        SideEffect("sysctl", "vm/overcommit_memory", "1"),
        SideEffect("sysctl", "kernel/panic", "10"),
        SideEffect("sysctl", "kernel/panic_on_oops", "1"),
        SideEffect("sysctl", "kernel/keys/root_maxkeys", "1000000"),
        SideEffect("sysctl", "kernel/keys/root_maxbytes", "25000000"),
    ),
    ports=(10248, 10250),
    ready=ready,
    timeout=120,
)
