"""The keys of a profile, one after the other, into a Cluster. What is wrong is noted, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kubeup.model.cluster import Cluster, HostKeys, Override, Proxy, ProxyMode, Runtime, Source, Value
from kubeup.model.lab_folder import ssh_config
from kubeup.profile import addons, registries, versions
from kubeup.profile import network as network_module
from kubeup.profile import nodes as nodes_module
from kubeup.profile.reading import ParseContext, choice_of, expect, path_of, strings, text_of, words
from kubeup.profile.tree import Key, YamlValue

COMPONENTS = (
    "etcd",
    "flannel",
    "docker",
    "cri-dockerd",
    "containerd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
)
KEYS = (
    "name",
    "nodes",
    "roles",
    "service_cluster_ip_range",
    "flannel_net",
    "dns_server_ip",
    "dns_domain",
    "node_mask",
    "node_port_range",
    "flannel_backend",
    "runtime",
    "proxy_mode",
    "kubernetes",
    "versions",
    "ssh",
    "sources",
    "pins",
    "proxy",
    "registry_mirrors",
    "insecure_registries",
    "registry_ca",
    "registry_auth",
    "image_repository",
    "addons",
    "dns_upstream",
    "ingress_nodes",
    "load_balancer_addresses",
    "storage_path",
    "images",
    "waive",
    "lab",
)
LAB_NAME = re.compile("[A-Za-z0-9]{1,8}")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def cluster(root: YamlValue, reading: ParseContext, folder: Path, stem: str) -> Cluster | None:
    """The Cluster, or None where something is wrong."""
    if root.kind != "mapping":
        reading.error(
            root, f"a profile is a mapping of keys, not {root.words}", "write NAME: VALUE lines, e.g. roles: ai i"
        )
        return None
    overrides = _overrides(root, reading)
    for key, value in root.entries:
        if key.text.replace("_", "-") not in COMPONENTS:
            if key.text in KEYS:
                reading.places[key.text] = value
            else:
                reading.unknown(key, (*KEYS, *(name.replace("-", "_") for name in COMPONENTS)), "key")
    get = reading.places.get
    ssh = _Ssh.read(get("ssh"), reading, folder, get("lab"))
    found = nodes_module.read(root, reading, ssh.user, ssh.port, ssh.key, ssh.bastion)
    read_versions = versions.read(get("kubernetes"), get("versions"), reading)
    extra = addons.read(reading, folder)
    return Cluster(
        name=text_of(get("name"), reading, LABEL, "a name of lower-case letters, digits and -") or _stem(stem),
        nodes=found,
        network=network_module.read(reading),
        runtime=choice_of(get("runtime"), reading, Runtime),
        proxy_mode=choice_of(get("proxy_mode"), reading, ProxyMode) or ProxyMode.NFTABLES,
        versions=read_versions,
        sources=_sources(get("sources"), reading),
        host_keys=ssh.host_keys,
        proxy=_proxy(get("proxy"), reading),
        registries=registries.read(reading, folder),
        image_repository=text_of(get("image_repository"), reading),
        overrides=overrides,
        pins=_pins(get("pins"), reading),
        ssh_config=ssh.config,
        addons=extra.names,
        own_addons=extra.own,
        dns_upstream=extra.dns_upstream,
        ingress_nodes=extra.ingress_nodes,
        load_balancer_addresses=extra.load_balancer_addresses,
        storage_path=extra.storage_path,
        images=registries.images(reading),
        waive=frozenset(words(get("waive"), reading)),
    )


def _stem(stem: str) -> str:
    name = re.sub(r"[^a-z0-9-]+", "-", stem.lower()).strip("-")
    return name if name and name != "profile" else "kubeup"


@dataclass(frozen=True)
class _Ssh:
    """The ``ssh:`` section: what goes for every node that does not say otherwise."""

    user: str = ""
    port: int | None = None
    key: str = ""
    bastion: str = ""
    config: str = ""
    host_keys: HostKeys = HostKeys.STRICT

    @staticmethod
    def read(value: YamlValue | None, reading: ParseContext, folder: Path, lab: YamlValue | None) -> _Ssh:
        name = text_of(lab, reading, LAB_NAME, "the name of a lab: up to 8 letters and digits")
        config = str(ssh_config(name)) if name else ""
        if value is None or not expect(value, "mapping", reading, "ssh: {user: ubuntu, port: 22}"):
            return _Ssh(config=config)
        known = ("user", "port", "key", "bastion", "config", "host_keys")
        for key in value.keys():
            if key.text not in known:
                reading.unknown(key, known, "key under ssh")
        get = value.get
        said = get("config")
        if said is not None and expect(said, "text", reading, "config: ssh_config"):
            path = path_of(said, reading, folder)
            config = str(path) if path is not None else config
        port = get("port")
        return _Ssh(
            user=text_of(get("user"), reading),
            port=nodes_module.port(port, reading) if port is not None else None,
            key=text_of(get("key"), reading),
            bastion=text_of(get("bastion"), reading),
            config=config,
            host_keys=choice_of(get("host_keys"), reading, HostKeys) or HostKeys.STRICT,
        )


def _sources(value: YamlValue | None, reading: ParseContext) -> tuple[Source, ...]:
    if value is None:
        return (Source("cache"), Source("official"))
    example = "sources: [cache, official, https://mirror.example.com/kubernetes]"
    if not expect(value, "list", reading, example):
        return (Source("cache"), Source("official"))
    found = [_source(item, reading, example) for item in value.items]
    if not value.items:
        reading.error(value, "there is no source that binaries could come from", f"e.g. {example}")
    return tuple(source for source in found if source is not None)


def _source(item: YamlValue, reading: ParseContext, example: str) -> Source | None:
    if not expect(item, "text", reading, example):
        return None
    if item.text in ("cache", "official", "go"):
        return Source(item.text)
    if re.match(r"(https?|file)://.", item.text):
        return Source("mirror", item.text)
    reading.unknown(Key(item.text, item.place), ("cache", "official", "go", "https://...", "file:///..."), "source")
    return None


def _proxy(value: YamlValue | None, reading: ParseContext) -> Proxy:
    if value is None or not expect(value, "mapping", reading, "proxy: {http: http://10.0.0.1:3128}"):
        return Proxy()
    for key in value.keys():
        if key.text not in ("http", "https", "no_proxy"):
            reading.unknown(key, ("http", "https", "no_proxy"), "key under proxy")
    return Proxy(
        text_of(value.get("http"), reading),
        text_of(value.get("https"), reading),
        tuple(words(value.get("no_proxy"), reading)),
    )


def _pins(value: YamlValue | None, reading: ParseContext) -> dict[str, str]:
    pins = {}
    for name, item in strings(value, reading, "pins: {flanneld-0.28.10-amd64: SHA256}").items():
        if re.fullmatch(r"[0-9a-fA-F]{64}", item.text):
            pins[name] = item.text.lower()
        else:
            reading.error(item, f"`{item.text}` is not a sha256 sum", "64 hexadecimal digits, as sha256sum prints them")
    return pins


def _overrides(root: YamlValue, reading: ParseContext) -> dict[str, Override]:
    found: dict[str, Override] = {}
    for key, value in root.entries:
        name = key.text.replace("_", "-")
        if name in found:
            reading.error(key, f"`{key.text}` is {name}, of which settings stand above already", "put all in one place")
        elif name in COMPONENTS:
            found[name] = _override(value, reading)
    return found


def _override(value: YamlValue, reading: ParseContext) -> Override:
    example = "kubelet: {config: {maxPods: 200}, flags: {v: 2}}"
    if not expect(value, "mapping", reading, example):
        return Override()
    for key in value.keys():
        if key.text not in ("config", "flags"):
            reading.unknown(key, ("config", "flags"), "key of a component")
    flags = {}
    for name, item in strings(value.get("flags"), reading, example).items():
        if re.search(r"\s", item.text):
            reading.error(
                item, "a flag's value cannot hold blanks: systemd splits it there", "take the component's config"
            )
        flags[name.lstrip("-")] = item.text
    config = value.get("config")
    if config is None or not expect(config, "mapping", reading, example):
        return Override(flags=flags)
    frozen = freeze(config)
    assert isinstance(frozen, Mapping)
    return Override(config=frozen, flags=flags)


def freeze(value: YamlValue) -> Value:
    """A settings value as YAML 1.2 reads it: true, 12, 0.5, words; lists are tuples."""
    if value.kind == "mapping":
        return {key.text: freeze(item) for key, item in value.entries}
    if value.kind == "list":
        return tuple(freeze(item) for item in value.items)
    if value.kind == "null":
        return None
    return value.text if value.quoted else _scalar(value.text)


def _scalar(text: str) -> str | int | float | bool:
    if text in ("true", "True", "false", "False"):
        return text.lower() == "true"
    readers: tuple[tuple[str, Callable[[str], int | float]], ...] = (
        # Longer ones are words: no setting is that large, and Python reads no more than 4300 digits.
        ("[-+]?[0-9]{1,18}", int),
        (r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?", float),
    )
    for form, reader in readers:
        if re.fullmatch(form, text):
            return reader(text)
    return text
