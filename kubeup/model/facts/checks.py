"""Whether what an action would do is done already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class CheckFacts:
    """checks: Action.answer -> satisfied."""

    checks: Mapping[str, bool] = field(default_factory=dict)


def parse(answer: Answer) -> CheckFacts:
    return CheckFacts({id_: status == "1" for status, id_ in answer.all("check")})
