"""From every state of etcd's members and machines, the next single transition, and a quorum at each moment."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from kubeup.model.facts import Member
from kubeup.plan.membership import (
    Add,
    Machine,
    Promote,
    Refused,
    Remove,
    Start,
    State,
    Transition,
    Update,
    after,
    has_quorum,
    next_transition,
    way,
)


def machine(number: int, *, data: bool = True) -> Machine:
    return Machine(f"m{number}", f"10.0.0.{number}", data)


def member(number: int, *, learner: bool = False, started: bool = True) -> Member:
    name = f"m{number}" if started else ""
    return Member(f"{number}", name, (f"https://10.0.0.{number}:2380",), learner)


def words(one: Transition | Refused | None) -> str:
    match one:
        case Add(machine):
            return f"add {machine.name}"
        case Start(machine, _):
            return f"start {machine.name}"
        case Promote(machine, _):
            return f"promote {machine.name}"
        case Update(machine, _):
            return f"move {machine.name}"
        case Remove(member):
            return f"remove {member.name or member.id}"
        case Refused(why):
            return why
        case None:
            return ""


def state(members: list[Member], machines: list[Machine], well: str) -> State:
    return State(tuple(members), tuple(machines), frozenset(well.split()))


JOIN = ["add m2", "start m2", "promote m2", "add m3", "start m3", "promote m3"]
WAYS: dict[str, tuple[State, list[str]]] = {
    "nothing to do": (state([member(1)], [machine(1)], "1"), []),
    "one to three": (state([member(1)], [machine(1), machine(2, data=False), machine(3, data=False)], "1"), JOIN),
    "added, and cut off": (
        state(
            [member(1), member(2, learner=True, started=False)],
            [machine(1), machine(2, data=False), machine(3, data=False)],
            "1",
        ),
        JOIN[1:],
    ),
    "started, and cut off": (
        state([member(1), member(2, learner=True)], [machine(1), machine(2), machine(3, data=False)], "1 2"),
        JOIN[2:],
    ),
    "a learner whose machine came back bare": (
        state([member(1), member(2, learner=True)], [machine(1), machine(2, data=False)], "1"),
        ["remove m2", *JOIN[:3]],
    ),
    "a learner that left the profile before it was one": (
        state([member(1), member(2, learner=True, started=False)], [machine(1)], "1"),
        ["remove 2"],
    ),
    "three to one": (state([member(1), member(2), member(3)], [machine(1)], "1 2 3"), ["remove m2", "remove m3"]),
    "three to one, one of them dead": (
        state([member(1), member(2), member(3)], [machine(1)], "1 2"),
        ["remove m3", "remove m2"],
    ),
    "a founder that never started": (
        state(
            [member(1), member(2), member(3, started=False)], [machine(1), machine(2), machine(3, data=False)], "1 2"
        ),
        ["start m3"],
    ),
    "a machine that came back bare": (
        state([member(1), member(2), member(3)], [machine(1), machine(2), machine(3, data=False)], "1 2"),
        ["remove m3", "add m3", "start m3", "promote m3"],
    ),
    "a dead one is replaced by another": (
        state([member(1), member(2), member(3)], [machine(1), machine(2), machine(4, data=False)], "1 2"),
        ["remove m3", "add m4", "start m4", "promote m4"],
    ),
    "one that works is replaced by another": (
        state([member(1)], [machine(4, data=False)], "1"),
        ["add m4", "start m4", "promote m4", "remove m1"],
    ),
    "one has another address": (
        state([member(1), member(2), member(3)], [machine(1), Machine("m2", "10.0.0.22", True), machine(3)], "1 3"),
        ["move m2"],
    ),
    "one has another address, and no other is there": (
        state([member(1), member(2)], [machine(1), Machine("m2", "10.0.0.22", True)], "1"),
        ["m2 cannot have another address: members of etcd are not well: m2"],
    ),
    "quorum lost": (
        state([member(1), member(2), member(3)], [machine(1), machine(2, data=False), machine(3)], "1"),
        ["m2 cannot be taken out: members of etcd are not well: m2, m3"],
    ),
    "one of two lost its data": (
        state([member(1), member(2)], [machine(1), machine(2, data=False)], "1"),
        ["m2 cannot be taken out: members of etcd are not well: m2"],
    ),
    "all are to go": (state([member(1)], [], "1"), ["m1 cannot be taken out: no member of etcd would be left"]),
    "data of a member that was taken out": (
        state([member(1)], [machine(1), machine(2)], "1"),
        ["m2 has data of a member that is none any more"],
    ),
}


@pytest.mark.parametrize("case", WAYS)
def test_the_way_from_a_state(case: str) -> None:
    begin, expected = WAYS[case]
    assert [words(one) for one in way(begin)] == expected


def reachable() -> Iterator[State]:
    """Every state of up to three members and machines: members that vote or learn, started or not, well or not, wanted
    or not, with their data or without; and machines that are no members."""
    kinds = [None, *itertools.product((False, True), (False, True), (False, True), (None, False, True))]
    for combination in itertools.product(kinds, repeat=3):
        members, machines, well = [], [], []
        for number, kind in enumerate(combination, 1):
            if kind is None:
                machines.append(machine(number, data=False))
                continue
            learner, started, is_well, data = kind
            members.append(member(number, learner=learner, started=started))
            well += [str(number)] if is_well and started and data is not False else []
            machines += [machine(number, data=data)] if data is not None else []
        if any(not one.learner for one in members):
            yield State(tuple(members), tuple(machines), frozenset(well))


def test_from_every_state_each_step_keeps_a_quorum_and_all_end() -> None:
    states = ends = 0
    for begin in reachable():
        states += 1
        now = begin
        for _ in range(20):
            one = next_transition(now)
            if one is None or isinstance(one, Refused):
                break
            then = after(now, one)
            assert has_quorum(now.voters, now.well), (begin, one)
            assert has_quorum(then.voters, then.well), (begin, one)
            now = then
        else:
            pytest.fail(f"it does not end: {begin}")
        if one is None:
            ends += 1
            assert {now.machine_of(each) for each in now.members} == set(now.machines)
            assert all(not each.learner for each in now.members)
        elif has_quorum(begin.voters, begin.well) and all(each.id in begin.well for each in begin.voters):
            # All are well: only nobody to go on with, or foreign data, keeps it from its end.
            assert "no member of etcd would be left" in one.why or "none any more" in one.why, (begin, one)
    assert states > 10000
    assert ends > 1000
