"""The minor versions of Kubernetes that kubeup knows, and how long upstream looks after them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

STABLE = "dl.k8s.io/release/stable-{}.txt"
"""Where upstream says the newest patch of a minor version, such as v1.36.5."""


@dataclass(frozen=True)
class Minor:
    """patch: what the minor stands for where nobody can be asked. end_of_life: after it, no holes are mended.

    https://kubernetes.io/releases/ has a page of each with that date.
    """

    patch: str
    end_of_life: datetime.date


MINORS: Mapping[str, Minor] = {
    "1.34": Minor("1.34.4", datetime.date(2026, 10, 27)),
    "1.35": Minor("1.35.4", datetime.date(2027, 2, 28)),
    "1.36": Minor("1.36.3", datetime.date(2027, 6, 28)),
    "1.37": Minor("1.37.2", datetime.date(2027, 10, 28)),
}


def minor_of(version: str) -> str:
    """1.36 of 1.36.3, and of 1.36."""
    return ".".join(version.split(".")[:2])
