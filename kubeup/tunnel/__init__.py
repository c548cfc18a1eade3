"""``--proxy-through-me``: nodes that have no way out use the operator's, over the SSH connection they are reached by.

sshd listens on the node's loopback, for as long as the connection lasts; what connects there arrives here and is served
by proxy.py. Nothing listens on the operator's machine, nothing is written on the node.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from kubeup.images.names import normal
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError
from kubeup.model.events import EventSink, Note
from kubeup.model.networks import no_proxy
from kubeup.node.wire.transport import NodeConnection
from kubeup.sources import proxies
from kubeup.tunnel.proxy import Asked, ForwardProxy

__all__ = ["Tunnel"]

WITHOUT = "kubeup goes on without; `kubeup images pull` brings images over SSH without it"


class Tunnel:
    """The way out through this machine, of all nodes of one run."""

    def __init__(self, cluster: Cluster, connection: Callable[[Node], NodeConnection], emit: EventSink) -> None:
        """connection: the one that a node is used by."""
        self.no_proxy = no_proxy(cluster)
        self._connect, self._emit = connection, emit
        self._proxy = ForwardProxy(proxies.effective(cluster.proxy), frozenset(_named(cluster)))
        self._lock = threading.Lock()
        self._connections: dict[str, NodeConnection] = {}
        self._without: set[str] = set()

    def url(self, node: Node) -> str:
        """What a node is to use as its proxy, a secret of this run; empty where its SSH server does not help, which is
        said once. Used by the thread that uses the node's connection."""
        if node.endpoint in self._without:
            return ""
        connection = self._connect(node)
        try:
            port = connection.forward(self._proxy.take)
        except KubeupError as error:
            with self._lock:
                self._without.add(node.endpoint)
            reasons = "; ".join((error.message, *error.evidence))
            self._emit(Note(f"warning: no proxy through this machine: {reasons}. {error.fix}. {WITHOUT}", node.title))
            return ""
        with self._lock:
            self._connections[node.endpoint] = connection
        return f"http://{self._proxy.login}@127.0.0.1:{port}"

    def close(self) -> None:
        """Nothing listens on any node afterwards; then says which hosts were asked."""
        with self._lock:
            connections = tuple(self._connections.values())
            self._connections.clear()
        for connection in connections:
            connection.forward_no_more()
        self._proxy.close()
        for place, asked in sorted(self._proxy.asked.items()):
            self._emit(Note(_told(place, asked)))


def _told(place: str, asked: Asked) -> str:
    count = f"{asked.requests} request{'' if asked.requests == 1 else 's'}, {asked.bytes / 1e6:.1f} MB"
    return f"through this machine: {place}: {count}{f'; not reached: {asked.refused}' if asked.refused else ''}"


def _named(cluster: Cluster) -> Iterable[str]:
    """Hosts that the profile speaks of."""
    registries = cluster.registries
    yield from (*registries.insecure, *registries.ca, *registries.mirrors)
    yield from (urlsplit(url).netloc for urls in registries.mirrors.values() for url in urls)
    yield from (urlsplit(source.url).netloc.rpartition("@")[2] for source in cluster.sources if source.url)
    yield from (normal(name).partition("/")[0] for name in cluster.images)
    if cluster.image_repository:
        yield cluster.image_repository.partition("/")[0]
