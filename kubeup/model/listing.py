"""Many names in a few words."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 4
"""As many names as these are told in full."""


def listed(names: Sequence[str], of: str = "nodes") -> str:
    """``node3, node4``; of many the first two, the last and their number: ``node3, node4, ... node30 (28 nodes)``."""
    if len(names) <= SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:2])}, ... {names[-1]} ({len(names)} {of})"
