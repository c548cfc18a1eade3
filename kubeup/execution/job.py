"""What every command is given, and what it hands back: values that commands, validation and reports share."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kubeup.execution.fleet import Fleet
from kubeup.model.cluster import Cluster
from kubeup.model.errors import FleetError, KubeupError, UsageError
from kubeup.model.events import EventSink
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.pki import kubeconfig
from kubeup.plan.steps import Plan
from kubeup.preflight import problem
from kubeup.release.artifacts import Artifact, ReleaseEvent

AGAIN = "mend what is said above and run the same command again"


@dataclass(frozen=True)
class Prepared:
    """All that was found out before anything is touched.

    cluster: resolved, with names, addresses and runtime as the machines know them. facts: by node.endpoint, of every
    node that answered; failures: why the others did not. plan: nodes in the order of cluster.nodes, with nothing for
    those that did not answer. artifacts: every binary and image archive that any node needs,
    those that it has included. warnings: of preflight; what it calls an error has ended the command before.
    no_access: why the operator's kubeconfig cannot take the cluster's context; None where it can.
    """

    cluster: Cluster
    facts: Mapping[str, Facts]
    cluster_facts: ClusterFacts
    plan: Plan
    artifacts: tuple[Artifact, ...]
    warnings: tuple[problem.PreflightProblem, ...] = ()
    no_access: UsageError | None = None
    failures: Mapping[str, KubeupError] = field(default_factory=dict)

    def absence(self, what: str) -> FleetError | None:
        """How a command ends that went on without nodes; None where all answered. what: became of them, in words."""
        if not self.failures:
            return None
        return FleetError(
            f"{len(self.failures)} of {len(self.cluster.nodes)} nodes did not answer, and {what}",
            list(self.failures.values()),
            fix=AGAIN,
        )


@dataclass(frozen=True)
class NodeOutcome:
    """What happened on one node. name: its title. files and units: paths and names of what changed. bytes: sent."""

    name: str
    round_trips: int
    bytes: int
    files: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a command did. changed: whether there was anything to do.

    seconds: by the title of a phase, and ``all``. kubeconfig: what became of the operator's, where it was looked at.
    """

    changed: bool
    nodes: tuple[NodeOutcome, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)
    kubeconfig: kubeconfig.Merged | None = None


@dataclass(frozen=True)
class Job:
    """What every command is given: the way to the nodes, whom to tell, and what it may not find out for itself.

    fleet: connections, opened when first used. emit: takes events, from any thread; emit_release: those of looking for
    and fetching files. operator: USER@HOST, written into the record of every node that is changed. now: the time, with
    its zone; certificates are issued by it. environ: this process's environment (KUBECONFIG, XDG_STATE_HOME).
    confirm: asks whoever sits there a question; None where nobody does.
    """

    fleet: Fleet
    emit: EventSink
    emit_release: Callable[[ReleaseEvent], None]
    operator: str
    now: Callable[[], datetime.datetime]
    environ: Mapping[str, str]
    confirm: Callable[[str], bool | None] = lambda _: None
