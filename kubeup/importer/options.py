"""Settings that hold options of other programs: Docker's, SSH's, kube-proxy's, flannel's, and the proxy's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from kubeup.importer.conversion import Conversion, HowItEnded
from kubeup.importer.draft import Data
from kubeup.importer.values import Setting

NETWORK_OF_DOCKER = frozenset({"bip", "mtu", "iptables", "ip-masq", "bridge", "b", "fixed-cidr"})
ADMISSION_DEFAULTS = frozenset(
    [
        "NamespaceLifecycle",
        "LimitRanger",
        "ServiceAccount",
        "TaintNodesByCondition",
        "PodSecurity",
        "Priority",
        "DefaultTolerationSeconds",
        "DefaultStorageClass",
        "StorageObjectInUseProtection",
        "PersistentVolumeClaimResize",
        "RuntimeClass",
        "DefaultIngressClass",
        "MutatingAdmissionWebhook",
        "ValidatingAdmissionWebhook",
        "ResourceQuota",
        "NodeRestriction",
    ]
)
"""On in every cluster of kubeup: kube-apiserver 1.37's own list, and what kubeup adds."""
ADMISSION_ON_DEMAND = frozenset(
    [
        "AlwaysPullImages",
        "DenyServiceExternalIPs",
        "ExtendedResourceToleration",
        "LimitPodHardAntiAffinityTopology",
        "NamespaceAutoProvision",
        "NamespaceExists",
        "OwnerReferencesPermissionEnforcement",
        "PodNodeSelector",
        "PodTolerationRestriction",
    ]
)
"""Those of kube-apiserver 1.37 that need a flag and no configuration of their own."""


