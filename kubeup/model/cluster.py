"""The cluster as a value: what a profile says, with every default filled in.

Frozen and without behaviour that needs a node. A Cluster comes out of ``kubeup.profile.load``; ``resolve`` fills in
what only the machines know (their names and addresses), once they were asked.
"""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kubeup.model.node import Node as Node
from kubeup.model.node import Role as Role
from kubeup.model.node import Taint as Taint
from kubeup.model.node import by_address as by_address

Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = "Scalar | tuple[Value, ...] | Mapping[str, Value]"
"""What a settings file can hold, frozen: lists are tuples."""


class Runtime(enum.Enum):
    DOCKER = "docker"
    CONTAINERD = "containerd"


class ProxyMode(enum.Enum):
    """How kube-proxy programs services (KubeProxyConfiguration ``mode``)."""

    NFTABLES = "nftables"
    IPTABLES = "iptables"


class HostKeys(enum.Enum):
    """How an SSH host key that is not in known_hosts is met."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"


@dataclass(frozen=True)
class Network:
    """Addresses of the cluster. flannel_net: all pods; each node gets a /node_mask out of it."""

    flannel_net: ipaddress.IPv4Network
    service_range: ipaddress.IPv4Network
    dns_ip: ipaddress.IPv4Address
    dns_domain: str = "cluster.local"
    node_mask: int = 24
    node_ports: tuple[int, int] = (30000, 32767)
    flannel_backend: str = "vxlan"

    @property
    def api_ip(self) -> ipaddress.IPv4Address:
        """The address of the ``kubernetes`` Service: the first of the range (kube-apiserver takes it)."""
        return nth(self.service_range, 1)


DNS_NUMBER = 10
"""Where the cluster's DNS stands in the service range, if nobody says otherwise (as kubeadm does it)."""


def nth(addresses: ipaddress.IPv4Network, number: int) -> ipaddress.IPv4Address:
    """The first one is number 0. Of a range that is too small, its last: what is wrong with it is told elsewhere."""
    return addresses[min(number, addresses.num_addresses - 1)]


@dataclass(frozen=True)
class Program:
    """What upstream releases under one version: a value that stands with the component or addon that runs it.

    key: its word under a profile's ``versions:``. version: what a cluster gets whose profile says nothing, without a
    leading ``v``. floors: each minor version with its first patch without the known holes that ``holes`` names; minors
    older than the first of them are not tested with.

    way_back: what a living cluster may go back to: any version, an older patch of its minor version, or none, since it
    could not read what the newer one wrote. minor_by_minor: upstream supports no upgrade that passes one over.
    """

    key: str
    version: str
    floors: tuple[tuple[str, str], ...] = ()
    holes: str = ""
    way_back: Literal["any", "patch", "none"] = "any"
    minor_by_minor: bool = False


BALANCER_PORT = 7443
"""On 127.0.0.1 of machines with a balancer of their own (components/api_balancer.py)."""
KUBERNETES = Program("kubernetes", "1.37.2", way_back="patch", minor_by_minor=True)


@dataclass(frozen=True)
class Versions:
    """Which versions a cluster runs.

    By Program.key, without a leading ``v``. said: those that the profile speaks of. kept: those that the cluster has.
    """

    said: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)

    def of(self, program: Program) -> str:
        """The version of a program: the profile's, else what the cluster has, else kubeup's own choice."""
        return self.said.get(program.key) or self.kept.get(program.key) or program.version

    def with_(self, program: Program, version: str) -> Versions:
        """The same but for one program."""
        return dataclasses.replace(self, said={**self.said, program.key: version})

    @property
    def kubernetes(self) -> str:
        return self.of(KUBERNETES)


@dataclass(frozen=True)
class Proxy:
    """A forward proxy for downloads and image pulls. Values may hold a password: never print them."""

    http: str = ""
    https: str = ""
    no_proxy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Registries:
    """How nodes reach image registries. mirrors: upstream host -> mirror URLs. insecure: hosts (with :port) that speak
    plain http or have a certificate nobody checks. ca: registry host -> certificates (PEM). logins: registry host ->
    USER:PASSWORD."""

    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    insecure: tuple[str, ...] = ()
    ca: Mapping[str, str] = field(default_factory=dict)
    logins: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return bool(self.mirrors or self.insecure or self.ca or self.logins)


@dataclass(frozen=True)
class Manifest:
    """A file of the user's with objects for the cluster. template: its text is rendered first, with ``cluster``."""

    path: str
    text: str
    template: bool = False


@dataclass(frozen=True)
class Source:
    """One place binaries may come from, in the order tried.

    kind: ``cache`` (the operator's cache only), ``official`` (upstream's release sites), ``mirror`` (``url``: a
    site or ``file://`` folder with upstream's layout), ``go`` (built from Go modules on the operator's machine),
    ``bundle`` (``url``: the path of a file that ``kubeup release bundle`` made).
    """

    kind: str
    url: str = ""


