"""What a lab is, as a value, and where its things are."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

from kubeup.lab.kinds import KINDS, Kind
from kubeup.model.errors import LabError
from kubeup.model.lab_folder import state_root

FIRST_HOST = 13
"""node3 of the original story was 192.168.200.13: a node's number is the last part of its address less ten."""
LINK_PREFIX = "kl-"
NETNS_PREFIX = "kubeup-"
PASSWORD = "kubeup-lab"
"""Of the sudo users of lab nodes: ubuntu, or admin where root logs in, too."""


def cache_root() -> Path:
    return Path(os.environ.get("KUBEUP_LAB_CACHE", "/var/cache/kubeup-lab"))


@dataclass(frozen=True)
class LabNode:
    name: str
    address: str


@dataclass(frozen=True)
class Lab:
    """A lab to be. like: the name of a kind (kinds.py). size: how many nodes. first_host: the last part of the first
    one's address."""

    name: str = "lab"
    subnet: ipaddress.IPv4Network = ipaddress.IPv4Network("192.168.200.0/24")
    size: int = 2
    like: str = "debian"
    first_host: int = FIRST_HOST

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9]{1,8}", self.name):
            raise LabError(f"`{self.name}` cannot name a lab", fix="take up to 8 letters and digits")
        if self.subnet.prefixlen != 24 or not self.subnet.is_private:
            raise LabError(f"{self.subnet} cannot be a lab's subnet", fix="take a private /24, e.g. 192.168.210.0/24")
        if self.like not in KINDS:
            raise LabError(f"nodes cannot be like `{self.like}`", fix=f"take one of {', '.join(KINDS)}")
        if not 11 <= self.first_host <= 253:
            raise LabError(f"the first node cannot be at .{self.first_host}", fix="take 11 to 253")
        most = min(200, 254 - self.first_host)
        if not 1 <= self.size <= most:
            raise LabError(f"a lab of {self.size} nodes cannot be", fix=f"take 1 to {most}")

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        hosts = range(self.first_host, self.first_host + self.size)
        return tuple(LabNode(f"node{host - 10}", str(self.subnet.network_address + host)) for host in hosts)

    @property
    def state(self) -> Path:
        return state_root() / self.name

    @property
    def kind(self) -> Kind:
        return KINDS[self.like]

    @property
    def user(self) -> str:
        return self.kind.users[0]

    @property
    def netns(self) -> str:
        return f"{NETNS_PREFIX}{self.name}"

    def node_netns(self, node: str) -> str:
        """The node's network namespace; its cgroups and its machine have the same name."""
        return f"{self.netns}-{node}"

    def owns(self, name: str) -> bool:
        """Whether a network namespace or cgroup of that name is this lab's."""
        return name == self.netns or name.startswith(f"{self.netns}-")

    @property
    def host_link(self) -> str:
        """The machine's own end of the lab's network."""
        return f"{LINK_PREFIX}{self.name}"

    @property
    def gateway(self) -> str:
        return str(self.subnet.network_address + 1)

    @property
    def host_address(self) -> str:
        return str(self.subnet.network_address + 254)
