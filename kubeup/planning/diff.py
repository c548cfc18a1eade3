"""diff(desired, facts): what takes a node from what it has to what it should have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kubeup.model import founding
from kubeup.model.facts import Facts, FileFact
from kubeup.model.resources import Action, Binary, Desired, Directory, File, Unit
from kubeup.plan.steps import (
    Await,
    ComponentOrder,
    CreateDirectory,
    Level,
    LinkBinary,
    NodePlan,
    RunAction,
    SetMeta,
    Start,
    Step,
    WriteFile,
)
from kubeup.planning.removals import departures

NEVER_READY = "it has not become ready yet"
NOT_RUNNING = "it is not running"


def diff(node: str, desired: Desired, facts: Facts, order: Sequence[ComponentOrder]) -> NodePlan:
    """What takes a node from facts to desired.

    order: every component of the node, each after those it needs. What the record owns and desired lacks goes back.
    """
    binaries = tuple(binary for binary in _by_hash(desired.binaries) if facts.store.get(binary.sha256) != binary.size)
    levels: dict[int, list[Step]] = {}
    levels.setdefault(0, []).extend(departures(desired, facts))
    for stage in (ComponentOrder("", 0), *order):
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
        else tuple(
            effect for effect in desired.side_effects if (effect.kind, effect.name) not in facts.record.side_effects
        )
    )
    return NodePlan(
        node, facts.record.generation, binaries, observed if built or binaries else (), built, desired.to_issue
    )


def _by_hash(binaries: Iterable[Binary]) -> tuple[Binary, ...]:
    return tuple({binary.sha256: binary for binary in binaries}.values())


def _component_steps(stage: ComponentOrder, desired: Desired, facts: Facts, earlier: Sequence[Step]) -> list[Step]:
    name = stage.component
    steps: list[Step] = []
    steps.extend(
        CreateDirectory(directory)
        for directory in desired.directories
        if directory.component == name and not _directory_stands(directory, facts)
    )
    steps.extend(
        WriteFile(file, facts.file(file.path))
        for file in desired.files
        if file.component == name and not _file_stands(file, facts)
    )
    steps.extend(
        LinkBinary(binary, facts.file(binary.link))
        for binary in desired.binaries
        if binary.component == name and binary.link and not _link_stands(binary, facts)
    )
    every = [
        RunAction(action, facts.whys.get(action.answer, ""))
        for action in desired.actions
        if action.component == name and _to_do(action, desired, facts)
    ]
    work: list[Step] = [one for one in every if one.action.before_start]
    actions = [one for one in every if not one.action.before_start]
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
    if action.due is not None:
        return action.due
    changes = any(file.path in action.reads and not _file_stands(file, facts) for file in desired.files)
    return changes or not facts.checks.get(action.answer, False)


def _start(unit: Unit, why: tuple[str, ...], desired: Desired, facts: Facts) -> Start:
    running = facts.unit(unit.name).running
    changed = _changed(unit, desired, facts)
    known = unit.preexisting or unit.name in facts.record.ready
    reload = running and known and not unit.lost and bool(changed) and set(changed) <= set(unit.reloads)
    return Start(unit, why, running, reload, resume=known and not running and not changed)


def _with_own_await(work: Sequence[Step]) -> list[Step]:
    """Actions of a component run once its unit is ready."""
    steps: list[Step] = []
    for index, step in enumerate(work):
        steps.append(step)
        if isinstance(step, Start) and any(isinstance(later, RunAction) for later in work[index + 1 :]):
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
    changed = [(key, value) for key, value in desired.meta if facts.record.meta.get(key, "") != value]
    # Only here, at the end: by then the control plane has its authorities.
    if founding.DOWN in facts.record.meta:
        changed.append((founding.DOWN, ""))
    filled = [number for number, steps in sorted(levels.items()) if steps]
    # That another kubeup looks at it changes nothing of a node; nor does it that another node's subnet is free again:
    # until that one or the next is given one, the list is as good with it.
    if not filled and {key for key, _ in changed} <= {founding.KUBEUP, founding.SUBNETS}:
        return
    for number, first in ((filled[0] if filled else 0, True), (last if last in filled else 0, False)):
        steps: list[Step] = [SetMeta(key, value) for key, value in changed if founding.comes_first(key) is first]
        levels[number] = [*steps, *levels.get(number, ())]


def _directory_stands(directory: Directory, facts: Facts) -> bool:
    if not facts.file(directory.path).is_folder:
        return False
    owned = facts.record.owned.get(directory.path)
    # Once made, its mode is the business of the program that lives in it.
    return owned is not None or not directory.owned_recursively


def _file_stands(file: File, facts: Facts) -> bool:
    fact, owned = facts.file(file.path), facts.record.owned.get(file.path)
    if owned is None or fact.kind != "file" or not file.wanted_digest:
        return False
    if file.shared_with_owner and fact.sha256 == file.wanted_digest:
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
    if ready is None and not (unit.preexisting and now.running):
        return (NEVER_READY,) if now.running else (NOT_RUNNING,)
    lost = unit.lost if now.running else ()
    if changed:
        return (*(f"{path} changes" for path in changed), *lost)
    return lost if now.running else (NOT_RUNNING,)


def _changed(unit: Unit, desired: Desired, facts: Facts) -> tuple[str, ...]:
    """The paths it reads that are, or will be, something else than what it read."""
    ready = facts.record.ready.get(unit.name)
    wanted = _wanted_values(desired)
    if ready is None and unit.preexisting:
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
    changed = {step.file.component: None for step in steps if isinstance(step, WriteFile) and step.file.component}
    return ", ".join(started or changed)
