"""What goes: the way back of all that the record owns and nobody wants any more; ``down`` is that of everything."""

from __future__ import annotations

from kubeup.model.facts import Facts, FileFact, Owned
from kubeup.model.founding import DOWN
from kubeup.model.resources import Desired
from kubeup.plan.steps import (
    PUSHED,
    DeleteState,
    Level,
    NodePlan,
    RestorePath,
    RevertSideEffect,
    SetMeta,
    Step,
    Stop,
    Undo,
)

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
    "routes",
    "nft-table",
    "link-rules",
    "forward-policy",
    "chain-prefix",
)
"""Kinds of side effects in the order in which they go: what runs first, tables that others' rules live in last."""


def empty_diff(node: str, facts: Facts, *, keep_data: bool = False) -> NodePlan:
    """``down``: diff(empty Desired, facts). Everything in the record goes back, then the record goes."""
    if not facts.record.exists:
        # An up that was cut off while it brought bytes left these, and nothing else.
        left = (Level(0, "undo", (DeleteState(False),)),) if facts.home else ()
        return NodePlan(node, 0, levels=left)
    record = facts.record
    steps: list[Step] = list(departures(Desired(), facts, keep_data=keep_data))
    steps.extend(RevertSideEffect(kind, name, before) for (kind, name), before in record.side_effects.items())
    steps.sort(key=_undo_rank)
    steps.append(DeleteState(keep_data))
    if not keep_data:
        steps.insert(0, SetMeta(DOWN, "begun"))
    return NodePlan(node, record.generation, levels=(Level(0, "undo", tuple(steps)),))


def _undo_rank(step: Step) -> tuple[int, int]:
    """Units stop, then actions are undone while their tools are still there, then side effects go, then paths.

    Pods' containers in Docker go before that: an image that one of them uses cannot be removed.
    """
    ranks: tuple[type[object], ...] = (Stop, Undo, RevertSideEffect, RestorePath)
    kind = step.kind if isinstance(step, RevertSideEffect) else ""
    if kind == "docker-pods":
        return ranks.index(Undo), -1
    return ranks.index(type(step)), CLEARED.index(kind) if kind in CLEARED else len(CLEARED)


def departures(desired: Desired, facts: Facts, *, keep_data: bool = False) -> list[Step]:
    """What the record owns and desired no longer wants, units first, deepest paths first."""
    record = facts.record
    wanted_units = {unit.name for unit in desired.units}
    wanted_paths = {file.path for file in desired.files} | {directory.path for directory in desired.directories}
    wanted_paths |= {binary.link for binary in desired.binaries}
    # What is kept stays in folders of kubeup's, which therefore stay kubeup's.
    kept = {owned.path for owned in record.owned.values() if keep_data and owned.survives_keep_data}
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
        if owned.path not in wanted_paths and not holds_wanted and not (keep_data and owned.survives_keep_data):
            steps.append(RestorePath(owned, _edited(owned, facts.file(owned.path))))
    return steps


def _edited(owned: Owned, now: FileFact) -> bool:
    """True when someone changed a file after kubeup wrote it; the node checks again when it acts."""
    return owned.kind == "file" and now.kind == "file" and now.sha256 != owned.value
