"""What happens while a command runs, as values; kubeup/report/ turns them into what a person sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kubeup.model.errors import KubeupError


@dataclass(frozen=True)
class Phase:
    """The whole command moved on: gathering facts, staging, level 1 of 2, validating. beside: nodes are still at what
    came before."""

    title: str
    beside: bool = False


@dataclass(frozen=True)
class Working:
    """A node is at a step. done and total: bytes while something is being sent, else steps."""

    node: str
    title: str
    done: int = 0
    total: int = 0
    bytes: bool = False


@dataclass(frozen=True)
class Finished:
    """A node finished a phase."""

    node: str
    title: str
    seconds: float


@dataclass(frozen=True)
class Failed:
    node: str
    error: KubeupError


@dataclass(frozen=True)
class Skipped:
    """A node was not touched further, because of another's failure."""

    node: str
    reason: str


@dataclass(frozen=True)
class Note:
    """Something a person should know, not about progress."""

    text: str
    node: str = ""


@dataclass(frozen=True)
class Sending:
    """A node is about to be given these steps. text: a line a step, below it the script of an action."""

    node: str
    text: str


@dataclass(frozen=True)
class Called:
    """A round trip to a node ended: what it was asked, and what it said, for logs and for who wants to see all.

    asked: the beginning of a script; empty where steps were sent (see Sending). said: lines of its output that hold no
    file's content. status: exit code of the node's half; None where the connection was lost. seconds: its length.
    """

    node: str
    kind: str
    asked: str
    said: tuple[str, ...]
    status: int | None
    seconds: float


Event = Phase | Working | Finished | Failed | Skipped | Note | Sending | Called
EventSink = Callable[[Event], None]
