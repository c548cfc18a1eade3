"""A machine of a cluster as a value: what a profile says of it, and the order in which machines are counted."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


class Role(enum.Enum):
    """What a machine does. kube-up wrote them ``a`` (it said master), ``i`` (it said node) and ``ai`` (both)."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"

    @staticmethod
    def recorded(text: str) -> frozenset[Role]:
        """Out of a node's record: values with commas between."""
        return frozenset(Role(word) for word in text.split(",") if word)


@dataclass(frozen=True)
class Taint:
    """A node taint: ``key=value:effect``."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class Node:
    """One machine.

    host: what SSH dials (name, address or an alias of ~/.ssh/config). address: the IP the cluster uses for it; empty
    until ``resolve`` when the profile does not say. name: the Kubernetes node name; empty until ``resolve``.
    user, port, key, bastion, host_key: empty means: as ~/.ssh/config says. host_key: a pinned key,
    ``ssh-ed25519 AAAA...`` or ``SHA256:...``.
    """

    host: str
    roles: frozenset[Role]
    name: str = ""
    address: str = ""
    user: str = ""
    port: int | None = None
    key: str = ""
    bastion: str = ""
    host_key: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()

    @property
    def is_control_plane(self) -> bool:
        return Role.CONTROL_PLANE in self.roles

    @property
    def is_worker(self) -> bool:
        return Role.WORKER in self.roles

    @property
    def endpoint(self) -> str:
        """By what answers, failures and connections are told apart: a host may have several nodes, by their ports."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def title(self) -> str:
        """How people are told about it: its name where known, else what SSH dials."""
        return self.name or self.host

    @property
    def api_server(self) -> str:
        """The URL of its API server, if it has one."""
        return f"https://{self.address}:6443"


def by_address(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """In the order of their addresses, as numbers; those without one behind them, by what SSH dials."""
    return tuple(sorted(nodes, key=_place))


def _place(node: Node) -> tuple[bool, int, str]:
    try:
        return False, int(ipaddress.ip_address(node.address)), node.endpoint
    except ValueError:
        return True, 0, node.endpoint