def options(words: Sequence[str], flags: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """``--name=value``, ``--name value`` and ``-n value`` as pairs; flags: names that have no value."""
    waiting = ""
    for word in words:
        text = word.strip("\"'")
        if waiting and not text.startswith("-"):
            yield waiting, text
            waiting = ""
            continue
        if waiting:
            yield waiting, ""
            waiting = ""
        if not text.startswith("-"):
            yield "", text
            continue
        name, equals, value = text.lstrip("-").partition("=")
        if equals or name in flags:
            yield name, value.strip("\"'")
        else:
            waiting = name
    if waiting:
        yield waiting, ""


def docker(conversion: Conversion, setting: Setting) -> None:
    """DOCKER_OPTS: mirrors and registries are the profile's; the rest is Docker's own, which kubeup leaves alone."""
    mirrors: list[str] = []
    insecure: list[str] = []
    own: list[str] = []
    network: list[str] = []
    for name, value in options(setting.value.split(), frozenset({"D", "debug"})):
        if name == "registry-mirror" and value:
            mirrors.append(value)
        elif name == "insecure-registry" and value:
            insecure.append(value)
        elif name:
            (network if name in NETWORK_OF_DOCKER else own).append(f"-{'-' if len(name) > 1 else ''}{name}")
        else:
            own.append(value)
    said = []
    if mirrors:
        conversion.draft.put("registry_mirrors", {"docker.io": mirrors}, setting)
        said.append(f"registry_mirrors: docker.io from {', '.join(mirrors)}")
    if insecure:
        conversion.draft.put("insecure_registries", insecure, setting)
        said.append(f"insecure_registries: {', '.join(insecure)}")
    if own:
        said.append(f"{' '.join(dict.fromkeys(own))}: left to the node's own Docker, which keeps its options")
    if network:
        said.append(f"{' '.join(dict.fromkeys(network))}: gone, pods have a network beside Docker's")
    conversion.say(setting, HowItEnded.TAKEN if mirrors or insecure else HowItEnded.LEFT, "; ".join(said))


def ssh(conversion: Conversion, setting: Setting) -> None:
    """SSH_OPTS: port, key, user and bastion; a host key is not taken unseen."""
    found: dict[str, Data] = {}
    said: list[str] = []
    names = {"p": "port", "i": "identityfile", "l": "user", "J": "proxyjump", "F": "config"}
    keys = {"port": "port", "identityfile": "key", "user": "user", "proxyjump": "bastion", "config": "config"}
    for option, value in _ssh_options(setting.value.split()):
        name = names.get(option, option.lower())
        if name == "port" and value == "22":
            continue
        if name in keys and value:
            found[keys[name]] = value
        elif name in ("stricthostkeychecking", "userknownhostsfile", "globalknownhostsfile"):
            said.append("host keys are verified; ssh: {host_keys: accept-new} takes those not known yet")
        elif name != "loglevel":
            said.append(f"{option}: put it into ~/.ssh/config")
    if found:
        conversion.draft.put("ssh", found, setting)
        said.insert(0, f"ssh: {', '.join(f'{key} {value}' for key, value in found.items())}")
    outcome = HowItEnded.TAKEN if found else HowItEnded.GONE
    conversion.say(setting, outcome, "; ".join(dict.fromkeys(said)) or "kubeup reads ~/.ssh/config")


def _ssh_options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """``-oPort=22``, ``-o Port=22``, ``-p 22`` and ``-p22`` as pairs."""
    rest = iter(words)
    for word in rest:
        letter = word[1:2]
        if not word.startswith("-") or letter not in ("o", "p", "i", "l", "J", "F"):
            yield word, ""
            continue
        value = word[2:] or next(rest, "")
        if letter == "o":
            name, _, value = value.partition("=")
            yield name, value
        else:
            yield letter, value


def proxy(conversion: Conversion, setting: Setting) -> None:
    """PROXY_SETTING: words of an environment; also http_proxy and its like by themselves."""
    pairs = [(setting.name, setting.value)]
    if setting.name == "PROXY_SETTING":
        pairs = [(name, value) for name, _, value in (word.partition("=") for word in setting.words)]
    found: dict[str, Data] = {}
    strange = []
    for name, value in pairs:
        if name.lower() in ("http_proxy", "https_proxy") and value:
            found[name.lower().removesuffix("_proxy")] = value.strip("\"'")
        elif name.lower() == "no_proxy":
            found["no_proxy"] = [one for one in value.strip("\"'").split(",") if one]
        elif value or setting.name == "PROXY_SETTING":
            strange.append(name)
    for name in strange:
        message = f"`{name}` is none of http_proxy=URL, https_proxy=URL, no_proxy=HOST,..."
        conversion.warning(setting, name, message, "write it so, or take it out")
    if found:
        shown = ", ".join(
            f"{key} {' '.join(value) if isinstance(value, list) else value}" for key, value in found.items()
        )
        conversion.put(
            setting, "proxy", found, f"proxy: {shown}; kube-up took it for easy-rsa alone, kubeup for all downloads"
        )
    else:
        conversion.left(setting, "not a proxy")


def kube_proxy(conversion: Conversion, setting: Setting) -> None:
    """KUBE_PROXY_EXTRA_OPTS: the mode, and how much is logged."""
    said = []
    taken = False
    for name, value in options(setting.value.split(), frozenset({"masquerade-all"})):
        if name == "proxy-mode" and value in ("iptables", "nftables"):
            conversion.draft.put("proxy_mode", value, setting)
            said.append(f"proxy_mode: {value}")
            taken = True
        elif name == "proxy-mode":
            said.append(f"proxy-mode {value} is gone; nftables is the default, proxy_mode: iptables the other")
        elif name == "v" and value.isascii() and value.isdigit():
            conversion.draft.put("kube_proxy", {"flags": {"v": value}}, setting)
            said.append(f"kube_proxy: flags: v: {value}")
            taken = True
        else:
            said.append(f"{name or value}: see kube_proxy: {{config: ...}}, kube-proxy is configured by a file now")
    conversion.say(setting, HowItEnded.TAKEN if taken else HowItEnded.LEFT, "; ".join(said))


def admission(conversion: Conversion, setting: Setting) -> None:
    """ADMISSION_CONTROL: those that are not on anyhow, and are still there."""
    names = [name for name in setting.value.replace(",", " ").split() if name not in ADMISSION_DEFAULTS]
    wanted = [name for name in names if name in ADMISSION_ON_DEMAND]
    gone = [name for name in names if name not in ADMISSION_ON_DEMAND]
    lost = f"; not taken over: {', '.join(gone)} (gone, or in need of a file of its own)" if gone else ""
    if wanted:
        flags = {"enable-admission-plugins": ",".join(["NodeRestriction", *wanted])}
        conversion.draft.put("kube_apiserver", {"flags": flags}, setting)
        conversion.say(setting, HowItEnded.TAKEN, f"kube_apiserver: enable-admission-plugins {', '.join(wanted)}{lost}")
    else:
        conversion.say(setting, HowItEnded.LEFT if gone else HowItEnded.DEFAULT, f"on by default today{lost}")


def flannel_backend(conversion: Conversion, setting: Setting) -> None:
    """FLANNEL_BACKEND: a JSON object with a Type."""
    found = _json(conversion, setting, setting.value)
    if found is None:
        return
    kind = found.pop("Type", "vxlan")
    said = []
    if kind in ("vxlan", "host-gw"):
        if kind == "host-gw":
            conversion.draft.put("flannel_backend", kind, setting)
            said.append("flannel_backend: host-gw")
    else:
        conversion.warning(
            setting, str(kind), f"flannel's backend {kind} is not one of kubeup's", "vxlan is taken; or use host-gw"
        )
    names = ("Port", "DirectRouting") if kind == "vxlan" else ()
    kept = {key: value for key in names if isinstance(value := found.pop(key, None), int)}
    if kept:
        conversion.draft.put("flannel", {"config": {"Backend": kept}}, setting)
        said.append(f"flannel: config: Backend: {', '.join(kept)}")
    if found:
        said.append(f"{', '.join(found)}: not taken over")
    outcome = (
        HowItEnded.TAKEN if kept or kind == "host-gw" else HowItEnded.DEFAULT if kind == "vxlan" else HowItEnded.LEFT
    )
    conversion.say(setting, outcome, "; ".join(said) or "flannel_backend: vxlan, the default")


def flannel_other(conversion: Conversion, setting: Setting) -> None:
    """FLANNEL_OTHER_NET_CONFIG: fields of a JSON object, each behind a comma."""
    found = _json(conversion, setting, "{" + setting.value.strip().strip(",") + "}")
    if found is None:
        return
    length = found.pop("SubnetLen", None)
    said = []
    if isinstance(length, int) and length != 24:
        conversion.draft.put("node_mask", str(length), setting)
        said.append(f"node_mask: {length}")
    if found:
        said.append(f"{', '.join(found)}: gone, kubeup gives each node its part of flannel_net itself")
    outcome = HowItEnded.TAKEN if "node_mask" in conversion.draft.values else HowItEnded.GONE
    conversion.say(setting, outcome, "; ".join(said) or "node_mask: 24, the default")


def _json(conversion: Conversion, setting: Setting, text: str) -> dict[str, Data] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    conversion.warning(setting, "", f"`{setting.name}` is not JSON once the shell has read it", "put it in '...'")
    conversion.left(setting, "it cannot be read")
    return None
