"""What is in the way, and whom it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from packaging.version import Version

from kubeup import components
from kubeup.components.base import Component, Context
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError, NodeError
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.model.preflight_ids import PREFLIGHT_IDS
from kubeup.model.severity import Severity


@dataclass(frozen=True)
class PreflightProblem:
    """id: one of model/preflight_ids.py; ``waive: [ID]`` in a profile makes an error a warning. message: one sentence.

    fix: what to type.
    """

    id: str
    node: str
    message: str
    fix: str = ""
    evidence: tuple[str, ...] = ()
    severity: Severity = "error"

    def format(self) -> str:
        lines = [f"{self.node}: {self.message} [{self.id}]", *(f"    | {line}" for line in self.evidence)]
        return "\n".join([*lines, f"    fix: {self.fix}"] if self.fix else lines)

    def error(self) -> KubeupError:
        return NodeError(self.node, self.id, self.message, evidence=self.evidence, fix=self.fix)


def problem(
    id_: str,
    node: str,
    message: str,
    fix: str,
    evidence: Iterable[str] = (),
    severity: Severity | None = None,
) -> PreflightProblem:
    """A problem as severe as its id is declared, or as said here. node: its title.

    Raises KeyError for an id that model/preflight_ids.py does not declare.
    """
    return PreflightProblem(id_, node, message, fix, tuple(evidence), severity or PREFLIGHT_IDS[id_].severity)


@dataclass(frozen=True)
class Subject:
    """One node under examination. before: addresses of the nodes that the cluster had at the last `up`, as far as the
    nodes that answered recorded them."""

    cluster: Cluster
    node: Node
    facts: Facts
    before: frozenset[str] = frozenset()

    @cached_property
    def parts(self) -> tuple[Component, ...]:
        """What the node is to have; several checks ask for it."""
        return components.wanted(Context(self.cluster, self.node, self.facts, ClusterFacts(), {}))

    def problem(
        self, id_: str, message: str, fix: str, evidence: Iterable[str] = (), severity: Severity | None = None
    ) -> PreflightProblem:
        """As ``problem``, of this node."""
        return problem(id_, self.node.title, message, fix, evidence, severity)


def version(text: str) -> Version:
    """The number that a version begins with, whatever a distribution or somebody's own build put behind it (6.18.2+,
    6.1.0-rpi7, 28.5.2+dfsg1); 0 where there is none."""
    found = re.match(r"[0-9]+(\.[0-9]+)*", text)
    return Version(found[0] if found else "0")
