"""What many nodes answered, and why some did not: a value that says nothing of how they were asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from kubeup.model.cluster import Node
from kubeup.model.errors import KubeupError
from kubeup.model.events import EventSink, Failed

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Results(Generic[T_co]):
    """By node.endpoint: what each node answered, or why it did not."""

    values: Mapping[str, T_co] = field(default_factory=dict)
    failures: Mapping[str, KubeupError] = field(default_factory=dict)


def tell_failures(results: Results[object], nodes: Sequence[Node], emit: EventSink) -> None:
    for node in nodes:
        if node.endpoint in results.failures:
            emit(Failed(node.title, results.failures[node.endpoint]))
