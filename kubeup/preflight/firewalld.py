"""What firewalld lets through, by `firewall-cmd --list-all-zones`: a zone is for what comes from its sources or links.

https://firewalld.org/documentation/zone/options.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network


@dataclass(frozen=True)
class Zone:
    """accepts: lets everything through, as the zone trusted does. drops: nothing, as drop and block do."""

    name: str
    accepts: bool
    drops: bool
    sources: tuple[IPv4Network, ...]
    links: tuple[str, ...]


def read(lines: Sequence[str]) -> tuple[Zone, ...]:
    return tuple(_zone(block) for block in _blocks(lines))


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for line in filter(str.strip, lines):
        if line[0] != " " and block:
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _zone(block: Sequence[str]) -> Zone:
    said = {key.strip(): value.split() for key, _, value in (line.partition(":") for line in block[1:])}
    return Zone(
        block[0].split()[0],
        said.get("target") == ["ACCEPT"],
        said.get("target") in (["DROP"], ["%%REJECT%%"]),
        tuple(network for word in said.get("sources", []) for network in _network(word)),
        tuple(said.get("interfaces", [])),
    )


def _network(word: str) -> Iterator[IPv4Network]:
    """Nothing for what is none: a MAC address, ipset:NAME, IPv6."""
    try:
        yield IPv4Network(word, strict=False)
    except ValueError:
        return


def in_use(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines, without those of zones that nothing goes by, and of these what is looked at here."""
    used = {zone.name for zone in read(lines) if zone.sources or zone.links}
    blocks = [block for block in _blocks(lines) if block[0].split()[0] in used]
    shown = ("target:", "interfaces:", "sources:")
    return tuple(line for block in blocks for line in (block[0], *(one for one in block if one.split()[0] in shown)))


def missing(lines: Sequence[str], peers: Sequence[IPv4Network], pods: IPv4Network, device: str) -> list[str]:
    """Commands that let through what the other nodes and all pods send. device: the link that nodes are reached by."""
    zones = read(lines)
    commands = []
    for source in (*peers, pods):
        link = "cni0" if source == pods else device
        for zone in zones:
            drops = [one for one in zone.sources if zone.drops and one.overlaps(source)]
            commands += [
                f"firewall-cmd --permanent --zone={zone.name} --remove-source={_written(one)}" for one in drops
            ]
        by_source = any(source.subnet_of(one) for zone in zones if zone.accepts for one in zone.sources)
        by_link = any(link in zone.links for zone in zones if zone.accepts)
        if not by_source and not by_link:
            commands.append(f"firewall-cmd --permanent --zone=trusted --add-source={_written(source)}")
    return [*dict.fromkeys(commands), "firewall-cmd --reload"] if commands else []


def _written(network: IPv4Network) -> str:
    return str(network.network_address) if network.prefixlen == 32 else str(network)
