"""In which order nodes go through the levels of a plan, and what each of them waits for: a value like the plan."""

from __future__ import annotations

from dataclasses import dataclass

STAGING = -1
"""The number of what comes before all levels: bytes are brought to a node, and nothing of it is used yet."""


@dataclass(frozen=True, order=True)
class Trip:
    """A node's way through a level, or its staging. node: its title."""

    level: int
    node: str


@dataclass(frozen=True)
class Gate:
    """What must hold before a node is touched. It is asked there, as the first step of the node's own trip.

    title: what it is that is waited for, for people. check: POSIX shell, run as root on the node, which only reads;
    it succeeds where the condition holds, and says what is in the way where it does not. timeout: seconds that are
    waited for it, since what was just restarted needs a moment. lacks: what is told when it does not hold by then;
    fix: what to type then.
    """

    title: str
    check: str
    lacks: str
    fix: str
    timeout: int = 60


@dataclass(frozen=True)
class Wave:
    """Nodes that go through a level together.

    nodes: their titles. before: what must hold before a node of it is touched. after: units that are ready when it is
    over; each is awaited within the node's own trip. rolling: components that must not be away on all nodes at once
    and that are (re)started here; restarts: those of them that work until then.

    needs: trips without whose success none of these begins. trusts: trips that must not have failed half-way; what
    their nodes have will do as well where they never began. follows: trips that are over before, be it that they
    failed: these are not held by what went wrong there, and a node that gives no sign of life is not waited for long.
    """

    level: int
    nodes: tuple[str, ...]
    before: tuple[Gate, ...] = ()
    after: tuple[str, ...] = ()
    rolling: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    needs: tuple[Trip, ...] = ()
    trusts: tuple[Trip, ...] = ()
    follows: tuple[Trip, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether it is gone through by one node at a time: what works, or may be needed by what works, restarts."""
        return bool(self.restarts or self.before)

    @property
    def trips(self) -> tuple[Trip, ...]:
        return tuple(Trip(self.level, node) for node in self.nodes)
