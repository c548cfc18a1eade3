"""What may name a node."""

from __future__ import annotations

import re

MOST_LETTERS = 63
"""A node's name is also the value of its label kubernetes.io/hostname, and values have no more:
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set"""
LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*")
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names"""


def fault_of_node_name(name: str) -> str:
    """What is wrong with it, as words that follow it in a sentence; empty where nothing is."""
    if len(name) > MOST_LETTERS:
        return f"cannot name a node: it has {len(name)} letters, {MOST_LETTERS} are the most"
    if name.split(".")[0] == "localhost":
        return "cannot name a node: every machine calls itself so"
    return "" if SUBDOMAIN.fullmatch(name) else "cannot name a node"
