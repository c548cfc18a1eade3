"""What must hold before anything is touched: (Cluster, Node, Facts) -> Problems, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubeup.errors import KubeupError, NodeError
from kubeup.facts import Facts
from kubeup.model import Cluster


@dataclass(frozen=True)
class Problem:
    """id: stable, in kebab-case; a profile can waive it. message: one sentence. fix: what to type."""

    id: str
    node: str
    message: str
    evidence: tuple[str, ...] = ()
    fix: str = ""
    severity: str = "error"

    def format(self) -> str:
        lines = [f"{self.node}: {self.message} [{self.id}]", *(f"    {line}" for line in self.evidence)]
        return "\n".join([*lines, f"  {self.fix}"] if self.fix else lines)

    def error(self) -> KubeupError:
        return NodeError(self.node, self.id, self.message, evidence=self.evidence, fix=self.fix)


def check(cluster: Cluster, facts: Mapping[str, Facts]) -> tuple[Problem, ...]:
    return ()