@dataclass(frozen=True)
class Override:
    """What a profile says about one component: its values win over kubeup's. flags: without leading dashes, each with
    the values that it is given with, one after the other."""

    config: Mapping[str, Value] = field(default_factory=dict)
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cluster:
    """All of it. ``runtime`` is None when the profile leaves the choice to the nodes (see ``choose_runtime``).

    overrides: by component name (``kubelet``, ``kube-apiserver``, ...). pins: ``NAME-VERSION-ARCH`` or
    ``NAME-VERSION`` of a binary -> sha256. waive: ids of preflight problems the user accepts.
    """

    name: str
    nodes: tuple[Node, ...]
    network: Network
    runtime: Runtime | None = None
    proxy_mode: ProxyMode = ProxyMode.NFTABLES
    versions: Versions = field(default_factory=Versions)
    kubernetes_asked: str = ""
    """What the profile says of ``versions.kubernetes``: a patch (1.36.3), a minor (1.36), or nothing."""
    sources: tuple[Source, ...] = (Source("cache"), Source("official"))
    host_keys: HostKeys = HostKeys.STRICT
    proxy: Proxy = field(default_factory=Proxy)
    registries: Registries = field(default_factory=Registries)
    image_repository: str = ""
    snapshotter: str = "overlayfs"
    """What kubeup's containerd unpacks images with."""
    overrides: Mapping[str, Override] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
    require_pins: bool = False
    """Nothing that comes from a site is taken without a pin."""
    first_sums: Mapping[str, str] = field(default_factory=dict)
    """sha256 of first downloads that the cluster was built with, as its nodes' records have them; named as pins are."""
    release_ca: str = ""
    """Certificates (PEM) of authorities that sites are trusted by, beside the system's."""
    ssh_config: str = ""
    """An OpenSSH client configuration to use instead of ~/.ssh/config."""
    addons: tuple[str, ...] = ("dns",)
    addons_by_hand: tuple[str, ...] = ()
    """Those of ``addons`` that the profile does not name: ``kubeup addons up`` added them."""
    addons_removed: frozenset[str] = frozenset()
    """Those that ``kubeup addons down`` takes away."""
    own_addons: Mapping[str, tuple[Manifest, ...]] = field(default_factory=dict)
    """The user's own, by the name of their folder, which is in ``addons``."""
    dns_upstream: tuple[str, ...] = ()
    """Name servers, or a file of a machine's that names some; what the profile says, until ``resolve`` fills it in."""
    ingress_nodes: tuple[str, ...] = ()
    load_balancer_addresses: tuple[str, ...] = ()
    """FIRST-LAST or CIDR."""
    storage_path: str = ""
    images: tuple[str, ...] = ()
    """The user's own images that nodes should have, as REPOSITORY:TAG."""
    api_endpoint: str = ""
    """HOST:PORT of something outside that leads to every API server: a balancer, a virtual address, a name."""
    waive: frozenset[str] = frozenset()

    @property
    def control_plane(self) -> tuple[Node, ...]:
        """By address: what is made of them must not change when a profile lists them in another order."""
        return by_address(node for node in self.nodes if node.is_control_plane)

    @property
    def workers(self) -> tuple[Node, ...]:
        """Machines that run pods (role ``i`` or ``ai``), by address, too."""
        return by_address(node for node in self.nodes if node.is_worker)

    @property
    def has_several_api_servers(self) -> bool:
        return sum(node.is_control_plane for node in self.nodes) > 1

    def balances(self, node: Node) -> bool:
        """Whether a machine reaches the API by a balancer of its own: one without an API server, where there are
        several."""
        return not node.is_control_plane and self.has_several_api_servers

    def api_server_of(self, node: Node) -> str:
        """The URL by which a machine's own programs ask the API.

        A control-plane node asks its own API server: a kubelet must never be newer than the one that it asks
        (https://kubernetes.io/releases/version-skew-policy/), and in an upgrade the others are older for a while.
        """
        if node.is_control_plane:
            return node.api_server
        return f"https://127.0.0.1:{BALANCER_PORT}" if self.balances(node) else self.control_plane[0].api_server

    @property
    def api_server(self) -> str:
        """The URL for whoever asks from elsewhere; where the profile names no endpoint, one of several will do."""
        return f"https://{self.api_endpoint}" if self.api_endpoint else self.control_plane[0].api_server

    def override(self, component: str) -> Override:
        return self.overrides.get(component, Override())


def replace_nodes(cluster: Cluster, nodes: tuple[Node, ...]) -> Cluster:
    """The same cluster with other nodes."""
    return dataclasses.replace(cluster, nodes=nodes)
