"""The members of etcd: those that the cluster was founded with, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubeup.preflight.problem import PreflightProblem, Subject

ETCD = "etcd.service"


def members(subjects: Sequence[Subject]) -> Iterator[PreflightProblem]:
    """A member that is new, or lost its data, would found a second cluster beside the living one.

    One that a first `up` began and did not get to is none of these: it is in the record of its own, not yet ready.
    """
    masters = [s for s in subjects if s.node.is_control_plane]
    living = [s.node.title for s in masters if s.facts.kept_data and ETCD in s.facts.record.ready]
    for s in masters:
        record = s.facts.record
        begun = ETCD in record.units and ETCD not in record.ready
        if living and not s.facts.kept_data and not begun:
            yield s.problem(
                "etcd-members",
                f"it has no data of etcd, and {', '.join(living)} has: it would begin a second, empty cluster",
                "members cannot be added yet: leave it out of the control plane in the profile (role i, or none); "
                "or, for a new cluster without the old one's data: kubeup down, then kubeup up",
            )
