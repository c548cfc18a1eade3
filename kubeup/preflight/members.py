"""The members of etcd: a machine that is to join those of a living one needs their word, and no data of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubeup.model.facts import Member, Unknown, running
from kubeup.preflight.problem import PreflightProblem, Subject

ETCD = "etcd.service"


def members(subjects: Sequence[Subject]) -> Iterator[PreflightProblem]:
    """A member that is new, or lost its data, would found a second cluster beside the living one.

    One that a first `up` began and did not get to is none of these: it is in the record of its own, not yet ready.
    """
    masters = [s for s in subjects if s.node.is_control_plane]
    living = [s.node.title for s in masters if s.facts.kept_data and ETCD in s.facts.record.ready]
    told = known(masters)
    for s in masters:
        record = s.facts.record
        begun = ETCD in record.units and ETCD not in record.ready
        if living and not s.facts.kept_data and not begun and not told:
            yield s.problem(
                "etcd-members",
                f"it has no data of etcd, and {', '.join(living)} has: it would begin a second, empty cluster, for "
                "nobody can say which members there are",
                "mend etcd there first (kubeup validate says what it lacks), and run the same command again; or leave "
                "the node out of the control plane in the profile",
            )
        elif told and s.facts.kept_data and not any(_is_of(one, s) for one in told):
            yield s.problem(
                "etcd-members",
                f"it has data of a member of etcd that the others ({', '.join(one.name for one in told)}) do not have "
                "any more",
                "move them away, on the node: systemctl stop etcd; mv /var/lib/etcd /var/lib/etcd.old; and run the "
                "same command again: its member comes anew",
            )


def known(subjects: Sequence[Subject]) -> tuple[Member, ...]:
    """The members, by the first control-plane node that could tell; none where none could."""
    answers = (running.told(s.facts.said.get(running.MEMBERS), running.members, s.node.title) for s in subjects)
    return next((one for one in answers if not isinstance(one, Unknown)), ())


def _is_of(member: Member, s: Subject) -> bool:
    return member.name == s.node.name or f"https://{s.node.address}:2380" in member.peer_urls
