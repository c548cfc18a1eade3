"""Which versions a node has: as its record says, else as what runs there says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubeup.model.cluster import KUBERNETES
from kubeup.model.facts import Facts, Unknown, running

KEY = "version/"
"""What keys of the record begin with that hold a version, with the program's word under ``versions:`` behind it."""
ASKED: Mapping[str, tuple[str, Callable[[str], str]]] = {
    KUBERNETES.key: (running.API_VERSION, running.api_version),
    "etcd": (running.ETCD_STATUS, lambda text: running.etcd_status(text).version),
}
"""Of what nothing older may follow, also where a kubeup of before recorded no version."""


def record_key(program: str) -> str:
    """Where the record has it. program: its word under ``versions:``."""
    return program if program == KUBERNETES.key else f"{KEY}{program}"


def of_node(facts: Facts) -> Mapping[str, str]:
    """By the programs' words under ``versions:``, without a leading ``v``."""
    meta = facts.record.meta
    found = {key.removeprefix(KEY): value for key, value in meta.items() if key.startswith(KEY) and value}
    for program, (question, read) in ASKED.items():
        known = meta.get(record_key(program), "") or _told(facts, question, read)
        if known:
            found[program] = known
    return found


def _told(facts: Facts, question: str, read: Callable[[str], str]) -> str:
    told = running.told(facts.said.get(question), read, "")
    return "" if isinstance(told, Unknown) else told.removeprefix("v")
