"""What the running cluster said when it was asked: output that came back, with a mark that it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeup.model.facts.answer import Answer

TIMED_OUT = ("124", "137")
"""How ``timeout`` ends what it had to end: https://www.gnu.org/software/coreutils/timeout"""


@dataclass(frozen=True)
class Said:
    """The answer to one question. text: its output, without the mark at its end.

    why: empty where it is whole; else why it is not, for people, and then ``text`` says nothing: a list that broke off
    looks like a shorter one, and none at all like an empty one.
    """

    text: str = ""
    why: str = ""


@dataclass(frozen=True)
class AskFacts:
    """said: id of a question (ProbeRequest.asks) -> its answer; one that was not asked is not in it."""

    said: Mapping[str, Said] = field(default_factory=dict)


def parse(answer: Answer) -> AskFacts:
    lines: dict[str, list[str]] = {}
    for id_, *words in answer.all("said"):
        lines.setdefault(id_, []).append("\t".join(words))
    complaints = {id_: "\t".join(words) for id_, *words in answer.all("complained") if any(words)}
    return AskFacts({id_: _said(lines.get(id_, []), complaints.get(id_, "")) for id_ in {**lines, **complaints}})


def _said(lines: list[str], complaint: str) -> Said:
    last = lines[-1] if lines else ""
    word, _, status = last.partition(" ")
    if word != "end" or not status.isdigit():
        return Said(why="the answer broke off")
    if status in TIMED_OUT:
        return Said(why="no answer within 10 s")
    if status != "0":
        return Said(why=complaint or f"it ended with status {status}")
    return Said("".join(f"{line}\n" for line in lines[:-1]).rstrip("\n"))
