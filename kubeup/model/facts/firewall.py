"""Firewalls that are active, and what they say they let through."""

from __future__ import annotations

from dataclasses import dataclass

from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class FirewallFact:
    """A firewall front end that is active, with its rules as it prints them."""

    name: str
    rules: tuple[str, ...]


@dataclass(frozen=True)
class DroppingChain:
    """A base chain of nftables, also one that iptables-nft made, whose policy is drop. hook: input or forward."""

    family: str
    table: str
    name: str
    hook: str


@dataclass(frozen=True)
class FirewallFacts:
    """operator: the address that the question came from; empty where it is not known."""

    firewalls: tuple[FirewallFact, ...] = ()
    dropping_chains: tuple[DroppingChain, ...] = ()
    operator: str = ""


def parse(answer: Answer) -> FirewallFacts:
    rules = {"ufw": answer.texts("ufw_rule"), "firewalld": answer.texts("firewalld_rule")}
    chains = (text.split() for text in answer.texts("dropping_chain"))
    return FirewallFacts(
        tuple(FirewallFact(name, rules[name]) for name in answer.texts("firewall")),
        tuple(DroppingChain(*words) for words in chains if len(words) == 4),
        answer.text("operator"),
    )
