"""What a living cluster cannot change: the ranges it was founded with, and what each of its nodes is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubeup.model.cluster import Role
from kubeup.model.facts import Facts
from kubeup.model.founding import CONTROL_PLANE, FOUNDING
from kubeup.preflight.members import known
from kubeup.preflight.problem import PreflightProblem, Subject

ETCD, KUBELET = "etcd.service", "kubelet.service"
ANEW = "or, for a new cluster without the old one's data: kubeup down first"


def lives(facts: Facts) -> bool:
    """Whether a node is part of a cluster that runs, or that runs again once it is started: it has a member's data, or
    an etcd or a kubelet of kubeup's that became ready, or may become so any moment."""
    record = facts.record
    return record.exists and bool(
        facts.kept_data
        or any(unit in record.ready or (unit in record.units and facts.unit(unit).running) for unit in (ETCD, KUBELET))
    )


def immutable(subjects: Sequence[Subject]) -> Iterator[PreflightProblem]:
    """What all nodes have in common is told once, of the first that has it so."""
    told: set[tuple[str, str]] = set()
    for s in subjects:
        runtime = s.cluster.runtime
        # Another one takes away the images and containers of the pods that run.
        kept = [("runtime", "the container runtime", _living(s, "runtime"), runtime.value if runtime else "")]
        kept += [(one.word, one.what, one.recorded(s.facts.record.meta), one.value(s.cluster)) for one in FOUNDING]
        for word, what, then, now in kept:
            if then and now and then != now and (word, then) not in told:
                told.add((word, then))
                yield s.problem(
                    "immutable",
                    f"{what} ({word}) of a living cluster cannot change: it has {then}, the profile says {now}",
                    f"write {then} into the profile; {ANEW}",
                )


def of_each(subjects: Sequence[Subject]) -> Iterator[PreflightProblem]:
    """Under another name a node would be a second one beside the first."""
    for s in subjects:
        then, now = _living(s, "name"), s.node.name
        if then and now and then != now:
            yield s.problem(
                "immutable",
                f"the name of a living node cannot change: the cluster knows it by {then}, the profile says {now}",
                f"write name: {then} under the node in the profile; {_way_out(s)}",
            )


def moves(subjects: Sequence[Subject]) -> Iterator[PreflightProblem]:
    """The address of a control-plane node is in etcd's list of members: those must be there to be told, and can bear
    that one of them is away for a moment."""
    moved = [s for s in subjects if s.node.address and _living(s, "address") not in ("", s.node.address)]
    masters = [s for s in moved if s.node.is_control_plane]
    several = sum(s.node.is_control_plane for s in subjects) > 1
    for s in masters:
        then, now = _living(s, "address"), s.node.address
        if len(masters) > 1:
            yield s.problem(
                "immutable",
                f"the addresses of {len(masters)} control-plane nodes cannot change at once: the cluster reaches it by "
                f"{then}, the profile says {now}",
                "one after the other, an `up` for each",
            )
        elif several and not known(subjects):
            yield s.problem(
                "immutable",
                f"the address of a control-plane node cannot change while etcd does not say which members there are: "
                f"the cluster reaches it by {then}, the profile says {now}",
                f"mend etcd first (kubeup validate says what it lacks), or write address: {then} under the node",
            )


def _living(s: Subject, key: str) -> str:
    """What the record of a node that lives says; empty for what it does not say."""
    return s.facts.record.meta.get(key, "") if lives(s.facts) else ""


def _way_out(s: Subject) -> str:
    """A worker can be taken out and come back as something else; a control-plane node takes the cluster along."""
    if Role.CONTROL_PLANE in Role.recorded(s.facts.record.meta.get("roles", "")):
        return ANEW
    return f"or take the node out first: kubeup down --limit {s.node.endpoint}"


def roles(subjects: Sequence[Subject]) -> Iterator[PreflightProblem]:
    """A role that is lost takes away what it brought: etcd's data, or the pods of a worker."""
    stay = any(s.node.is_control_plane and s.facts.kept_data for s in subjects) and known(subjects)
    joins = [s.node.title for s in subjects if s.node.is_control_plane and not s.facts.kept_data]
    for s in subjects:
        before = Role.recorded(s.facts.record.meta.get("roles", ""))
        lost = before - s.node.roles if lives(s.facts) else frozenset()
        if Role.CONTROL_PLANE in lost and not stay:
            yield s.problem(
                "roles",
                "it is a control-plane node and has a member's data of etcd, the profile makes it a worker, and no "
                "other member could take over: the data would be lost",
                f"give it back its role ({_word(before)}) in the profile, and first let another control-plane node "
                f"join; {ANEW}",
            )
        elif Role.CONTROL_PLANE in lost and joins:
            yield s.problem(
                "roles",
                f"the profile makes it a worker while {', '.join(joins)} is to join the control plane: members come "
                "before others go",
                f"two steps: give it back its role ({_word(before)}) in the profile until `kubeup up` is through",
            )
        elif lost - {Role.CONTROL_PLANE}:
            yield s.problem(
                "roles",
                "it runs pods, and the profile takes that role from it: they would be stopped without a word",
                f"give it back its role ({_word(before)}) in the profile; {_way_out(s)}",
            )
    yield from _gone_from_control_plane(subjects)


def _gone_from_control_plane(subjects: Sequence[Subject]) -> Iterator[PreflightProblem]:
    """Their members stay in etcd's list, and count for its majority, where nobody can take them out."""
    if known(subjects):
        return
    living = [s for s in subjects if s.node.is_control_plane and lives(s.facts)]
    # Who did not answer is in the profile all the same.
    named = {node.name for s in subjects[:1] for node in s.cluster.nodes}
    named |= {s.facts.record.meta.get("name", "") for s in subjects}
    for s in living[:1]:
        every = {name for one in living for name in one.facts.record.meta.get(CONTROL_PLANE, "").split()}
        for name in sorted(every - named):
            yield s.problem(
                "roles",
                f"the control plane of its cluster has the node {name}, which the profile lacks: its member of etcd "
                "would stay, and count for the majority, for etcd does not say which members there are",
                f"mend etcd first (kubeup validate says what it lacks), or put {name} back into the profile; {ANEW}",
            )


def _word(roles: frozenset[Role]) -> str:
    """As a profile has it."""
    return ("a" if Role.CONTROL_PLANE in roles else "") + ("i" if Role.WORKER in roles else "")
