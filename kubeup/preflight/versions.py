"""Whether upstream still looks after what is to run."""

from __future__ import annotations

import datetime

from kubeup.model.cluster import Cluster
from kubeup.preflight.problem import PreflightProblem, problem
from kubeup.release.kubernetes import MINORS, minor_of


def end_of_life(cluster: Cluster, today: datetime.date) -> list[PreflightProblem]:
    """A warning for a Kubernetes in which nobody mends holes any more."""
    minor = minor_of(cluster.versions.kubernetes)
    known = MINORS.get(minor)
    if known is None or today <= known.end_of_life:
        return []
    newer = next((other for other, one in MINORS.items() if other > minor and one.end_of_life >= today), "")
    return [
        problem(
            "end-of-life",
            cluster.name,
            f"Kubernetes {minor} has been at its end of life since {known.end_of_life}: its holes are no longer mended",
            f'kubernetes: "{newer}" in the profile' if newer else "a newer kubeup",
        )
    ]
