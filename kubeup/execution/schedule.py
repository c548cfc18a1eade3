"""Which trip may begin, by what has ended: a plan's waves, carried on. No clock, no thread, no connection."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping

from kubeup.plan.steps import Plan
from kubeup.plan.waves import Trip, Wave

NAMED = 3
"""Nodes that are named where many are waited for."""
IsSilent = Callable[[str], bool]
"""Whether a node, by its title, is in the middle of a trip and has given no sign of life for long."""


class State(enum.Enum):
    """SHUT: it failed at its gate, and nothing was touched. UNTOUCHED: it does not begin, for its node failed, or is
    held, before."""

    WAITING = "waiting"
    UNDER_WAY = "under way"
    DONE = "done"
    FAILED = "failed"
    SHUT = "shut"
    UNTOUCHED = "untouched"


FAILURES = (State.FAILED, State.SHUT)


class Schedule:
    """Every trip of a plan, and how far it has come."""

    def __init__(self, plan: Plan, first: Iterable[Trip] = ()) -> None:
        """first: trips before any level. Each level of each node is in one of plan.waves."""
        self._waves: Mapping[Trip, Wave] = {trip: wave for wave in plan.waves for trip in wave.trips}
        leveled = (Trip(level.number, node.node) for node in plan.nodes for level in node.levels)
        self._state = dict.fromkeys(sorted((*first, *leveled)), State.WAITING)
        lacking = [trip for trip in self._state if trip.level >= 0 and trip not in self._waves]
        if lacking:
            raise ValueError(f"in no wave: {lacking}")

    @property
    def over(self) -> bool:
        return not any(state in (State.WAITING, State.UNDER_WAY) for state in self._state.values())

    @property
    def under_way(self) -> tuple[Trip, ...]:
        return tuple(trip for trip, state in self._state.items() if state is State.UNDER_WAY)

    def begin(self, trip: Trip) -> None:
        self._state[trip] = State.UNDER_WAY

    def end(self, trip: Trip, state: State = State.DONE) -> None:
        """How it ended. Where it was not done, nothing further is done on its node."""
        self._state[trip] = state
        if state is not State.DONE:
            self._give_up(trip.node)

    def next(self, is_silent: IsSilent) -> Trip | None:
        """One that may begin now; lower levels first."""
        able = (trip for trip in self._upcoming() if not self._obstacles(trip, is_silent) and not self._against(trip))
        return next(able, None)

    def hold(self) -> Iterator[tuple[str, str]]:
        """Nodes that cannot go on because of others' failures, each once, and why."""
        for trip in tuple(self._upcoming()):
            reason = self._against(trip)
            if reason:
                self._give_up(trip.node)
                yield trip.node, reason

    def waits(self, is_silent: IsSilent) -> dict[str, str]:
        """Node -> whom it waits for, in words, for those that wait for others."""
        found = {trip.node: self._obstacles(trip, is_silent) for trip in self._upcoming()}
        return {node: f"waiting for {_listed(others)}" for node, others in found.items() if others}

    def _upcoming(self) -> Iterator[Trip]:
        """The next trip of each node that is at none."""
        seen = {trip.node for trip in self.under_way}
        for trip, state in self._state.items():
            if state is State.WAITING and trip.node not in seen:
                seen.add(trip.node)
                yield trip

    def _obstacles(self, trip: Trip, is_silent: IsSilent) -> tuple[str, ...]:
        """Nodes that it has to wait for."""
        wave = self._waves.get(trip)
        if wave is None:
            return ()
        found = [one for one in (*wave.needs, *wave.trusts) if self._is_open(one)]
        found += [one for one in wave.follows if self._is_open(one) and not is_silent(one.node)]
        if wave.alone:
            # Also one that was not waited for, and came back to life.
            found += [one for one in self.under_way if self._rolling(one)]
        return tuple(dict.fromkeys(one.node for one in found if one.node != trip.node))

    def _against(self, trip: Trip) -> str:
        """Why it will never begin; empty while it may."""
        wave = self._waves.get(trip)
        if wave is None:
            return ""
        lost = [one for one in wave.needs if self._state.get(one) in (*FAILURES, State.UNTOUCHED)]
        lost += [one for one in wave.trusts if self._state.get(one) is State.FAILED]
        for one in lost:
            what = "failed" if self._has_failed(one.node) else "is not touched further"
            return f"{one.node} {what}, and with it the API server everything after needs"
        for one, state in self._state.items():
            same = [name for name in wave.rolling if name in self._rolling(one)]
            if wave.alone and state in FAILURES and same:
                verb = "restarts" if len(same) == 1 else "restart"
                return f"{one.node} failed, and {' and '.join(same)} {verb} nowhere else before that is mended"
        return ""

    def _is_open(self, trip: Trip) -> bool:
        return self._state.get(trip) in (State.WAITING, State.UNDER_WAY)

    def _has_failed(self, node: str) -> bool:
        return any(trip.node == node and state in FAILURES for trip, state in self._state.items())

    def _rolling(self, trip: Trip) -> tuple[str, ...]:
        wave = self._waves.get(trip)
        return wave.rolling if wave else ()

    def _give_up(self, node: str) -> None:
        for trip, state in self._state.items():
            if trip.node == node and state is State.WAITING:
                self._state[trip] = State.UNTOUCHED


def _listed(nodes: tuple[str, ...]) -> str:
    if len(nodes) <= NAMED:
        return ", ".join(nodes)
    return f"{', '.join(nodes[:NAMED])} and {len(nodes) - NAMED} others"
