"""``kubeup up`` and ``kubeup plan``: from a profile to a plan, and from the plan to a running cluster."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kubeup import components, preflight
from kubeup.addons import rollout_errors
from kubeup.commands import issue_certificates, operator_access
from kubeup.commands.limit import is_chosen, refuse_unknown
from kubeup.components import addons, node_objects
from kubeup.components.base import Context
from kubeup.execution import executor, probing
from kubeup.execution.fleet import Fleet
from kubeup.execution.job import Job, NodeOutcome, Outcome, Prepared
from kubeup.model.cluster import KUBERNETES, Cluster
from kubeup.model.errors import FleetError, PreflightError, UsageError
from kubeup.model.events import Note, Phase
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.model.founding import NODES, SUBNETS
from kubeup.node.wire.packing import Packer
from kubeup.plan.steps import Level, NodePlan, Plan, RunAction, SetMeta, Step
from kubeup.planning import absent, joining, leaving, recorded, render, required, resolve, waves
from kubeup.planning.diff import diff
from kubeup.planning.lead import has_worked, lead
from kubeup.release.artifacts import Artifact, ArtifactRef
from kubeup.sources import cache, patches, search

ADDONS_LEVEL = components.level_of(addons.COMPONENT)


def prepare(job: Job, cluster: Cluster, limit: frozenset[str] = frozenset()) -> Prepared:
    """Probe, preflight, plan. limit: titles of the nodes to change; control-plane nodes are read all the same.

    A node that does not answer holds the others up only where they cannot do without it (``ask_to_change``).

    Raises PreflightError or FleetError with everything that is wrong, UsageError where ``limit`` names no node; nothing
    was touched then.
    """
    answers = probing.ask_to_change(job, cluster)
    cluster, facts = with_newest_patch(job, answers.cluster, answers.facts), answers.facts
    refuse_unknown(cluster, limit)
    problems = preflight.check(cluster, facts)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise PreflightError(
            f"{len(errors)} problem{'s' if len(errors) > 1 else ''} before the start; nothing was touched",
            evidence=[problem.format() for problem in errors],
            fix="mend them and run the same command again",
        )
    cluster_facts = resolve.gather_cluster(cluster, facts)
    needed = required.for_cluster(cluster, facts)
    job.emit(Phase("looking for binaries"))
    # Where every node can download, what only passes through this machine is not fetched to it.
    need_file = not all(found.downloader for found in facts.values())
    artifacts = _resolve(job, cluster, needed, need_file=need_file)
    plan = make_plan(cluster, facts, cluster_facts, artifacts, job.now(), limit)
    warnings = [problem for problem in problems if problem.severity != "error"]
    warnings += preflight.end_of_life(cluster, job.now().date())
    warnings += preflight.outsiders(cluster, cluster_facts, plan)
    warnings += preflight.run_out(cluster, facts, job.now())
    warnings += preflight.restarts(cluster, plan, facts)
    warnings += preflight.pressure(cluster, plan, facts)
    no_access = operator_access.refusal(job, cluster.name)
    return Prepared(cluster, facts, cluster_facts, plan, artifacts, tuple(warnings), no_access, answers.failures)


def _resolve(job: Job, cluster: Cluster, needed: Sequence[ArtifactRef], *, need_file: bool) -> tuple[Artifact, ...]:
    return search.for_cluster(cluster, needed, emit=job.emit_release, need_file=need_file)


def with_newest_patch(job: Job, cluster: Cluster, facts: Mapping[str, Facts]) -> Cluster:
    """A minor version that no node has a patch of yet is the newest one that upstream has; said aloud."""
    minor = cluster.kubernetes_asked
    if not minor or recorded.kubernetes(cluster, facts):
        return cluster
    patch = patches.newest(cluster, minor, job.emit_release)
    job.emit(Note(f"Kubernetes {patch} (the newest patch of {minor} that could be found)"))
    return replace(cluster, versions=cluster.versions.with_(KUBERNETES, patch))


def refuse_restarts(prepared: Prepared, *, allowed: bool) -> None:
    """Containers that are not kubeup's are not stopped unasked. Raises PreflightError that names them."""
    problems = [] if allowed else preflight.restarts(prepared.cluster, prepared.plan, prepared.facts)
    if problems:
        raise PreflightError(
            "Docker would have to be restarted, and containers run on it; nothing was touched",
            evidence=[problem.format() for problem in problems],
            fix="kubeup up --restart-docker, when they may be interrupted",
        )


def agree_to_changes_of_kubeup(job: Job, prepared: Prepared, *, allowed: bool) -> bool:
    """What another version of kubeup does to a living cluster, that cluster's owner agrees to. False: they do not.

    Raises UsageError where nobody is there to ask.
    """
    plan = prepared.plan
    if not plan.kubeup or allowed:
        return True
    what = f"kubeup {plan.kubeup} changes {sum(not node.empty for node in plan.nodes)} of {len(plan.nodes)} nodes"
    agreed = job.confirm(f"{what}, also where the profile is as before (kubeup plan shows how). Go on?")
    if agreed is None:
        raise UsageError(
            f"{what}, also where the profile is as before, and there is nobody to ask; nothing was touched",
            fix="kubeup plan shows how; kubeup up --yes does it",
        )
    return agreed


def refuse_kubeconfig(prepared: Prepared) -> None:
    """A cluster that its operator could not use is not begun. Raises UsageError."""
    if prepared.no_access:
        raise prepared.no_access


