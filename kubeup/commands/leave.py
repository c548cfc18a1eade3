"""A node leaves: its pods are drained, its machine is undone as ``down`` does, its Node object deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kubeup.commands import down, node_script
from kubeup.execution.job import Job, Prepared
from kubeup.model.cluster import Cluster, Node, Role
from kubeup.model.errors import FleetError, KubeupError, NodeError, UsageError
from kubeup.model.events import Note, Phase, Working
from kubeup.model.facts import Member, Unknown
from kubeup.model.listing import listed
from kubeup.plan.steps import Leaving
from kubeup.planning import resolve
from kubeup.planning.lead import has_worked, lead

SCRIPT = node_script.FOLDER / "leave.sh"
MEMBER_SCRIPT = node_script.FOLDER / "member.sh"
MARK = "kubeup.io/leaving"
"""Annotation of a Node object that kubeup cordoned, as leave.sh writes it."""
SLACK_SECONDS = 240.0
"""For the calls of the API around the drain."""


def agree(job: Job, prepared: Prepared, *, allowed: bool) -> tuple[Leaving, ...]:
    """Who is to be taken out now; none where whoever was asked says no.

    Raises UsageError where nobody is there to ask, or where without their word nothing else can be done: a member of
    etcd that is to be a worker.
    """
    leaving = prepared.plan.leaving
    if not leaving or allowed:
        return leaving
    what = _what(leaving)
    it = "it" if len(leaving) == 1 else "them"
    agreed = job.confirm(f"{what}. Drain and remove {it}?" if not _demoted(leaving) else f"{what}. Take {it} out?")
    if agreed is None:
        raise UsageError(
            f"{what}, and there is nobody to ask; nothing was touched",
            fix="kubeup up --remove drains and removes what left the profile; or put it back into the profile",
        )
    if not agreed and _demoted(leaving):
        raise UsageError(f"{what}: not agreed to; nothing was touched", fix="give it back its role in the profile")
    if not agreed:
        names = listed([one.name for one in leaving])
        job.emit(Note(f"not removed: {names}; it stays in the cluster, and the next `kubeup up` asks again"))
    return leaving if agreed else ()


def _demoted(leaving: Sequence[Leaving]) -> list[Leaving]:
    return [one for one in leaving if one.stays]


def _what(leaving: Sequence[Leaving]) -> str:
    def are(found: Sequence[Leaving]) -> str:
        return f"{listed([one.name for one in found])} {'is' if len(found) == 1 else 'are'}"

    gone, demoted = [one for one in leaving if not one.stays], _demoted(leaving)
    told = [f"{are(gone)} of the cluster, and not in the profile any more"] if gone else []
    told += [f"{are(demoted)} of the control plane, and the profile says worker"] if demoted else []
    return "; ".join(told)


def demote(job: Job, prepared: Prepared, leaving: Sequence[Leaving]) -> None:
    """Members of machines that stay as workers are taken out before the plan takes the control plane off them.

    Raises NodeError where the others would have no quorum; nothing was touched then, but for members that went before.
    """
    first = lead(prepared.cluster, prepared.facts)
    for one in _demoted(leaving):
        take_member_out(job, first, one)


@dataclass(frozen=True)
class Drained:
    """Nodes that `down` may undo now. first: the control-plane node by which they were drained."""

    first: Node
    names: tuple[str, ...]


def before_down(job: Job, surveyed: down.Surveyed, seconds: int) -> Drained | None:
    """Nodes that go while the cluster goes on are drained first, and members of etcd taken out; None where there is
    none, or it does not answer. seconds: that pods of one have to go.

    Raises NodeError where they do not, or where the other members would have no quorum, KubeupError where nobody can
    tell which members there are: nothing is undone then.
    """
    facts = {endpoint: found for endpoint, found in surveyed.facts.items() if found.record.exists}
    cluster = resolve.resolve(surveyed.cluster, facts)
    going = {node.endpoint for node in surveyed.going}
    staying = {node.endpoint: facts[node.endpoint] for node in cluster.nodes if node.endpoint in facts.keys() - going}
    if not any(node.endpoint in staying and has_worked(staying[node.endpoint]) for node in cluster.control_plane):
        return None
    told = resolve.gather_cluster(cluster, staying)
    known = set() if isinstance(told.nodes, Unknown) else {one.name for one in told.nodes}
    leaving = [node for node in cluster.nodes if node.endpoint in going]
    names = tuple(node.name for node in (*leaving, *surveyed.lost) if node.name in known)
    members = _members_of(leaving, told.members)
    first = lead(cluster, staying)
    for one in members:
        refuse_without_quorum(job, first, one)
    for name in names:
        drain(job, first, name, seconds)
    for one in members:
        take_member_out(job, first, one)
    return Drained(first, names)


def _members_of(leaving: Sequence[Node], told: tuple[Member, ...] | Unknown) -> list[Leaving]:
    """Those of control-plane nodes. Raises KubeupError where nobody could tell."""
    masters = [node for node in leaving if node.is_control_plane]
    if masters and isinstance(told, Unknown):
        raise KubeupError(
            f"{listed([node.title for node in masters])} may be a member of etcd, and nobody could tell which there "
            "are; nothing was touched",
            evidence=told.why,
            fix="kubeup validate says what is wrong with etcd; mend that, and run the same command again",
        )
    ids = {} if isinstance(told, Unknown) else {one.name: one.id for one in told}
    return [Leaving(node.name, node.address, True, ids[node.name]) for node in masters if node.name in ids]


def after_down(job: Job, drained: Drained) -> None:
    """Their Node objects go, too."""
    for name in drained.names:
        delete(job, drained.first, name)


def lift_cordons(job: Job, prepared: Prepared, leaving: Sequence[Leaving]) -> None:
    """What a run that was killed left cordoned and is not to be removed now takes pods again. Costs a trip for each,
    none where there is none."""
    nodes = prepared.cluster_facts.nodes
    for one in () if isinstance(nodes, Unknown) else nodes:
        if MARK in one.annotations and one.name not in {leaver.name for leaver in leaving}:
            first = lead(prepared.cluster, prepared.facts)
            _call(job, first, one.name, "uncordon", 0)
            job.emit(Note(f"{one.name} takes pods again: a run that was broken off had cordoned it"))


def remove(
    job: Job, prepared: Prepared, leaving: Sequence[Leaving], known: Sequence[Node], seconds: int
) -> FleetError | None:
    """One after the other. known: nodes of an earlier profile, by which their machines are reached. seconds: that pods
    of one have to go.

    Returns why some could not be taken out: nothing of them is cordoned then, or undone.
    """
    failures: list[KubeupError] = []
    stayed = 0
    first = lead(prepared.cluster, prepared.facts)
    leaving = [one for one in leaving if not one.stays]
    for one in leaving:
        try:
            if one.member:
                refuse_without_quorum(job, first, one)
            drain(job, first, one.name, seconds)
            if one.member:
                take_member_out(job, first, one)
            _undo(job, prepared.cluster, _machine(prepared.cluster, one, known), one)
            delete(job, first, one.name)
        except KubeupError as error:
            stayed += 1
            failures.extend(error.causes if isinstance(error, FleetError) else (error,))
    if not failures:
        return None
    return FleetError(
        f"{stayed} of {len(leaving)} nodes could not be removed",
        failures,
        fix="mend what is said above and run the same command again; it asks again",
    )


def drain(job: Job, first: Node, name: str, seconds: int) -> None:
    """Cordon and drain. first: a control-plane node whose API is asked. seconds: that its pods have to go.

    Raises NodeError that names the pods that stayed, and what held them; the node takes pods again then.
    """
    job.emit(Phase(f"{name} leaves"))
    job.emit(Working(first.title, f"draining {name}"))
    if "not-ready" in _call(job, first, name, "drain", seconds):
        job.emit(Note(f"{name} was not drained: its kubelet gives no sign of life"))


def take_member_out(job: Job, first: Node, one: Leaving) -> None:
    """Its member of etcd, asked of a control-plane node that stays; who leads hands over before.

    Raises NodeError where the others would have no quorum.
    """
    job.emit(Working(first.title, f"taking the member of {one.name} out of etcd"))
    _member(job, first, one, "remove")
    job.emit(Note(f"{one.name} is no member of etcd any more"))


def refuse_without_quorum(job: Job, first: Node, one: Leaving) -> None:
    """Raises NodeError where the other members would have none without it; nothing is touched."""
    _member(job, first, one, "check")


def _member(job: Job, first: Node, one: Leaving, do: str) -> None:
    said = node_script.run(job, first, MEMBER_SCRIPT, SLACK_SECONDS, ID=one.member, DO=do)
    if not said.done:
        raise NodeError(
            one.name,
            "leaving",
            "its member of etcd could not be taken out; it is as it was",
            evidence=said.errors[-4:],
            fix="kubeup etcd members says how they are; mend those that are not well, and run the same command again",
        )


def delete(job: Job, first: Node, name: str) -> None:
    """Its Node object. Last of all: as long as it is there, the next run knows that the node is to go."""
    _call(job, first, name, "delete", 0)
    job.emit(Note(f"{name} is no node of the cluster any more"))


def _call(job: Job, first: Node, name: str, do: str, seconds: int) -> Sequence[str]:
    limit = seconds + SLACK_SECONDS
    said = node_script.run(job, first, SCRIPT, limit, NAME=name, DO=do, SECONDS_OF_DRAIN=seconds)
    if not said.done:
        raise _not_drained(name, said.lines, said.errors, seconds)
    return said.lines


@dataclass(frozen=True)
class _Stayed:
    pod: str
    budget: str


def _not_drained(name: str, said: Sequence[str], errors: Sequence[str], seconds: int) -> NodeError:
    rows = [line.split() for line in said]
    held = [_Stayed(row[1], row[2]) for row in rows if len(row) == 3 and row[0] == "held"]
    pods = {one.pod for one in held}
    left = [row[1] for row in rows if len(row) == 2 and row[0] == "left" and row[1] not in pods]
    evidence = [f"{one.pod} is held by the PodDisruptionBudget {one.budget}" for one in held]
    evidence += [f"{pod} is still there" for pod in left]
    if not held:
        evidence += errors[-3:]
    return NodeError(
        name,
        "leaving",
        f"its pods did not go within {seconds} s; it is as it was, and takes pods again"
        if held or left
        else "it could not be taken out of the cluster",
        evidence=evidence,
        fix="see to it that they may go (another replica elsewhere, or a PodDisruptionBudget that allows it), and run "
        "the same command again"
        if held or left
        else "kubeup validate says whether the API is well; then run the same command again",
    )


def _machine(cluster: Cluster, one: Leaving, known: Sequence[Node]) -> Node:
    """How it is reached: as an earlier profile had it; else by its address, as the first of the others is."""
    for node in known:
        if one.name in (node.name, node.host) or (one.address and one.address in (node.address, node.host)):
            return replace(node, name=one.name)
    like = cluster.nodes[0]
    return Node(
        one.address, frozenset({Role.WORKER}), name=one.name, user=like.user, key=like.key, bastion=like.bastion
    )


def _undo(job: Job, cluster: Cluster, machine: Node, one: Leaving) -> None:
    """Its machine, where it answers and is the one. What is left to do is told, and no failure: it is out."""
    alone = replace(cluster, nodes=(machine,))
    later = (
        f"once it answers: kubeup down PROFILE --no-snapshot, where all of PROFILE is `name: {cluster.name}` and "
        f"`nodes: [{machine.user or 'root'}@{machine.host or one.name}]`"
    )
    try:
        surveyed = down.survey(job, alone, keep_data=False)
    except KubeupError as error:
        job.emit(Note(f"the machine of {one.name} was not undone: {error.title()}"))
        return
    facts = surveyed.facts.get(machine.endpoint)
    if facts is None:
        job.emit(Note(f"the machine of {one.name} was not undone, since it did not answer; {later}"))
        return
    meta = facts.record.meta
    if meta.get("name", one.name) != one.name:
        job.emit(Note(f"the machine of {one.name} was not undone: at {machine.endpoint} answers another one"))
        return
    down.execute(job, surveyed, skip_unreachable=True, forget_access=False)
    job.emit(Note(f"the machine of {one.name} is as it was found"))
