"""Whether upstream still looks after what is to run, and whether what runs can become it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from packaging.version import Version

from kubeup import components
from kubeup.model.cluster import KUBERNETES, Cluster, Program
from kubeup.model.facts.versions import of_node
from kubeup.preflight.living import ANEW, lives
from kubeup.preflight.problem import PreflightProblem, Subject, problem
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


def steps(subjects: Sequence[Subject]) -> Iterator[PreflightProblem]:
    """A program of a living cluster goes neither back to what cannot read its data, nor past a minor version that
    upstream does not let it pass. What many nodes have is told once."""
    told: set[tuple[str, str, str]] = set()
    for s in subjects:
        has = of_node(s.facts) if lives(s.facts) else {}
        for program in components.programs().values():
            then, now = has.get(program.key, ""), s.cluster.versions.of(program)
            for found in _step(s, program, then, now) if then else ():
                if (program.key, then, found.id) not in told:
                    told.add((program.key, then, found.id))
                    yield found


def _step(s: Subject, program: Program, then: str, now: str) -> Iterator[PreflightProblem]:
    old, new = Version(then), Version(now)
    part = {"none": 3, "patch": 2, "any": 0}[program.way_back]
    if new.release[:part] < old.release[:part]:
        yield s.problem(
            "older-version",
            f"it has {program.key} {then}, the profile says {now}: an older one cannot read what this one wrote",
            f"write {_line(program, then)} into the profile, or a newer version; {ANEW}",
        )
    # A worker may be further behind: https://kubernetes.io/releases/version-skew-policy/
    elif program.minor_by_minor and s.node.is_control_plane and new.release[:2] > (old.major, old.minor + 1):
        between = f"{old.major}.{old.minor + 1}"
        between = dict(program.floors).get(between, between)
        yield s.problem(
            "skipped-version",
            f"it has {program.key} {then}, the profile says {now}: a minor version in between would be passed over",
            f"write {_line(program, between)} into the profile first, and kubeup up; then the next",
        )


def _line(program: Program, version: str) -> str:
    """As a profile has it."""
    return f'kubernetes: "{version}"' if program == KUBERNETES else f"versions: {{{program.key}: {version}}}"
