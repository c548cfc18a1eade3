"""kube-up's settings (cluster/ubuntu/config-default.sh, Kubernetes 0.8 to 1.5), and what each of them is today."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from kubeup.importer import options
from kubeup.importer.conversion import Conversion, HowItEnded
from kubeup.importer.values import Setting
from kubeup.model.cluster import Cluster, Network

Rule = Callable[[Conversion, Setting], None]
LOGS = "kubeup installs no log collector; `kubectl logs` reads a node's own files"
CNI = "pods have flannel's network, and kubeup brings the CNI plugins it needs"
COUNTED = "the machines are counted"
VERSION = "kubeup takes versions that are known to fit; kubernetes: and versions: choose others"
GONE = {
    "ALLOW_PRIVILEGED": "allowed; a namespace's pod-security label restricts it",
    "API_SERVER": "a master, port 6443, by TLS",
    "CERT_GROUP": "keys belong to root alone",
    "CNI_KUBELET_TRIGGER": CNI,
    "CNI_PLUGIN_CONF": CNI,
    "CNI_PLUGIN_EXES": CNI,
    "DEBUG": "it traced kube-up itself; every failure of kubeup comes with its output",
    "DNS_REPLICAS": "the dns addon says how many",
    "ELASTICSEARCH_LOGGING_REPLICAS": LOGS,
    "ENABLE_CLUSTER_LOGGING": LOGS,
    "ENABLE_DNS_HORIZONTAL_AUTOSCALER": "the dns addon says how many",
    "ENABLE_NODE_LOGGING": LOGS,
    "ENABLE_NODE_MONITORING": "kubelet gives a node's figures itself",
    "ETCD_VERSION": VERSION,
    "EXTRA_SANS": "the API's certificate names the masters' names and addresses, and the service's",
    "FLANNEL_VERSION": VERSION,
    "KUBE_SERVER": "a master, port 6443, by TLS",
    "KUBE_VERSION": VERSION,
    "LOCAL_APISERVER_TUNNEL_PORT": "there is no insecure port; a bastion goes under ssh:",
    "LOGGING_DESTINATION": LOGS,
    "NUM_MINIONS": COUNTED,
    "NUM_NODES": COUNTED,
    "RUNTIME_CONFIG": "API groups of that time; kube_apiserver: {flags: {runtime-config: ...}} takes today's",
}
OTHER_PROVIDERS = frozenset({"MASTER", "MINIONS", "NODES", "MASTER_SIZE", "ZONE", "INSTANCE_PREFIX", "KUBE_GCE_ZONE"})
DEFAULTS = Network.__dataclass_fields__


def text(key: str, default: str = "") -> Rule:
    """A setting that is the profile's under another name. default: what need not be written."""

    def rule(conversion: Conversion, setting: Setting) -> None:
        value = setting.value.strip()
        if value == default:
            conversion.say(setting, HowItEnded.DEFAULT, f"{key}: {value}, the default")
        else:
            conversion.put(setting, key, value)

    return rule


def nodes(conversion: Conversion, setting: Setting) -> None:
    """``user@address`` words."""
    words = list(setting.words)
    if any("," in word for word in words):
        message, fix = "nodes are separated by blanks, not by commas", 'write nodes="USER@ADDRESS USER@ADDRESS"'
        conversion.warning(setting, "", message, fix)
        words = [one for word in words for one in word.split(",") if one]
    conversion.put(setting, "nodes", words, f"nodes: {len(words)} machine{'s' if len(words) != 1 else ''}")


def older_range(conversion: Conversion, setting: Setting) -> None:
    """PORTAL_NET, as SERVICE_CLUSTER_IP_RANGE was called before Kubernetes 0.18."""
    if "SERVICE_CLUSTER_IP_RANGE" in conversion.settings:
        conversion.gone(setting, "SERVICE_CLUSTER_IP_RANGE counts")
    else:
        conversion.put(setting, "service_cluster_ip_range", setting.value.strip())


def static_pods(conversion: Conversion, setting: Setting) -> None:
    """KUBELET_CONFIG was kubelet's --config, a path of manifests."""
    became = f"kubelet: config: staticPodPath: {setting.value}; its manifests may need today's API versions"
    conversion.put(setting, "kubelet", {"config": {"staticPodPath": setting.value}}, became)


def addon(name: str, became: str) -> Rule:
    """A switch that installed something, and what stands in its place. Anything but ``true`` was off."""

    def rule(conversion: Conversion, setting: Setting) -> None:
        on = setting.value.strip() == "true"
        conversion.say(setting, HowItEnded.TAKEN if on else HowItEnded.GONE, became if on else f"it was off: no {name}")

    return rule


