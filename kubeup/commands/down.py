"""``kubeup down``: diff(empty Desired, facts). What kubeup made goes, what it found there comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kubeup.commands import etcd_snapshot, operator_access
from kubeup.commands.limit import is_chosen, refuse_unknown
from kubeup.execution import executor, probing, trip
from kubeup.execution.job import Job, NodeOutcome, Outcome
from kubeup.execution.results import Results
from kubeup.model.cluster import Cluster, Node, Role
from kubeup.model.errors import FleetError, KubeupError
from kubeup.model.events import Note
from kubeup.model.facts import Facts
from kubeup.model.founding import DOWN
from kubeup.node.wire.payload import level_payload
from kubeup.node.wire.transport import NodeConnection
from kubeup.plan.steps import Level, NodePlan, Plan, SetMeta
from kubeup.planning import absent, waves
from kubeup.planning.removals import empty_diff


@dataclass(frozen=True)
class Surveyed:
    """What the nodes say before anything is undone, by node.endpoint.

    failures: of nodes that did not answer and matter: those that were chosen, and the control plane, by which the
    others leave. limit: as for ``is_chosen``.
    """

    cluster: Cluster
    facts: Mapping[str, Facts]
    failures: Mapping[str, KubeupError]
    plan: Plan
    limit: frozenset[str] = frozenset()

    @property
    def unreached(self) -> tuple[str, ...]:
        return tuple(node.title for node in self.cluster.nodes if node.endpoint in self.failures)

    @property
    def lost(self) -> tuple[Node, ...]:
        """Workers that were chosen and did not answer: all of them but the machine can leave a cluster that goes on."""
        silent = (node for node in self.cluster.nodes if node.endpoint in self.failures)
        return tuple(node for node in silent if not node.is_control_plane and is_chosen(node, self.limit))

    @property
    def has_data(self) -> bool:
        """Whether an etcd goes, of which there should be a snapshot."""
        return any("etcd.service" in self.facts[node.endpoint].record.units for node in self.going)

    @property
    def going(self) -> tuple[Node, ...]:
        """Those that are undone: of the chosen ones all that answered and have something of kubeup's."""
        pairs = zip(self.cluster.nodes, self.plan.nodes, strict=True)
        return tuple(node for node, plan in pairs if not plan.empty)


def survey(job: Job, cluster: Cluster, *, keep_data: bool, limit: frozenset[str] = frozenset()) -> Surveyed:
    """Ask every node; the plan follows from what their records say, not from the profile.

    Raises UsageError where ``limit`` names no node of the cluster, KubeupError as ``probing.refuse_strangers``.
    """
    results: Results[Facts] = probing.probe_nodes(job.fleet, cluster, job.emit)
    nodes = tuple(_as_recorded(node, results.values.get(node.endpoint)) for node in cluster.nodes)
    cluster = replace(cluster, nodes=absent.known_by_others(nodes, results.values))
    refuse_unknown(cluster, limit)
    endpoints = {node.endpoint for node in cluster.nodes if is_chosen(node, limit)}
    chosen = {endpoint: facts for endpoint, facts in results.values.items() if endpoint in endpoints}
    matters = endpoints | {node.endpoint for node in cluster.control_plane}
    failures = {endpoint: error for endpoint, error in results.failures.items() if endpoint in matters}
    probing.refuse_strangers(cluster, chosen)
    plans = [empty_diff(node.title, chosen.get(node.endpoint, Facts()), keep_data=keep_data) for node in cluster.nodes]
    return Surveyed(cluster, results.values, failures, Plan(cluster.name, tuple(plans)), limit)


def _as_recorded(node: Node, facts: Facts | None) -> Node:
    """A node by the name and roles its own record has; the profile may have changed since."""
    if facts is None:
        return node
    meta = facts.record.meta
    roles = Role.recorded(meta.get("roles", "")) or node.roles
    return replace(node, name=meta.get("name", "") or node.name or facts.hostname, roles=roles)


