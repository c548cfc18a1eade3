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
class FirewallFacts:
    firewalls: tuple[FirewallFact, ...] = ()


def parse(answer: Answer) -> FirewallFacts:
    rules = {"ufw": answer.texts("ufw_rule"), "firewalld": answer.texts("firewalld_rule")}
    return FirewallFacts(tuple(FirewallFact(name, rules[name]) for name in answer.texts("firewall")))
