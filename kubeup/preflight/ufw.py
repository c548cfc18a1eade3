"""What ufw lets through, by `ufw status verbose`: the first rule that fits decides, then the default.

Its columns: https://manpages.ubuntu.com/manpages/noble/en/man8/ufw.8.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

ANY = IPv4Network("0.0.0.0/0")
RULE = re.compile(r"^(.*?)\s+(ALLOW|DENY|REJECT|LIMIT)(?: (IN|OUT|FWD))?\s+(.*?)(?:\s+\(log[^)]*\))?(?:\s+#.*)?$")
# 10.0.0.0/24, 10.0.0.2/tcp, 10.0.0.0/24/tcp
ADDRESS = re.compile(r"(\d+(?:\.\d+){3}(?:/[\d.]+)?)(?:/([a-z]\w*))?")
DEFAULT = {"IN": re.compile(r"^Default:.*\ballow \(incoming\)"), "FWD": re.compile(r"^Default:.*\ballow \(routed\)")}


@dataclass(frozen=True)
class _Side:
    """One of the columns To and From. ports: such as 80,443 or 2379:2380; empty means all. link: empty means all."""

    network: IPv4Network = ANY
    ports: str = ""
    protocol: str = ""
    link: str = ""


@dataclass(frozen=True)
class Rule:
    """direction: IN or FWD (what passes through). LIMIT counts as no allowance: it drops who comes often."""

    allows: bool
    direction: str
    source: IPv4Network
    target: IPv4Network
    ports: str
    protocol: str

    def fits(self, protocol: str, port: int) -> bool:
        """port 0: all ports of all protocols."""
        if not port:
            return not self.ports and not self.protocol
        ranges = [part.partition(":") for part in self.ports.split(",") if part]
        within = not ranges or any(int(low) <= port <= int(high or low) for low, _, high in ranges)
        return within and self.protocol in ("", protocol)


@dataclass(frozen=True)
class Rules:
    """open: directions in which what no rule speaks of is let through."""

    rules: tuple[Rule, ...]
    open: frozenset[str]

    def first(self, direction: str, source: IPv4Network, target: IPv4Network, protocol: str, port: int) -> Rule | None:
        """The rule that decides on packets of the one network to the other."""
        for rule in self.rules:
            if rule.direction != direction or not rule.fits(protocol, port):
                continue
            covers = source.subnet_of(rule.source) and target.subnet_of(rule.target)
            if covers or (not rule.allows and _meets(rule.source, source) and _meets(rule.target, target)):
                return rule
        return None

    def lets(self, direction: str, source: IPv4Network, target: IPv4Network, protocol: str = "", port: int = 0) -> bool:
        rule = self.first(direction, source, target, protocol, port)
        return rule.allows if rule else direction in self.open


def _meets(mine: IPv4Network, asked: IPv4Network) -> bool:
    """What is dropped of some network elsewhere is no matter where everybody is asked about."""
    return mine == ANY if asked == ANY else mine.overlaps(asked)


def read(lines: Iterable[str], address: str, device: str) -> Rules:
    """address, device: of the machine; rules about others of its addresses or links do not concern the cluster."""
    found = []
    for match in filter(None, map(RULE.match, lines)):
        target, source = _side(match.group(1)), _side(match.group(4))
        direction, allows = match.group(3) or "IN", match.group(2) == "ALLOW"
        # Rules of IPv6, of application profiles and about the ports that packets come from are no help and no harm.
        if target is None or source is None or source.ports:
            continue
        if direction == "IN":
            if address and IPv4Address(address) not in target.network:
                continue
            if device and {target.link, source.link} - {"", device}:
                continue
            target = _Side(ANY, target.ports, target.protocol)
        protocol = target.protocol or source.protocol
        found.append(Rule(allows, direction, source.network, target.network, target.ports, protocol))
    return Rules(tuple(found), frozenset(way for way, text in DEFAULT.items() if any(map(text.match, lines))))


def _side(text: str) -> _Side | None:
    text, _, link = text.partition(" on ")
    network, ports, protocol = ANY, "", ""
    for word in text.split():
        head, _, tail = word.partition("/")
        address = ADDRESS.fullmatch(word)
        if "(v6)" in word or "::" in word:
            return None
        if head == "Anywhere":
            protocol = tail or protocol
        elif address:
            try:
                network = IPv4Network(address.group(1), strict=False)
            except ValueError:
                return None
            protocol = address.group(2) or protocol
        elif re.fullmatch(r"\d{1,5}([,:]\d{1,5})*", head):
            ports, protocol = head, tail or protocol
        else:
            return None
    return _Side(network, ports, protocol, link.strip())


def missing(
    rules: Rules, peers: Sequence[IPv4Network], pods: IPv4Network, reached: Sequence[tuple[str, int]]
) -> list[str]:
    """Commands that let through what the other nodes and all pods send to these ports, and pods to each other.

    A new rule comes last, where one that drops the same stands before it: so it is put in front of that one.
    """
    commands = []
    for source in (*peers, pods):
        asked = [("IN", source, ANY, protocol, port) for protocol, port in reached]
        if not all(rules.lets(*one) for one in asked):
            commands.append(f"ufw {before(rules, asked)}allow from {_written(source)}")
    for word, asked in (("from", [("FWD", pods, ANY, "", 0)]), ("to", [("FWD", ANY, pods, "", 0)])):
        if not rules.lets(*asked[0]):
            commands.append(f"ufw route {before(rules, asked)}allow {word} {pods}")
    return commands


def before(rules: Rules, asked: Sequence[tuple[str, IPv4Network, IPv4Network, str, int]]) -> str:
    """What a command needs to win over a rule that drops."""
    return "insert 1 " if any(rules.first(*one) for one in asked if not rules.lets(*one)) else ""


def _written(network: IPv4Network) -> str:
    return str(network.network_address) if network.prefixlen == 32 else str(network)
