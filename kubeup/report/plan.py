"""A plan as people read it: per node the files with their diffs, the units to restart, the bytes to send."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.text import Text

from kubeup.plan.steps import (
    CreateDirectory,
    Level,
    LinkBinary,
    NodePlan,
    Offer,
    Plan,
    RestorePath,
    RevertSideEffect,
    RunAction,
    Start,
    Step,
    Stop,
    Undo,
    WriteFile,
)
from kubeup.plan.waves import Wave
from kubeup.report.progress import size

STYLES = {"+": "green", "-": "red", "@": "cyan"}


def render(plan: Plan, *, diffs: bool = True) -> RenderableType:
    """The whole plan. diffs: with the unified diff of every file that is no secret."""
    offered = [Text(offers(plan.offers))] if plan.offers else []
    if plan.empty:
        return Group(Text("Nothing to do: every node is as the profile says."), *offered)
    parts: list[RenderableType] = []
    if plan.kubeup:
        parts.append(Text(f"kubeup {plan.kubeup}: what of this the profile did not ask for comes with it", "bold"))
    for node in plan.nodes:
        parts.extend(_node(node, diffs))
    parts.extend(Text(line) for line in order(plan.waves))
    files = sum(len(node.files) for node in plan.nodes)
    starts = sum(len(node.starts) for node in plan.nodes)
    total = sum(node.bytes_to_send for node in plan.nodes)
    nodes = sum(not node.empty for node in plan.nodes)
    parts.append(
        Text(
            f"Plan: {nodes} of {len(plan.nodes)} nodes change: {files} files, {starts} units, {size(total)} to send.",
            "bold",
        )
    )
    return Group(*parts, *offered)


def offers(found: Sequence[Offer]) -> str:
    """One line: what stays as it is, and what to write for the newer."""
    told = ", ".join(
        f"{one.program} {one.has} -> {one.newer}{f' (known holes in its {one.holes})' if one.holes else ''}"
        for one in found
    )
    versions = ", ".join(f"{one.program}: {one.newer}" for one in found)
    return f"Newer, and yours once the profile says versions: {{{versions}}}: {told}."


def show(console: Console, plan: Plan) -> None:
    console.print(render(plan), soft_wrap=True, highlight=False)


def order(waves: Sequence[Wave]) -> list[str]:
    """Who is mended first, and who restarts in turn; nothing where all go together."""
    turns = [wave for wave in waves if wave.rolling]
    first = [wave for wave in turns if not wave.restarts]
    then = [wave for wave in turns if wave.restarts]
    if not then or len(turns) < 2:
        return []
    lines = [f"First: {_those(first, 'starts', 'start')}."] if first else []
    if len(then) == 1:
        return [*lines, f"Then: {_those(then, 'restarts', 'restart')}."]
    return [*lines, f"{'Then, one' if first else 'One'} after the other: {_those(then, 'restarts', 'restart')}."]


def _those(waves: Sequence[Wave], one: str, several: str) -> str:
    """Nodes of the same components together: ``node3, node5 (etcd restarts)``."""
    told = []
    for names, group in groupby(waves, lambda wave: wave.restarts or wave.rolling):
        nodes = ", ".join(node for wave in group for node in wave.nodes)
        told.append(f"{nodes} ({', '.join(names)} {one if len(names) == 1 else several})")
    return ", ".join(told)


def _node(node: NodePlan, diffs: bool) -> Iterator[RenderableType]:
    yield Text(f"{node.node}", "bold")
    if node.empty:
        yield Text("  nothing to do")
        return
    for binary in node.binaries:
        yield Text(f"  send     {binary.name} {binary.version} ({size(binary.size)})")
    for level in node.levels:
        yield from _level(level, diffs)


def _level(level: Level, diffs: bool) -> Iterator[RenderableType]:
    for step in level.steps:
        line = words(step)
        if line:
            yield Text(f"  {line}")
        if diffs and isinstance(step, WriteFile):
            yield from _diff(step)


def words(step: Step) -> str:
    """One step in words; empty for what no person cares about."""
    match step:
        case CreateDirectory(directory=directory):
            return f"mkdir    {directory.path}"
        case WriteFile(file=file, before=before):
            word = "change" if before.exists else "create"
            reason = f"  ({file.why})" if file.why else ""
            return f"{word:<8} {file.path}{reason}"
        case LinkBinary(binary=binary):
            return f"link     {binary.link} -> {binary.name} {binary.version}"
        case Start(unit=unit, why=why, restart=restart, reload=reload):
            return f"{'reload' if reload else 'restart' if restart else 'start':<8} {unit.name}: {', '.join(why)}"
        case RunAction(action=action, why=why):
            return f"do       {action.title}{f': {why}' if why else ''}"
        case Stop(unit=name):
            return f"stop     {name}"
        case Undo(action=name):
            return f"undo     {name}"
        case RevertSideEffect(kind=kind, name=name, before=before):
            return "" if before.startswith("yes=>") else f"clear    {kind} {name}"
        case RestorePath(owned=owned, edited=edited):
            word = "restore" if owned.had_original else "remove"
            return f"{word:<8} {owned.path}{'  (edited by someone: kept beside it)' if edited else ''}"
        case _:
            return ""


def _diff(step: WriteFile) -> Iterator[RenderableType]:
    file, before = step.file, step.before
    if file.secret or file.content is None:
        yield Text(f"           ({'secret' if file.secret else 'made when this is carried out'}, not shown)", "dim")
        return
    old = (before.content or b"").decode("utf-8", "replace").split("\n") if before.exists else []
    new = file.content.decode("utf-8", "replace").split("\n")
    for line in difflib.unified_diff(old, new, f"{file.path} (now)", f"{file.path} (then)", lineterm="", n=2):
        yield Text(f"           {line}", STYLES.get(line[:1], ""))
