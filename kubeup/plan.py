"""diff(desired, facts) = Plan: the only thing that is ever executed.

A plan is a value: steps in order, in levels with a barrier between machines after each. Nothing in it was done yet,
so it can be shown (``kubeup plan``), counted and compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kubeup.facts import Facts, FileFact, Owned
from kubeup.pki import CertificateSpec
from kubeup.resources import Action, Binary, Desired, Directory, File, Trace, Unit

NEVER_READY = "it has not become ready yet"
NOT_RUNNING = "it is not running"


@dataclass(frozen=True)
class Make:
    """Make a folder."""

    directory: Directory


@dataclass(frozen=True)
class Put:
    """Put a file in place; ``before`` is what is there now."""

    file: File
    before: FileFact


@dataclass(frozen=True)
class Link:
    """Point the link of a binary at the store."""

    binary: Binary
    before: FileFact


@dataclass(frozen=True)
class Start:
    """Start, or restart, a unit, and wait until it is ready. why: the paths or reasons, for people. reload: it runs,
    and takes in what changed without a restart."""

    unit: Unit
    why: tuple[str, ...]
    restart: bool
    reload: bool = False


@dataclass(frozen=True)
class Await:
    """Wait until a unit that was started in this level is ready."""

    unit: Unit


@dataclass(frozen=True)
class Do:
    """Run an action."""

    action: Action


@dataclass(frozen=True)
class Remember:
    """Write a fact into the node's record."""

    key: str
    value: str


@dataclass(frozen=True)
class Observe:
    """Record what a trace is before anything of kubeup's ran."""

    trace: Trace


@dataclass(frozen=True)
class Stop:
    """Stop a unit of kubeup's and disable it."""

    unit: str
    before: str


@dataclass(frozen=True)
class Undo:
    """Undo an action with the undo script the node kept."""

    action: str


@dataclass(frozen=True)
class Clear:
    """Take away a trace, if it was not there before kubeup."""

    kind: str
    name: str
    before: str


@dataclass(frozen=True)
class GiveBack:
    """A path goes back to what it was: the original returns, or the path goes. edited: by someone else since."""

    owned: Owned
    edited: bool


@dataclass(frozen=True)
class Forget:
    """The last step of ``down``: store, record and kubeup's own folder go."""

    keep_data: bool


Step = Make | Put | Link | Start | Await | Do | Remember | Observe | Stop | Undo | Clear | GiveBack | Forget


@dataclass(frozen=True)
class Level:
    """What one node does between two barriers, in one trip. title: the components, for people."""

    number: int
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class NodePlan:
    """All for one node. binaries: what its store lacks; staged, with the files, before any level."""

    node: str
    generation: int
    binaries: tuple[Binary, ...] = ()
    observed: tuple[Trace, ...] = ()
    levels: tuple[Level, ...] = ()
    mint: tuple[CertificateSpec, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.binaries or self.levels)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for level in self.levels for step in level.steps)

    @property
    def files(self) -> tuple[Put, ...]:
        return tuple(step for step in self.steps if isinstance(step, Put))

    @property
    def starts(self) -> tuple[Start, ...]:
        return tuple(step for step in self.steps if isinstance(step, Start))

    @property
    def bytes_to_send(self) -> int:
        """Bytes of binaries and known files, uncompressed."""
        return sum(binary.size for binary in self.binaries) + sum(len(put.file.content or b"") for put in self.files)

    def level(self, number: int) -> Level | None:
        return next((level for level in self.levels if level.number == number), None)


@dataclass(frozen=True)
class Plan:
    """What a command will do, for every node of the cluster, in the profile's order."""

    cluster: str
    nodes: tuple[NodePlan, ...]

    @property
    def empty(self) -> bool:
        return all(node.empty for node in self.nodes)

    def with_node(self, plan: NodePlan) -> Plan:
        """The same with another plan for the node of that name."""
        return replace(self, nodes=tuple(plan if node.node == plan.node else node for node in self.nodes))

    @property
    def level_numbers(self) -> tuple[int, ...]:
        return tuple(sorted({level.number for node in self.nodes for level in node.levels}))


@dataclass(frozen=True)
class Stage:
    """Where a component stands in the order: its level, and which components must be ready before it starts."""

    component: str
    level: int
    after: tuple[str, ...] = ()


def diff(node: str, desired: Desired, facts: Facts, order: Sequence[Stage]) -> NodePlan:
    """What takes a node from facts to desired.

    order: every component of the node, each after those it needs. What the record owns and desired lacks goes back.
    """
    binaries = tuple(binary for binary in _by_hash(desired.binaries) if facts.store.get(binary.sha256) != binary.size)
    levels: dict[int, list[Step]] = {}
    levels.setdefault(0, []).extend(_departures(desired, facts))
    for stage in (Stage("", 0), *order):
        steps = _component_steps(stage, desired, facts, levels.get(stage.level, ()))
        levels.setdefault(stage.level, []).extend(steps)
    if order:
        _remember(levels, desired, facts, order[-1].level)
    built = tuple(
        Level(number, _title(steps), (*steps, *_awaits(steps))) for number, steps in sorted(levels.items()) if steps
    )
    observed = (
        ()
        if facts.record.exists and not built
        else tuple(trace for trace in desired.traces if (trace.kind, trace.name) not in facts.record.traces)
    )
    return NodePlan(node, facts.record.generation, binaries, observed if built or binaries else (), built, desired.mint)


