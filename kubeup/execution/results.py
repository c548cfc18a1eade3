"""What many nodes answered, and why some did not: a value that says nothing of how they were asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from kubeup.model.errors import KubeupError

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Results(Generic[T_co]):
    """By node.host: what each node answered, or why it did not."""

    values: Mapping[str, T_co] = field(default_factory=dict)
    failures: Mapping[str, KubeupError] = field(default_factory=dict)