def make_plan(
    cluster: Cluster,
    facts: Mapping[str, Facts],
    cluster_facts: ClusterFacts,
    artifacts: tuple[Artifact, ...],
    now: datetime.datetime,
    limit: frozenset[str] = frozenset(),
) -> Plan:
    """diff of every node's desired state and facts; nothing for a node without facts, which did not answer. Pure.

    Raises KubeupError where it would have to guess what such a node has.
    """
    chosen = frozenset(one.endpoint for one in cluster.nodes if one.endpoint in facts and is_chosen(one, limit))
    absent.refuse_to_guess_subnets(cluster, facts, cluster_facts, chosen)
    joining.refuse(cluster, cluster_facts, chosen)
    cidrs = resolve.pod_cidrs(cluster, cluster_facts.pod_cidrs, cluster_facts.absent)
    first = lead(cluster, facts)
    plans = []
    for node in cluster.nodes:
        if node.endpoint not in facts:
            plans.append(NodePlan(node.title, 0))
            continue
        found, leads = facts[node.endpoint], node == first
        context = Context(cluster, node, found, cluster_facts, cidrs, leads, chosen)
        mine = tuple(artifact for artifact in artifacts if artifact.wanted.arch == found.arch)
        plan = diff(node.title, render.desired(context, mine, now), found, components.order(cluster, node))
        plan = plan if node.endpoint in chosen else _for_others(plan, found)
        plans.append(replace(plan, own=(node.name, node.address, cidrs.get(node.name, ""))))
    by_kubeup = recorded.by_kubeup(cluster, facts, plans)
    absentees = tuple(node.title for node in cluster.nodes if node.endpoint not in facts)
    offers = recorded.offers(cluster)
    plan_of_all = Plan(cluster.name, tuple(plans), offers=offers, kubeup=by_kubeup, absent=absentees)
    if not limit:
        plan_of_all = replace(plan_of_all, leaving=leaving.of(cluster, cluster_facts))
    return in_waves(cluster, plan_of_all, facts, cluster_facts)


def _for_others(plan: NodePlan, facts: Facts) -> NodePlan:
    """What a node does although only others are to change: where it leads, their Node objects, and the note of them."""
    levels = []
    for level in plan.levels if has_worked(facts) else ():
        steps = tuple(step for step in level.steps if _is_for_others(step))
        if any(isinstance(step, RunAction) for step in steps):
            levels.append(Level(level.number, "", steps))
    return replace(plan, binaries=(), baselines=(), levels=tuple(levels), to_issue=())


def _is_for_others(step: Step) -> bool:
    match step:
        case RunAction(action=action):
            return action.id == node_objects.ACTION
        case SetMeta(key=key):
            return key in (NODES, SUBNETS)
        case _:
            return False


def in_waves(cluster: Cluster, plan: Plan, facts: Mapping[str, Facts], cluster_facts: ClusterFacts) -> Plan:
    """The same plan, with the order in which nodes go through it."""
    return replace(plan, waves=waves.of(cluster, plan, facts, cluster_facts, lead(cluster, facts)))


def execute(
    job: Job,
    prepared: Prepared,
    bring_images: Callable[[], None] = lambda: None,
    begin_to_change: Callable[[], None] = lambda: None,
) -> Outcome:
    """Carry the plan out, then give the operator access.

    bring_images: before addons need them. begin_to_change: right before the first node is changed, if one is.
    """
    begin = time.monotonic()
    issued = issue_certificates.fill(prepared.cluster, prepared.plan, prepared.cluster_facts, job.fleet, job.now())
    execution = executor.Execution(
        fleet=job.fleet,
        cluster=prepared.cluster,
        plan=prepared.plan,
        facts=prepared.facts,
        issued=issued,
        paths={artifact.sha256: artifact.path for artifact in prepared.artifacts if artifact.in_cache},
        downloads={one.sha256: one.downloads[0] for one in prepared.artifacts if one.downloads},
        fetch=lambda sums: _fetch(job, prepared, sums),
        packer=Packer(cache.cache_root() / "packed"),
        operator=job.operator,
        emit=job.emit,
        before={ADDONS_LEVEL: bring_images},
    )
    if not prepared.plan.empty:
        begin_to_change()
        try:
            execution.run()
        except FleetError as error:
            raise rollout_errors.explained(error) from error
    if ADDONS_LEVEL not in prepared.plan.level_numbers:
        bring_images()
    access = operator_access.give(job, prepared, issued)
    seconds = {**execution.seconds, "all": time.monotonic() - begin}
    return Outcome(not prepared.plan.empty, outcomes(job.fleet, prepared), seconds, access)


def _fetch(job: Job, prepared: Prepared, sums: frozenset[str]) -> Mapping[str, Path]:
    """Files that were only known by upstream's word, and that some node did not get by itself."""
    needed = [artifact.wanted for artifact in prepared.artifacts if artifact.sha256 in sums]
    found = _resolve(job, prepared.cluster, needed, need_file=True)
    return {artifact.sha256: artifact.path for artifact in found}


def outcomes(fleet: Fleet, prepared: Prepared) -> tuple[NodeOutcome, ...]:
    return tuple(
        NodeOutcome(
            node.title,
            fleet.trips(node),
            fleet.transferred(node),
            tuple(put.file.path for put in plan.files),
            tuple(start.unit.name for start in plan.starts),
        )
        for node, plan in zip(prepared.cluster.nodes, prepared.plan.nodes, strict=True)
        if node.endpoint in prepared.facts
    )
