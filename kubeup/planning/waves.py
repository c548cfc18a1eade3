"""Which nodes go through a level together, and which one after the other: (cluster, plan, facts) to waves. Pure.

What never worked starts together, as in a first ``up``. What works, and must not be away everywhere at once, restarts
on one node after the other, and only while the others can do without it. What does not work is mended before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from kubeup import components
from kubeup.components.base import Context
from kubeup.components.kube_apiserver import COMPONENT as API
from kubeup.model.cluster import Cluster, Node
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.plan.steps import Level, Plan, RunAction, Start
from kubeup.plan.waves import STAGING, Gate, Trip, Wave


def of(
    cluster: Cluster, plan: Plan, facts: Mapping[str, Facts], cluster_facts: ClusterFacts, lead: Node
) -> tuple[Wave, ...]:
    """Every node's way through every level of the plan, each in one wave; levels ascending, and within a level in the
    order in which they go.

    cluster: resolved; plan.nodes stand in the order of cluster.nodes. facts: by node.endpoint. lead: the control-plane
    node by which the cluster's own objects are made.
    """
    found: list[Wave] = []
    contexts = [Context(cluster, node, facts.get(node.endpoint, Facts()), cluster_facts, {}) for node in cluster.nodes]
    alive = _alive(contexts)
    for number in plan.level_numbers:
        turns = [
            _turn(context, level, alive)
            for context, node in zip(contexts, plan.nodes, strict=True)
            if (level := node.level(number))
        ]
        needs, trusts = _serving(plan, contexts, lead) if number else ((), ())
        follows = _lower(plan, number) if number > 1 else ()
        found += [replace(wave, needs=needs, trusts=trusts) for wave in _of_level(number, turns, follows)]
    return tuple(found)


def at_once(plan: Plan) -> tuple[Wave, ...]:
    """Where no node needs another: all of them go through each level together."""
    return tuple(
        Wave(number, tuple(node.node for node in plan.nodes if node.level(number))) for number in plan.level_numbers
    )


@dataclass(frozen=True)
class _Turn:
    """A node's way through a level. rolling: components that (re)start there and must not be away everywhere.

    restarts: those of them that work until then. guarded: those, and what runs without working while it works
    elsewhere: it may still be one of a quorum. joins: one comes to others that live. late: it is the better choice for
    the last one.
    """

    node: Node
    rolling: tuple[str, ...]
    units: tuple[str, ...]
    restarts: tuple[str, ...]
    guarded: bool
    gates: tuple[Gate, ...]
    joins: bool
    late: bool

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Mending comes before disturbing."""
        return self.restarts == self.rolling, self.late, int(ip_address(self.node.address))


def _alive(contexts: Sequence[Context]) -> frozenset[str]:
    """Components that work on some node."""
    return frozenset(
        part.name
        for part in components.ALL
        if part.rolling and any(part.rolling.works(one) for one in contexts if part.roles & one.node.roles)
    )


def _turn(context: Context, level: Level, alive: frozenset[str]) -> _Turn:
    started = [step for step in level.steps if isinstance(step, Start) and not step.reload]
    found = [(step, part, part.rolling) for step in started if (part := components.BY_NAME[step.unit.component])]
    every = [(step, part.name, rolling) for step, part, rolling in found if rolling]
    works = [(name, rolling) for _, name, rolling in every if rolling.works(context)]
    guarded = [rolling for step, name, rolling in every if rolling.works(context) or (name in alive and step.restart)]
    return _Turn(
        context.node,
        rolling=tuple(name for _, name, _ in every),
        units=tuple(step.unit.name for step, _, _ in every),
        restarts=tuple(name for name, _ in works),
        guarded=bool(guarded),
        gates=tuple(gate for rolling in guarded if (gate := rolling.gate(context))),
        joins=any(rolling.joins(context) for _, _, rolling in every),
        late=any(rolling.late(context) for _, rolling in works),
    )


def _of_level(number: int, turns: Sequence[_Turn], follows: tuple[Trip, ...]) -> list[Wave]:
    free = [turn for turn in turns if not turn.rolling]
    alone = [turn for turn in turns if turn.guarded or turn.joins]
    starting = [turn for turn in turns if turn.rolling and turn not in alone]
    found = []
    if free:
        found.append(Wave(number, _titles(free), follows=follows))
    if starting:
        # They wait for one another once they run: none begins before the others have what they start with.
        staged = tuple(Trip(STAGING, turn.node.title) for turn in starting)
        found.append(_wave(number, starting, (*follows, *(staged if len(staged) > 1 else ()))))
    queue = found[-1].trips if starting else ()
    for turn in sorted(alone, key=lambda turn: turn.rank):
        found.append(_wave(number, (turn,), (*follows, *queue)))
        queue = found[-1].trips
    return found


def _wave(number: int, turns: Sequence[_Turn], follows: tuple[Trip, ...]) -> Wave:
    def every(words: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word for some in words for word in some))

    return Wave(
        number,
        _titles(turns),
        before=tuple(gate for turn in turns for gate in turn.gates),
        after=every(turn.units for turn in turns),
        rolling=every(turn.rolling for turn in turns),
        restarts=every(turn.restarts for turn in turns),
        follows=follows,
    )


def _titles(turns: Iterable[_Turn]) -> tuple[str, ...]:
    return tuple(turn.node.title for turn in turns)


def _serving(plan: Plan, contexts: Sequence[Context], lead: Node) -> tuple[tuple[Trip, ...], tuple[Trip, ...]]:
    """What all levels but the first need of the lead, which serves them the API, and what they only trust.

    One whose API server works, and that is to bring no objects into it, serves as it is. Each other control-plane node
    is its own machine's server, which is through its first level by then, and one of several to who has none.
    """
    needs: list[Trip] = []
    trusts: list[Trip] = []
    for context, node in zip(contexts, plan.nodes, strict=True):
        level = node.level(0)
        if level is None or context.node.title != lead.title:
            continue
        brings = any(isinstance(step, RunAction) and step.action.component == API.name for step in level.steps)
        serves = API.rolling is not None and API.rolling.works(context)
        (trusts if serves and not brings else needs).append(Trip(0, node.node))
    return tuple(needs), tuple(trusts)


def _lower(plan: Plan, number: int) -> tuple[Trip, ...]:
    """What comes after the workers' own level is the cluster's, such as addons: better done when the workers are there,
    and not held by one that is not."""
    return tuple(Trip(level.number, node.node) for node in plan.nodes for level in node.levels if level.number < number)