RULES: dict[str, Rule] = {
    "ADMISSION_CONTROL": options.admission,
    "DNS_DOMAIN": text("dns_domain", str(DEFAULTS["dns_domain"].default)),
    "DNS_SERVER_IP": text("dns_server_ip"),
    "DOCKER_OPTS": options.docker,
    "ENABLE_CLUSTER_DNS": addon("dns", "addons: dns"),
    "ENABLE_CLUSTER_MONITORING": addon(
        "metrics-server", "addons: metrics-server; heapster, InfluxDB and Grafana ended"
    ),
    "ENABLE_CLUSTER_UI": addon("dashboard", "addons: dashboard"),
    "FLANNEL_BACKEND": options.flannel_backend,
    "FLANNEL_NET": text("flannel_net"),
    "FLANNEL_OTHER_NET_CONFIG": options.flannel_other,
    "HTTPS_PROXY": options.proxy,
    "HTTP_PROXY": options.proxy,
    "KUBELET_CONFIG": static_pods,
    "KUBE_PROXY_EXTRA_OPTS": options.kube_proxy,
    "NO_PROXY": options.proxy,
    "PORTAL_NET": older_range,
    "PROXY_SETTING": options.proxy,
    "SERVICE_CLUSTER_IP_RANGE": text("service_cluster_ip_range"),
    "SERVICE_NODE_PORT_RANGE": text("node_port_range", "-".join(map(str, Network.node_ports))),
    "SSH_OPTS": options.ssh,
    "http_proxy": options.proxy,
    "https_proxy": options.proxy,
    "no_proxy": options.proxy,
    "nodes": nodes,
}
ROLES = ("roles", "role", "roles_array")
KNOWN = frozenset({*RULES, *GONE, *ROLES})
NEEDED = frozenset({"nodes", *ROLES})


def convert(conversion: Conversion, setting: Setting) -> None:
    """What one setting becomes; the roles, which are several together, are in checks.py."""
    name = setting.name
    if name in GONE:
        conversion.gone(setting, GONE[name])
    elif name not in RULES:
        _strange(conversion, setting)
    elif setting.unknown:
        _unknown(conversion, setting)
    elif not setting.words:
        if name == "nodes":
            conversion.error(setting, "", "`nodes` is empty", 'write nodes="USER@ADDRESS USER@ADDRESS"')
            conversion.faulty.add("nodes")
        conversion.gone(setting, "empty")
    else:
        RULES[name](conversion, setting)


def addons(conversion: Conversion) -> None:
    """``addons:`` of the three switches, where that is not kubeup's default."""
    switches = {
        "dns": "ENABLE_CLUSTER_DNS",
        "metrics-server": "ENABLE_CLUSTER_MONITORING",
        "dashboard": "ENABLE_CLUSTER_UI",
    }
    found = {name: conversion.settings.get(switch) for name, switch in switches.items()}
    wanted = [
        name
        for name, setting in found.items()
        if (setting.value.strip() == "true" if setting is not None else name in Cluster.addons)
    ]
    if tuple(wanted) != Cluster.addons:
        conversion.draft.put("addons", wanted, *(setting for setting in found.values() if setting is not None))


def _unknown(conversion: Conversion, setting: Setting) -> None:
    what = ", ".join(setting.unknown)
    fix = f"write the value out, or put it into the profile yourself: {setting.name}=..."
    message = f"`{setting.name}` cannot be worked out: it needs {what}, and nothing is carried out"
    if setting.name in NEEDED:
        conversion.error(setting, what, message, fix)
        conversion.faulty.update(("nodes", "roles"))
    else:
        conversion.warning(setting, what, message, fix)
    conversion.left(setting, f"not worked out: it needs {what}")


def _strange(conversion: Conversion, setting: Setting) -> None:
    """None of kube-up's: a helper of another setting, or a slip of the pen."""
    users = conversion.users.get(setting.name)
    if users:
        conversion.gone(setting, f"a part of {', '.join(users[:3])}")
        return
    near = difflib.get_close_matches(setting.name, KNOWN, 1, 0.85)
    missing = [name for name in near if name not in conversion.settings]
    if missing:
        message = f"kube-up has no setting `{setting.name}`"
        conversion.warning(setting, setting.name, message, f"did you mean `{missing[0]}`?")
    conversion.left(setting, f"did you mean {missing[0]}?" if missing else "no setting of kube-up's for Ubuntu")


def overridable(settings: Iterable[Setting]) -> tuple[str, ...]:
    """Names of settings that kube-up took from the environment where they were set there."""
    return tuple(one.name for one in settings if one.name in (*RULES, *ROLES) and one.environment and one.words)
