"""What lab nodes can be like: a kind is a value, and the lab does for each what its fields say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ETH0, ETH1 = "eth0", "eth1"


@dataclass(frozen=True)
class Kind:
    """summary: for people, a few words. image: the base image that its nodes stand on (image.py); most kinds differ in
    their network alone. users: who may log in with the lab's key; the first is whom the lab's ssh_config names.

    link: what the lab's network is called on a node. default_route: the link that leads everywhere else, which is
    nowhere; another one than ``link`` is one that all nodes have with the same address, as behind the NAT of a
    virtualisation; empty: no link does.
    """

    summary: str
    image: str = "debian"
    users: tuple[str, ...] = ("root", "admin")
    link: str = ETH0
    default_route: str = ETH0


KINDS: Mapping[str, Kind] = {
    "debian": Kind("Debian 13 with Docker, stopped; root logs in"),
    "ubuntu": Kind("a sudo user with a password, systemd-resolved, netplan, ufw", image="ubuntu", users=("ubuntu",)),
    "two-links": Kind("debian; the default route is by a link that leads to no other node", link=ETH1),
    "no-default-route": Kind("debian; nothing leads further than to the other nodes", default_route=""),
}
