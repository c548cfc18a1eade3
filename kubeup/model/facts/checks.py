"""Whether what an action would do is done already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeup.model.facts.answer import Answer


@dataclass(frozen=True)
class CheckFacts:
    """checks: id, such as Action.answer -> satisfied. whys: of those that are not and said why, in words."""

    checks: Mapping[str, bool] = field(default_factory=dict)
    whys: Mapping[str, str] = field(default_factory=dict)


def parse(answer: Answer) -> CheckFacts:
    rows = answer.all("check")
    return CheckFacts(
        {id_: status == "1" for status, id_, *_ in rows}, {id_: words[0] for _, id_, *words in rows if any(words)}
    )