def save_snapshot(job: Job, surveyed: Surveyed, folder: Path) -> Path:
    """Whatever health says: a member that does not serve may still give its data. Raises KubeupError when none does."""
    facts = surveyed.facts
    masters = [
        node for node in surveyed.cluster.nodes if "etcd.service" in facts.get(node.endpoint, Facts()).record.units
    ]
    return etcd_snapshot.save(job, surveyed.cluster.name, masters, folder)


def execute(job: Job, surveyed: Surveyed, *, skip_unreachable: bool, forget_access: bool) -> Outcome:
    """Undo on every node that answered. Raises FleetError with what failed; the rest is done all the same."""
    unreachable = list(surveyed.failures.values())
    if unreachable and not surveyed.facts:
        raise FleetError(
            "no node answered; nothing was undone", unreachable, fix="mend them, and run `kubeup down` again"
        )
    if unreachable and not skip_unreachable:
        raise FleetError(
            f"{len(unreachable)} nodes did not answer; nothing was undone",
            unreachable,
            fix="mend them; or undo the others now with --skip-unreachable, and run `kubeup down` again later",
        )
    nodes = tuple(node for node in surveyed.cluster.nodes if node.endpoint in surveyed.facts)
    plans = tuple(
        plan
        for node, plan in zip(surveyed.cluster.nodes, surveyed.plan.nodes, strict=True)
        if node.endpoint in surveyed.facts
    )
    reachable = replace(surveyed.cluster, nodes=nodes)
    plan = Plan(surveyed.plan.cluster, plans)
    # No undo asks the API or another node: there is nothing to wait for, and a node that hangs holds nobody.
    plan = replace(plan, waves=waves.at_once(plan))
    execution = executor.Execution(
        fleet=job.fleet, cluster=reachable, plan=plan, facts=surveyed.facts, operator=job.operator, emit=job.emit
    )
    if not plan.empty:
        execution.plan = _begin(job, reachable, plan, surveyed.facts)
        execution.run()
    if forget_access and not unreachable:
        operator_access.forget(job, surveyed.cluster.name)
    for error in unreachable:
        job.emit(Note(f"not undone, since it did not answer: {error.title()}; run `kubeup down` again when it does"))
    return Outcome(not plan.empty, _outcomes(job, reachable, plans), dict(execution.seconds))


def _begin(job: Job, cluster: Cluster, plan: Plan, facts: Mapping[str, Facts]) -> Plan:
    """Every worker knows that `down` began before the control plane's authorities go: else one that was not reached
    any more could not be told from one whose control plane was lost. Raises FleetError where one cannot be told."""
    pairs = list(zip(cluster.nodes, plan.nodes, strict=True))
    deletes = any(node.is_control_plane and _deletes(one) for node, one in pairs)
    wanted = {
        node.endpoint: one
        for node, one in pairs
        if deletes and not node.is_control_plane and _deletes(one) and DOWN not in facts[node.endpoint].record.meta
    }
    if not wanted:
        return plan
    mark = Level(0, "down begins", (SetMeta(DOWN, "begun"),))

    def tell(node: Node, connection: NodeConnection) -> NodePlan:
        known = wanted[node.endpoint].generation
        trip.carry_out(
            node, connection, level_payload(mark, known, known + 1, job.operator, {}), job.operator, job.emit
        )
        return replace(wanted[node.endpoint], generation=known + 1)

    told = job.fleet.each([node for node, _ in pairs if node.endpoint in wanted], tell)
    if told.failures:
        raise FleetError(
            f"{len(told.failures)} nodes could not be told that `down` begins; nothing was undone",
            list(told.failures.values()),
            fix="mend them, and run `kubeup down` again; or without them: --skip-unreachable",
        )
    return replace(plan, nodes=tuple(told.values.get(node.endpoint, one) for node, one in pairs))


def _deletes(plan: NodePlan) -> bool:
    """Whether nothing stays of a node that has a record."""
    return any(isinstance(step, SetMeta) and step.key == DOWN for step in plan.steps)


def _outcomes(job: Job, cluster: Cluster, plans: Sequence[object]) -> tuple[NodeOutcome, ...]:
    return tuple(
        NodeOutcome(node.title, job.fleet.trips(node), job.fleet.transferred(node), (), ())
        for node, _ in zip(cluster.nodes, plans, strict=True)
    )
