"""Programs of the distribution's that kubeup or a component uses."""

from __future__ import annotations

from dataclasses import dataclass

from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class ToolFacts:
    """Versions, or yes; empty where the tool is absent. downloader: curl, wget, or empty."""

    nft: str = ""
    iptables: str = ""
    socat: str = ""
    haproxy: str = ""
    downloader: str = ""


def parse(answer: Answer) -> ToolFacts:
    return ToolFacts(
        nft=answer.match("nft", r"^nftables v([0-9.]*)"),
        iptables=answer.match("iptables", r"^iptables v([0-9.]*)"),
        socat=answer.text("socat"),
        haproxy=answer.match("haproxy", r"^HA-?Proxy version ([0-9.]*[0-9])"),
        downloader=answer.text("downloader"),
    )
