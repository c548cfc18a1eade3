"""What every command is given, and what it hands back: values that commands, validation and reports share."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kubeup import preflight
from kubeup.execution.fleet import Fleet
from kubeup.model.cluster import Cluster
from kubeup.model.events import EventSink
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.pki import kubeconfig
from kubeup.plan.steps import Plan
from kubeup.release.artifacts import Artifact, ReleaseEvent


@dataclass(frozen=True)
class Prepared:
    """All that was found out before anything is touched. facts: by node.host."""

    cluster: Cluster
    facts: Mapping[str, Facts]
    cluster_facts: ClusterFacts
    plan: Plan
    artifacts: tuple[Artifact, ...]
    warnings: tuple[preflight.Problem, ...] = ()


@dataclass(frozen=True)
class NodeOutcome:
    """What happened on one node. files and units: what changed. bytes: sent."""

    name: str
    round_trips: int
    bytes: int
    files: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What ``up`` did. seconds: by phase."""

    changed: bool
    nodes: tuple[NodeOutcome, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)
    kubeconfig: kubeconfig.Merged | None = None


@dataclass(frozen=True)
class Job:
    """What every command needs: who asks, whom to tell, the links."""

    fleet: Fleet
    emit: EventSink
    emit_release: Callable[[ReleaseEvent], None]
    operator: str
    now: Callable[[], datetime.datetime]
    environ: Mapping[str, str]