CLEARED = (
    "docker-pods",
    "cgroup",
    "processes",
    "mounts",
    "netns-prefix",
    "shims",
    "cni",
    "tree",
    "folder",
    "folders",
    "link",
    "nft-table",
    "link-rules",
    "forward-policy",
    "chain-prefix",
)
"""Kinds of traces in the order in which they go: what runs first, tables that others' rules live in last."""


PUSHED = "image-"
"""How the ids of actions begin that brought an image."""


def empty_diff(node: str, facts: Facts, *, keep_data: bool = False) -> NodePlan:
    """``down``: diff(empty Desired, facts). Everything in the record goes back, then the record goes."""
    if not facts.record.exists:
        # An up that was cut off while it brought bytes left these, and nothing else.
        left = (Level(0, "undo", (Forget(False),)),) if facts.home else ()
        return NodePlan(node, 0, levels=left)
    record = facts.record
    steps: list[Step] = list(_departures(Desired(), facts, keep_data=keep_data))
    steps.extend(Clear(kind, name, before) for (kind, name), before in record.traces.items())
    steps.sort(key=_undo_rank)
    steps.append(Forget(keep_data))
    return NodePlan(node, record.generation, levels=(Level(0, "undo", tuple(steps)),))


def _undo_rank(step: Step) -> tuple[int, int]:
    """Units stop, then actions are undone while their tools are still there, then traces go, then paths."""
    ranks: tuple[type[object], ...] = (Stop, Undo, Clear, GiveBack)
    kind = step.kind if isinstance(step, Clear) else ""
    return ranks.index(type(step)), CLEARED.index(kind) if kind in CLEARED else len(CLEARED)


def _by_hash(binaries: Iterable[Binary]) -> tuple[Binary, ...]:
    return tuple({binary.sha256: binary for binary in binaries}.values())


def _departures(desired: Desired, facts: Facts, *, keep_data: bool = False) -> list[Step]:
    """What the record owns and desired no longer wants, units first, deepest paths first."""
    record = facts.record
    wanted_units = {unit.name for unit in desired.units}
    wanted_paths = {file.path for file in desired.files} | {directory.path for directory in desired.directories}
    wanted_paths |= {binary.link for binary in desired.binaries}
    # What is kept stays in folders of kubeup's, which therefore stay kubeup's.
    kept = {owned.path for owned in record.owned.values() if keep_data and owned.keep}
    wanted_actions = {action.id for action in desired.actions}
    steps: list[Step] = [
        Stop(name, record.units[name]) for name in reversed(tuple(record.units)) if name not in wanted_units
    ]
    # Images that were pushed are in no desired state: they go with the cluster.
    stays = PUSHED if desired.units else "-"
    steps.extend(
        Undo(action)
        for action in reversed(record.actions)
        if action not in wanted_actions and not action.startswith(stays)
    )
    for owned in sorted(record.owned.values(), key=lambda owned: owned.path, reverse=True):
        holds_wanted = owned.kind == "dir" and any(path.startswith(owned.path + "/") for path in wanted_paths | kept)
        if owned.path not in wanted_paths and not holds_wanted and not (keep_data and owned.keep):
            steps.append(GiveBack(owned, _edited(owned, facts.file(owned.path))))
    return steps


def _edited(owned: Owned, now: FileFact) -> bool:
    """True when someone changed a file after kubeup wrote it; the node checks again when it acts."""
    return owned.kind == "file" and now.kind == "file" and now.sha256 != owned.value


def _component_steps(stage: Stage, desired: Desired, facts: Facts, earlier: Sequence[Step]) -> list[Step]:
    name = stage.component
    steps: list[Step] = []
    steps.extend(
        Make(directory)
        for directory in desired.directories
        if directory.component == name and not _directory_stands(directory, facts)
    )
    steps.extend(
        Put(file, facts.file(file.path))
        for file in desired.files
        if file.component == name and not _file_stands(file, facts)
    )
    steps.extend(
        Link(binary, facts.file(binary.link))
        for binary in desired.binaries
        if binary.component == name and binary.link and not _link_stands(binary, facts)
    )
    work: list[Step] = []
    actions = [Do(action) for action in desired.actions if action.component == name and _to_do(action, desired, facts)]
    for unit in desired.units:
        if unit.component == name:
            why = _reasons(unit, desired, facts)
            if why:
                work.append(_start(unit, why, desired, facts))
            elif actions:
                # It runs, but perhaps on something that was started a moment ago.
                work.append(Await(unit))
    work.extend(actions)
    if work:
        steps.extend(_needed(stage.after, earlier))
        steps.extend(_with_own_await(work))
    return steps


