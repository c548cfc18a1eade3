"""etcd's members on their way to the profile's: any state of members and machines to the next single transition. Pure.

One at a time: a member that comes is a learner until it has all data, one that lost its data is taken out before it
comes anew, one that is dead and not wanted goes before others come, one that works and is not wanted goes last. After
each transition a quorum of the members before it and of those after it is there (``holds``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kubeup.model.facts import Member

MOST = 64
"""Transitions of one way: more of them is a fault of the resolver's."""


@dataclass(frozen=True)
class Machine:
    """A control-plane node as the profile has it. has_data: a member's data lie on its disk."""

    name: str
    address: str
    has_data: bool = False

    @property
    def peer_url(self) -> str:
        return f"https://{self.address}:2380"


@dataclass(frozen=True)
class State:
    """What there is. well: ids of members that run and see a leader; a member that nobody asked is not among them."""

    members: tuple[Member, ...]
    machines: tuple[Machine, ...]
    well: frozenset[str]

    def machine_of(self, member: Member) -> Machine | None:
        """By its URL; by its name where its address moved."""
        by_url = (one for one in self.machines if one.peer_url in member.peer_urls)
        by_name = (one for one in self.machines if member.name and one.name == member.name)
        return next(by_url, None) or next(by_name, None)

    def member_of(self, machine: Machine) -> Member | None:
        return next((one for one in self.members if self.machine_of(one) == machine), None)

    @property
    def voters(self) -> tuple[Member, ...]:
        return tuple(one for one in self.members if not one.learner)


@dataclass(frozen=True)
class Add:
    """A machine's member comes, as a learner; then its etcd starts."""

    machine: Machine


@dataclass(frozen=True)
class Start:
    """A member that the others know starts for the first time."""

    machine: Machine
    member: Member


@dataclass(frozen=True)
class Promote:
    """A learner that has all data counts from now on."""

    machine: Machine
    member: Member


@dataclass(frozen=True)
class Remove:
    """A member goes. why: for people."""

    member: Member
    why: str


@dataclass(frozen=True)
class Refused:
    """Nothing may be done. why: for people."""

    why: str


@dataclass(frozen=True)
class Update:
    """A member is reached by another address from now on."""

    machine: Machine
    member: Member


Transition = Add | Start | Promote | Remove | Update
NOT_WANTED, NO_DATA, NEVER_WANTED = "the profile does not have it", "its data are gone", "it is a learner of nobody's"


def next_transition(state: State) -> Transition | Refused | None:
    """None: the members are the profile's."""
    for one in _in_order(state):
        return one if isinstance(one, Refused) or holds(state, one) else _refused(state, one)
    return None


def way(state: State) -> tuple[Transition | Refused, ...]:
    """Every transition to the end, if each goes well; the last one may be the refusal of the next."""
    found: list[Transition | Refused] = []
    while (one := next_transition(state)) is not None:
        found.append(one)
        if isinstance(one, Refused):
            break
        assert len(found) < MOST, found
        state = after(state, one)
    return tuple(found)


def _in_order(state: State) -> Iterator[Transition | Refused]:
    """The safest first."""
    owners = [(member, state.machine_of(member)) for member in state.members]
    for member, machine in owners:
        if member.learner and machine is None:
            yield Remove(member, NEVER_WANTED)
    for member, machine in owners:
        if machine is not None and machine.has_data and machine.peer_url not in member.peer_urls:
            yield Update(machine, member)
    for member, machine in owners:
        if machine is not None and not machine.has_data:
            # One that never started has no name.
            yield Remove(member, NO_DATA) if member.name else Start(machine, member)
        elif machine is not None and member.learner:
            yield Promote(machine, member)
    for member, machine in owners:
        if machine is None and member.id not in state.well:
            yield Remove(member, NOT_WANTED)
    for machine in state.machines:
        if state.member_of(machine) is None:
            if machine.has_data:
                yield Refused(f"{machine.name} has data of a member that is none any more")
            else:
                yield Add(machine)
    for member, machine in owners:
        if machine is None:
            yield Remove(member, NOT_WANTED)


def after(state: State, transition: Transition) -> State:
    """What there is once it went well."""
    match transition:
        case Add(machine):
            member = Member(f"new-{machine.name}", "", (machine.peer_url,), learner=True)
            return replace(state, members=(*state.members, member))
        case Start(machine, member):
            return _with(state, member, replace(member, name=machine.name), replace(machine, has_data=True))
        case Promote(machine, member):
            return _with(state, member, replace(member, learner=False), machine)
        case Update(machine, member):
            return _with(state, member, replace(member, peer_urls=(machine.peer_url,)), machine)
        case Remove(member):
            return replace(state, members=tuple(one for one in state.members if one != member))


def _with(state: State, member: Member, now: Member, machine: Machine) -> State:
    """Of a member that runs then."""
    machines = tuple(machine if one.name == machine.name else one for one in state.machines)
    members = tuple(now if one == member else one for one in state.members)
    return State(members, machines, state.well | {member.id})


def has_quorum(voters: Sequence[Member], well: frozenset[str]) -> bool:
    return sum(one.id in well for one in voters) > len(voters) // 2


def holds(state: State, transition: Transition) -> bool:
    """Whether a quorum of the members before and of those after it is there, so that it can be agreed to and undone."""
    then = after(state, transition)
    return has_quorum(state.voters, state.well) and has_quorum(then.voters, then.well)


def _refused(state: State, transition: Transition) -> Refused:
    ill = [one.name or one.id for one in state.voters if one.id not in state.well]
    text = f"members of etcd are not well: {', '.join(ill)}" if ill else "no member of etcd would be left"
    match transition:
        case Add(machine) | Start(machine, _) | Promote(machine, _):
            return Refused(f"{machine.name} cannot join: {text}")
        case Update(machine, _):
            return Refused(f"{machine.name} cannot have another address: {text}")
        case Remove(member):
            return Refused(f"{member.name or member.id} cannot be taken out: {text}")
