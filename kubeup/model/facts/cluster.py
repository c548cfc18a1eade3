"""What the probes of all control-plane nodes say together.

What the running cluster says of itself is there, or it is ``Unknown``: that nobody could tell is never an empty list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AuthorityFact:
    """A certificate authority as the control plane has it. holders: titles of the nodes that have its key."""

    name: str
    certificate: bytes
    key_sha256: str
    holders: tuple[str, ...]


@dataclass(frozen=True)
class Unknown:
    """Nobody could tell. why: what came instead of an answer, a line a node that was asked, for people."""

    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeObject:
    """A Node object of the API. ready: its condition Ready is True. version: its kubelet's, ``v1.37.2``.

    pod_cidr: empty until it is given one. runtime: ``containerd://2.4.2``, empty until a kubelet was there.
    address: its InternalIP. unschedulable: cordoned, by whomever. labels and annotations: kubeup's own.
    routed: flannel runs there and told the others, which have a route to its pods.
    """

    name: str
    pod_cidr: str = ""
    version: str = ""
    runtime: str = ""
    ready: bool = False
    unschedulable: bool = False
    address: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    routed: bool = False


@dataclass(frozen=True)
class Member:
    """A member of etcd, as the members have agreed. name: empty until it was started for the first time.

    id: hexadecimal, as etcdctl takes it.
    """

    id: str
    name: str
    peer_urls: tuple[str, ...]
    learner: bool = False

    @property
    def address(self) -> str:
        """By which the others reach it; empty where it says none."""
        return self.peer_urls[0].removeprefix("https://").rpartition(":")[0] if self.peer_urls else ""


@dataclass(frozen=True)
class EtcdStatus:
    """What one member says of itself. version: ``3.6.16``. database: bytes on its disk. alarms: such as NOSPACE.

    cluster_id, member_id, leader_id: hexadecimal; leader_id is ``0`` where it sees none.
    """

    cluster_id: str
    member_id: str
    version: str
    leader_id: str = "0"
    learner: bool = False
    database: int = 0
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class BalancedServer:
    """An API server as a machine's balancer sees it. name: of its node. why: what came of the last check."""

    name: str
    up: bool
    why: str = ""


@dataclass(frozen=True)
class ClusterFacts:
    """What the control-plane nodes know together.

    authorities: by name; empty before the first ``up``. pod_cidrs: node name -> subnet already given away.
    shared: path -> sha256, for keys the control plane shares. had_addons: a control-plane node brought objects of
    addons, or began to.

    Of the running cluster, by its own word. nodes: every Node object; members: of etcd; both by the first control-plane
    node that could tell. etcd: title of a control-plane node -> what its member says of itself. api_versions: title ->
    version of the API server that runs there, ``v1.37.2``. The last two have every control-plane node that answered.
    well: ids of members that run and see a leader, as any of them could tell. without_data: titles of control-plane
    nodes that answered, and have no member's data.
    absent: endpoints of the profile's nodes that did not answer; nothing on the others changes because of that.
    """

    authorities: Mapping[str, AuthorityFact] = field(default_factory=dict)
    pod_cidrs: Mapping[str, str] = field(default_factory=dict)
    shared_key_digests: Mapping[str, str] = field(default_factory=dict)
    had_addons: bool = False
    nodes: tuple[NodeObject, ...] | Unknown = Unknown()
    members: tuple[Member, ...] | Unknown = Unknown()
    etcd: Mapping[str, EtcdStatus | Unknown] = field(default_factory=dict)
    api_versions: Mapping[str, str | Unknown] = field(default_factory=dict)
    well: frozenset[str] | Unknown = Unknown()
    without_data: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()

    @property
    def known_well(self) -> frozenset[str]:
        """Those of ``well``; none where nobody could tell."""
        return frozenset() if isinstance(self.well, Unknown) else self.well
