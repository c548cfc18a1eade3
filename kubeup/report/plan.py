"""A plan as people read it: per node the files with their diffs, the units to restart, the bytes to send."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.text import Text

from kubeup.model.listing import listed
from kubeup.plan.steps import (
    CreateDirectory,
    Leaving,
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


@dataclass(frozen=True)
class Line:
    """style: as rich has it."""

    text: str
    style: str = ""


def render(plan: Plan, *, diffs: bool = True) -> RenderableType:
    """The whole plan. diffs: with the unified diff of every file that is no secret."""
    offered = [Text(offers(plan.offers))] if plan.offers else []
    leaving = [Text(line) for line in leaves(plan.leaving)]
    if plan.empty:
        which = "every node that answered" if plan.absent else "every node"
        does = "Nothing else to do" if leaving else "Nothing to do"
        return Group(*leaving, Text(f"{does}: {which} is as the profile says."), *offered)
    parts: list[RenderableType] = []
    if plan.kubeup:
        parts.append(Text(f"kubeup {plan.kubeup}: what of this the profile did not ask for comes with it", "bold"))
    parts.extend(Text(line.text, line.style) for line in _nodes(plan.nodes, diffs))
    parts.extend(Text(line) for line in order(plan.waves))
    parts.extend(leaving)
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


def leaves(found: Sequence[Leaving]) -> list[str]:
    """Who goes, and by which steps."""
    lines = []
    for one in found:
        member = f"take its member of etcd out ({one.member})"
        if one.stays:
            lines.append(f"{one.name}\n  leaves   the control plane, before all else: {member}")
            continue
        steps = ["cordon", "drain"] if one.ready else ["its kubelet gives no sign of life: cordon"]
        steps = steps if one.is_node else []
        steps += [member] if one.member else []
        steps += [f"undo its machine ({one.address})", *(["delete its Node object"] if one.is_node else [])]
        lines.append(f"{one.name}\n  leaves   {', '.join(steps)}")
    if any(one.stays for one in found):
        return [*lines, "The profile has them otherwise: `kubeup up` asks before it takes them out."]
    return [*lines, "They are not in the profile any more: `kubeup up` asks before it removes them."] if lines else []


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


def _nodes(nodes: Sequence[NodePlan], diffs: bool) -> Iterator[Line]:
    """Each node with its lines; those whose lines are the same, but for what is each one's own, behind the first."""
    told = {node.node: list(_node(node, diffs)) for node in nodes}
    alike: dict[tuple[str, ...], list[NodePlan]] = {}
    for node in nodes:
        alike.setdefault(tuple(_neutral(line.text, node.own) for line in told[node.node]), []).append(node)
    for first, *others in alike.values():
        titles = [node.node for node in others]
        if first.empty:
            yield Line(listed([first.node, *titles]), "bold")
            yield Line("  nothing to do")
            continue
        yield Line(first.node, "bold")
        yield from told[first.node]
        if others:
            literally = all(told[title] == told[first.node] for title in titles)
            yield Line(listed(titles), "bold")
            yield Line(f"  the same as {first.node}{'' if literally else ', each with its own name and addresses'}")


def _neutral(text: str, own: Sequence[str]) -> str:
    for word in filter(None, own):
        text = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", "\0", text)
    return text


def _node(node: NodePlan, diffs: bool) -> Iterator[Line]:
    for binary in node.binaries:
        yield Line(f"  send     {binary.name} {binary.version} ({size(binary.size)})")
    steps = [step for step in node.steps if words(step)]
    for step in steps:
        yield Line(f"  {words(step)}")
        if diffs and isinstance(step, WriteFile):
            yield from _diff(step)
    if not steps and not node.binaries and not node.empty:
        yield Line("  note     what the cluster is by now, in its record")


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


def _diff(step: WriteFile) -> Iterator[Line]:
    file, before = step.file, step.before
    if file.secret or file.content is None:
        yield Line(f"           ({'secret' if file.secret else 'made when this is carried out'}, not shown)", "dim")
        return
    old = (before.content or b"").decode("utf-8", "replace").split("\n") if before.exists else []
    new = file.content.decode("utf-8", "replace").split("\n")
    for line in difflib.unified_diff(old, new, f"{file.path} (now)", f"{file.path} (then)", lineterm="", n=2):
        yield Line(f"           {line}", STYLES.get(line[:1], ""))