def _to_do(action: Action, desired: Desired, facts: Facts) -> bool:
    changes = any(file.path in action.reads and not _file_stands(file, facts) for file in desired.files)
    return changes or not facts.checks.get(action.id, False)


def _start(unit: Unit, why: tuple[str, ...], desired: Desired, facts: Facts) -> Start:
    running = facts.unit(unit.name).running
    changed = _changed(unit, desired, facts)
    known = unit.foreign or unit.name in facts.record.ready
    return Start(unit, why, running, reload=running and known and bool(changed) and set(changed) <= set(unit.reloads))


def _with_own_await(work: Sequence[Step]) -> list[Step]:
    """Actions of a component run once its unit is ready."""
    steps: list[Step] = []
    for index, step in enumerate(work):
        steps.append(step)
        if isinstance(step, Start) and any(isinstance(later, Do) for later in work[index + 1 :]):
            steps.append(Await(step.unit))
    return steps


def _needed(after: Sequence[str], earlier: Sequence[Step]) -> list[Step]:
    """Await units of this level that the component needs and nobody awaited yet."""
    awaited = {step.unit.name for step in earlier if isinstance(step, Await)}
    return [
        Await(step.unit)
        for step in earlier
        if isinstance(step, Start) and step.unit.component in after and step.unit.name not in awaited
    ]


def _awaits(steps: Sequence[Step]) -> list[Step]:
    """At a level's end everything started in it is ready."""
    awaited = {step.unit.name for step in steps if isinstance(step, Await)}
    return [Await(step.unit) for step in steps if isinstance(step, Start) and step.unit.name not in awaited]


def _remember(levels: dict[int, list[Step]], desired: Desired, facts: Facts, last: int) -> None:
    """Before the level's other steps: what was asked for is known where one of them fails."""
    changed: list[Step] = [
        Remember(key, value) for key, value in desired.meta if facts.record.meta.get(key, "") != value
    ]
    if changed:
        number = last if levels.get(last) else 0
        levels[number] = [*changed, *levels.get(number, ())]


def _directory_stands(directory: Directory, facts: Facts) -> bool:
    fact = facts.file(directory.path)
    if fact.kind != "dir":
        return False
    owned = facts.record.owned.get(directory.path)
    # Once made, its mode is the business of the program that lives in it.
    return owned is not None or not directory.data


def _file_stands(file: File, facts: Facts) -> bool:
    fact, owned = facts.file(file.path), facts.record.owned.get(file.path)
    if owned is None or fact.kind != "file" or not file.wanted_digest:
        return False
    if file.merged and fact.sha256 == file.wanted_digest:
        return True
    return fact.sha256 == file.wanted_digest == owned.value and fact.mode == file.mode and fact.owner == file.owner


def _link_stands(binary: Binary, facts: Facts) -> bool:
    fact, owned = facts.file(binary.link), facts.record.owned.get(binary.link)
    return owned is not None and fact.kind == "link" and fact.target == binary.store_path == owned.value


def _reasons(unit: Unit, desired: Desired, facts: Facts) -> tuple[str, ...]:
    """Why a unit has to be (re)started; empty when it runs on exactly what it should have read."""
    now = facts.unit(unit.name)
    ready = facts.record.ready.get(unit.name)
    changed = _changed(unit, desired, facts)
    if ready is None and not (unit.foreign and now.running):
        return (NEVER_READY,) if now.running else (NOT_RUNNING,)
    if changed:
        return tuple(f"{path} changes" for path in changed)
    return () if now.running else (NOT_RUNNING,)


def _changed(unit: Unit, desired: Desired, facts: Facts) -> tuple[str, ...]:
    """The paths it reads that are, or will be, something else than what it read."""
    ready = facts.record.ready.get(unit.name)
    wanted = _wanted_values(desired)
    if ready is None and unit.foreign:
        # It ran before kubeup came, on what was there; not on what an up wrote that was cut off before it said so.
        owned = facts.record.owned
        return tuple(path for path in unit.reads if path in owned or wanted.get(path) != _value(facts.file(path)))
    read = ready or {}
    return tuple(
        path for path in unit.reads if not _same(read.get(path, ""), wanted.get(path), _value(facts.file(path)))
    )


def _wanted_values(desired: Desired) -> Mapping[str, str]:
    """What each path will hold: a digest, or a link's target; empty text where only execution will know."""
    values = {file.path: file.wanted_digest for file in desired.files}
    values.update({binary.link: binary.store_path for binary in desired.binaries if binary.link})
    return values


def _value(fact: FileFact) -> str:
    return fact.target if fact.kind == "link" else fact.sha256


def _same(read: str, wanted: str | None, now: str) -> bool:
    """True when the unit read what should be there and what is there. A file that someone edited counts as read
    edited: the unit may have restarted since, and nobody can tell."""
    if wanted is None:
        return read == now
    return bool(wanted) and read == wanted == now


def _title(steps: Iterable[Step]) -> str:
    """The components whose units start; those whose files change where none does."""
    started = {step.unit.component: None for step in steps if isinstance(step, Start)}
    changed = {step.file.component: None for step in steps if isinstance(step, Put) and step.file.component}
    return ", ".join(started or changed)
