"""What scripts on nodes say: a line is a row, its first field is its kind, and each kind is declared here.

One reader for all of them: nobody else knows which column is which.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

Rows = Sequence[Sequence[str]]
"""Lines, split at tabs. A kind may be told by one script only, or mean something else in each: see the classes."""


def split(output: bytes) -> Rows:
    """The lines of an answer."""
    return [line.split("\t") for line in output.decode("utf-8", "replace").split("\n") if line]


@dataclass(frozen=True)
class AnswerRow:
    """The fields are the columns behind the kind. The last one takes what is left of a line, tabs and all.

    A field with a default may be missing; a line that has less than the others was cut off, and counts for nothing.
    """

    KIND: ClassVar[str] = ""


R = TypeVar("R", bound=AnswerRow)


def read(kind: type[R], rows: Rows) -> list[R]:
    """All rows of a kind, in their order."""
    columns = dataclasses.fields(kind)
    least = sum(column.default is dataclasses.MISSING for column in columns)
    found = []
    for word, *values in rows:
        if word == kind.KIND and len(values) >= least:
            whole, rest = values[: len(columns) - 1], values[len(columns) - 1 :]
            found.append(kind(*whole, *([" ".join(rest)] if rest else [])))
    return found


# cluster.sh, on every control-plane node.


@dataclass(frozen=True)
class OwnWord(AnswerRow):
    """What a component of this node answered itself. verdict: Healthy or Unhealthy."""

    KIND = "own"
    component: str
    verdict: str
    message: str = ""


@dataclass(frozen=True)
class ApiWord(AnswerRow):
    """What this node's API server says of a component: ``kubectl get componentstatuses``. status: True if healthy."""

    KIND = "said"
    component: str
    status: str
    message: str = ""


@dataclass(frozen=True)
class ApiNode(AnswerRow):
    """A Node object. ready: True, False or Unknown. message: of its condition Ready."""

    KIND = "node"
    name: str
    ready: str
    version: str
    runtime: str
    address: str
    message: str = ""


@dataclass(frozen=True)
class ApiService(AnswerRow):
    """A Service object. name: NAMESPACE/NAME. ports: PORT/PROTOCOL, with blanks between."""

    KIND = "service"
    name: str
    address: str
    ports: str = ""


# workloads.sh, behind cluster.sh.


@dataclass(frozen=True)
class Unseen(AnswerRow):
    """A question that the API gave no answer to. what: it was about."""

    KIND = "unseen"
    what: str


@dataclass(frozen=True)
class PendingService(AnswerRow):
    """A Service of type LoadBalancer without an address: NAMESPACE/NAME."""

    KIND = "pending"
    name: str


@dataclass(frozen=True)
class Policy(AnswerRow):
    """A NetworkPolicy: NAMESPACE/NAME."""

    KIND = "policy"
    name: str


@dataclass(frozen=True)
class DaemonSet(AnswerRow):
    KIND = "daemonset"
    name: str


@dataclass(frozen=True)
class Supply(AnswerRow):
    """An object out of which an addon serves. kind: as kubectl takes it."""

    KIND = "supply"
    kind: str
    name: str


@dataclass(frozen=True)
class WaitingContainer(AnswerRow):
    """A container that waits and is not just about to start. pod: NAMESPACE/NAME. system: yes for the cluster's own.

    message: a string in Go's quotes.
    """

    KIND = "bad"
    pod: str
    node: str
    system: str
    image: str
    policy: str
    reason: str
    message: str = ""


@dataclass(frozen=True)
class Unplaced(AnswerRow):
    """A pod that no node takes. pod, system and message: as of a container that waits."""

    KIND = "unplaced"
    pod: str
    system: str
    message: str = ""


# pods.sh, on one control-plane node.


@dataclass(frozen=True)
class ProbeTrouble(AnswerRow):
    """What kept probe pods from being made. id: of the check."""

    KIND = "check"
    id: str
    verdict: str
    message: str = ""


@dataclass(frozen=True)
class ProbeService(AnswerRow):
    """The Service before all probe pods, with its NodePort."""

    KIND = "service"
    address: str
    port: str


@dataclass(frozen=True)
class ProbePod(AnswerRow):
    """ready: True once it answers."""

    KIND = "pod"
    node: str
    address: str
    ready: str = ""


@dataclass(frozen=True)
class FailedPod(AnswerRow):
    """verdict: always a dash. message: phase, reasons and events."""

    KIND = "pod-failed"
    node: str
    verdict: str
    message: str = ""


@dataclass(frozen=True)
class Exec(AnswerRow):
    """``kubectl exec`` into the node's probe pod. verdict: ok or failed."""

    KIND = "exec"
    node: str
    verdict: str
    message: str = ""


@dataclass(frozen=True)
class Logs(AnswerRow):
    """``kubectl logs`` of the node's probe pod. verdict: ok or failed."""

    KIND = "logs"
    node: str
    verdict: str
    message: str = ""


# reach.sh, on every worker. verdict: ok or failed.


@dataclass(frozen=True)
class PodReached(AnswerRow):
    """name: of the node whose pod it is."""

    KIND = "pod"
    name: str
    verdict: str


@dataclass(frozen=True)
class ServiceReached(AnswerRow):
    """The ClusterIP. name: a dash."""

    KIND = "clusterip"
    name: str
    verdict: str


@dataclass(frozen=True)
class NodePortReached(AnswerRow):
    """name: the address of the node at which it was tried."""

    KIND = "nodeport"
    name: str
    verdict: str
