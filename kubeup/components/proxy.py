"""The profile's proxy for a container runtime: variables, in a file that its unit reads at start."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from kubeup.model.cluster import Cluster
from kubeup.model.facts import Facts
from kubeup.model.networks import no_proxy
from kubeup.model.resources import File

NO_PROXY = "NO_PROXY="


def environment(path: str, cluster: Cluster, facts: Facts) -> File:
    """cluster: with a proxy.

    A file that is there stays where all it lacks, or has too much, is nodes' addresses: a runtime asks registries and
    no nodes, and would be restarted on every machine for each one that joins.
    """
    lines = ["# Written by kubeup, out of the profile's proxy."]
    lines += [f"HTTP_PROXY={cluster.proxy.http}"] if cluster.proxy.http else []
    lines += [f"HTTPS_PROXY={cluster.proxy.https}"] if cluster.proxy.https else []
    lines.append(f"{NO_PROXY}{no_proxy(cluster)}")
    wanted = "".join(f"{line}\n" for line in lines).encode()
    fact, owned = facts.file(path), facts.record.owned.get(path)
    before = fact.content if fact.content and owned and owned.value == fact.sha256 else b""
    stays = _meant(before, cluster) == _meant(wanted, cluster)
    return File(path, before if stays else wanted, mode=0o600, secret=True)


def _meant(text: bytes, cluster: Cluster) -> tuple[frozenset[str], frozenset[str]]:
    """(its other lines, what no proxy is asked for but for nodes that are no registries)"""
    lines = text.decode("utf-8", "replace").split("\n")
    exempt = {word for line in lines if line.startswith(NO_PROXY) for word in line.removeprefix(NO_PROXY).split(",")}
    named = {*cluster.proxy.no_proxy, "127.0.0.1", *_registries(cluster)}
    others = frozenset(line for line in lines if not line.startswith(NO_PROXY))
    return others, frozenset(word for word in exempt if word in named or not _is_address(word))


def _registries(cluster: Cluster) -> set[str]:
    """Hosts, without ports."""
    known = cluster.registries
    urls = [url for mirrors in known.mirrors.values() for url in mirrors]
    hosts = [*known.insecure, *known.ca, *known.logins, cluster.image_repository.partition("/")[0]]
    images = [image.partition("/")[0] for image in cluster.images]
    return {urlsplit(url).hostname or "" for url in urls} | {host.partition(":")[0] for host in (*hosts, *images)}


def _is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True
