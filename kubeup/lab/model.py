"""What a lab is, as a value, and where its things are."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from kubeup.errors import LabError

FIRST_HOST = 13
"""node3 of the original story was 192.168.200.13: a node's number is the last part of its address less ten."""
LINK_PREFIX = "kl-"
NETNS_PREFIX = "kubeup-"


def state_root() -> Path:
    return Path(os.environ.get("KUBEUP_LAB_DIR", "/var/lib/kubeup-lab"))


def cache_root() -> Path:
    return Path(os.environ.get("KUBEUP_LAB_CACHE", "/var/cache/kubeup-lab"))


@dataclass(frozen=True)
class LabNode:
    name: str
    address: str


@dataclass(frozen=True)
class Lab:
    """A lab to be. like: ``debian`` (root logs in with a key) or ``ubuntu`` (a sudo user with a password,
    systemd-resolved, netplan, ufw). size: how many nodes."""

    name: str = "lab"
    subnet: ipaddress.IPv4Network = ipaddress.IPv4Network("192.168.200.0/24")
    size: int = 2
    like: str = "debian"

    def __post_init__(self) -> None:
        if not self.name.isalnum() or len(self.name) > 8:
            raise LabError(f"`{self.name}` cannot name a lab", fix="take up to 8 letters and digits")
        if self.subnet.prefixlen != 24 or not self.subnet.is_private:
            raise LabError(f"{self.subnet} cannot be a lab's subnet", fix="take a private /24, e.g. 192.168.210.0/24")
        if not 1 <= self.size <= 200:
            raise LabError(f"a lab of {self.size} nodes cannot be", fix="take 1 to 200")

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        return tuple(
            LabNode(f"node{FIRST_HOST - 10 + index}", str(self.subnet.network_address + FIRST_HOST + index))
            for index in range(self.size)
        )

    @property
    def state(self) -> Path:
        return state_root() / self.name

    @property
    def user(self) -> str:
        return "ubuntu" if self.like == "ubuntu" else "root"

    @property
    def netns(self) -> str:
        return f"{NETNS_PREFIX}{self.name}"

    def node_netns(self, node: str) -> str:
        return f"{self.netns}-{node}"

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


PASSWORD = "kubeup-lab"
"""Of the sudo users of lab nodes: ubuntu, and admin on the Debian kind."""
