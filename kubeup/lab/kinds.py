"""What lab nodes can be like: a kind is a value, and the lab does for each what its fields say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ETH0, ETH1 = "eth0", "eth1"


@dataclass(frozen=True)
class Image:
    """What nodes stand on. packages: of Debian 13, in debootstrap's words, besides those of every image. script: run in
    its root, beside this file. over: the image that it begins as, to which then come ``newer`` packages of Debian sid
    with what they need. ubuntu: a suite of Ubuntu's own archive, out of which it is made in place of Debian 13."""

    packages: str = ""
    script: str = "customize.sh"
    over: str = ""
    newer: tuple[str, ...] = ()
    ubuntu: str = ""


IMAGES: Mapping[str, Image] = {
    "debian": Image(),
    "ubuntu": Image("systemd-resolved,netplan.io,ufw"),
    # Names before a dash, so that images of one kind are told from those of another by their folders.
    "ubuntu26": Image(over="ubuntu", newer=("rust-coreutils", "sudo-rs", "haproxy"), script="ubuntu26.sh"),
    "noble": Image("systemd-resolved,netplan.io,ufw", ubuntu="noble"),
    "resolute": Image("systemd-resolved,netplan.io,ufw", ubuntu="resolute"),
}


@dataclass(frozen=True)
class Kind:
    """summary: for people, a few words. image: what its nodes stand on; most kinds differ in their network alone.
    users: who may log in with the lab's key; the first is whom the lab's ssh_config names. own_name: the address that
    /etc/hosts has for the node itself, where it names no other node; empty: it names all of them.

    link: what the lab's network is called on a node. default_route: the link that leads everywhere else, which is
    nowhere; another one than ``link`` is one that all nodes have with the same address, as behind the NAT of a
    virtualisation; empty: no link does.
    """

    summary: str
    image: str = "debian"
    users: tuple[str, ...] = ("root", "admin")
    own_name: str = ""
    link: str = ETH0
    default_route: str = ETH0


KINDS: Mapping[str, Kind] = {
    "debian": Kind("Debian 13 with Docker, stopped; root logs in"),
    "ubuntu": Kind(
        "a sudo user with a password, systemd-resolved, netplan, ufw, its own name at 127.0.1.1",
        image="ubuntu",
        users=("ubuntu",),
        own_name="127.0.1.1",
    ),
    "ubuntu26": Kind(
        "ubuntu with sudo-rs, uutils and ufw at work; no Docker, conntrack, socat, curl",
        image="ubuntu26",
        users=("ubuntu",),
        own_name="127.0.1.1",
    ),
    "noble": Kind("Ubuntu 24.04 itself, out of its archive", image="noble", users=("ubuntu",), own_name="127.0.1.1"),
    "resolute": Kind(
        "Ubuntu 26.04 itself, out of its archive", image="resolute", users=("ubuntu",), own_name="127.0.1.1"
    ),
    "two-links": Kind("debian; the default route is by a link that leads to no other node", link=ETH1),
    "no-default-route": Kind("debian; nothing leads further than to the other nodes", default_route=""),
}
