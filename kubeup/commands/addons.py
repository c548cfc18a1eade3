"""``kubeup addons``: the part of an ``up`` that is addons, and what the cluster says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kubeup import addons
from kubeup.addons import manifests, rollout_errors
from kubeup.commands import up
from kubeup.components.addons import ACTION, OF_ADDON
from kubeup.execution import executor, probing
from kubeup.execution.job import Job, Prepared
from kubeup.model.cluster import Cluster
from kubeup.model.errors import FleetError, KubeupError, NodeError
from kubeup.model.facts import Facts
from kubeup.node.wire.packing import Packer
from kubeup.node.wire.remote_commands import Kind
from kubeup.plan.steps import (
    PUSHED,
    CreateDirectory,
    Level,
    LinkBinary,
    NodePlan,
    Plan,
    RestorePath,
    RunAction,
    SetMeta,
    Step,
    WriteFile,
)
from kubeup.planning import recorded, required, resolve
from kubeup.planning.lead import lead
from kubeup.sources import cache, search

LIST = Path(addons.__file__).with_name("list.sh")
TIMEOUT_SECONDS = 40.0


@dataclass(frozen=True)
class Change:
    """What became of one addon's objects. gone: all of them were taken away."""

    name: str
    made: int = 0
    changed: int = 0
    same: int = 0
    gone: bool = False


@dataclass(frozen=True)
class Installed:
    """version: of its program, empty where it is not installed. ready of wanted pods."""

    name: str
    version: str
    ready: int = 0
    wanted: int = 0


def prepare(job: Job, cluster: Cluster) -> Prepared:
    """The plan of what concerns addons, and nothing else. cluster: with the addons it is to have."""
    answers = probing.ask_to_change(job, cluster)
    cluster, facts = answers.cluster, answers.facts
    probing.refuse_strangers(cluster, facts)
    first = lead(cluster, facts)
    if not facts[first.endpoint].record.exists:
        raise KubeupError("kubeup has built no cluster on these nodes", fix="kubeup up")
    # Whether or not the check holds: what somebody changed by hand in the cluster is put right, too.
    asked = replace(facts[first.endpoint], checks={**facts[first.endpoint].checks, ACTION: False})
    facts = {**facts, first.endpoint: asked}
    cluster_facts = resolve.gather_cluster(cluster, facts)
    images = [one for one in required.for_cluster(cluster, facts) if one.name.startswith("image:")]
    artifacts = search.for_cluster(cluster, images, emit=job.emit_release)
    whole = up.make_plan(cluster, facts, cluster_facts, artifacts, job.now())
    plan = up.in_waves(cluster, only_addons(whole), facts, cluster_facts)
    return Prepared(cluster, facts, cluster_facts, plan, artifacts, failures=answers.failures)


def only_addons(plan: Plan) -> Plan:
    """Nothing of what else the profile would change; in which order is another question."""
    return replace(plan, nodes=tuple(_only(node) for node in plan.nodes), waves=(), offers=(), kubeup="", leaving=())


def _only(node: NodePlan) -> NodePlan:
    levels = []
    for level in node.levels:
        steps = tuple(step for step in level.steps if _is_ours(step))
        if steps:
            applies = any(isinstance(step, RunAction) and step.action.id == ACTION for step in steps)
            levels.append(Level(level.number, "addons" if applies else "images", steps))
    binaries = tuple(binary for binary in node.binaries if _is_part(binary.component))
    return replace(node, binaries=binaries, baselines=(), levels=tuple(levels), to_issue=())


def _is_part(component: str) -> bool:
    return component == "addons" or component.startswith((OF_ADDON, PUSHED))


def _is_ours(step: Step) -> bool:
    match step:
        case CreateDirectory(directory=directory):
            return _is_part(directory.component)
        case WriteFile(file=file):
            return _is_part(file.component)
        case LinkBinary(binary=binary):
            return _is_part(binary.component)
        case RunAction(action=action):
            return _is_part(action.component)
        case RestorePath(owned=owned):
            return owned.path.startswith(f"{manifests.FOLDER}/")
        case SetMeta(key=key):
            return recorded.is_of_addons(key)
        case _:
            return False


def execute(job: Job, prepared: Prepared, bring_images: Callable[[], None] = lambda: None) -> tuple[Change, ...]:
    """bring_images: before addons need them. Raises FleetError, in words, when an addon does not come up."""
    execution = executor.Execution(
        fleet=job.fleet,
        cluster=prepared.cluster,
        plan=prepared.plan,
        facts=prepared.facts,
        paths={artifact.sha256: artifact.path for artifact in prepared.artifacts if artifact.in_cache},
        operator=job.operator,
        emit=job.emit,
        packer=Packer(cache.cache_root() / "packed"),
        before={up.ADDONS_LEVEL: bring_images},
    )
    try:
        execution.run()
    except FleetError as error:
        raise rollout_errors.explained(error) from error
    return changes(execution.notes.get(lead(prepared.cluster, prepared.facts).endpoint, []))


def changes(notes: list[str]) -> tuple[Change, ...]:
    """Out of the lines "addon NAME MADE CHANGED SAME" and "addon NAME gone"."""
    found = []
    for note in notes:
        kind, _, text = note.partition("\t")
        match (kind, text.split()):
            case "addon", [name, "gone"]:
                found.append(Change(name, gone=True))
            case "addon", [name, made, changed, same]:
                found.append(Change(name, int(made), int(changed), int(same)))
    return tuple(sorted(found, key=lambda one: one.name))


def installed(job: Job, cluster: Cluster, facts: Mapping[str, Facts]) -> Mapping[str, Installed]:
    """What the cluster has, by name. One round trip to the lead."""
    first = lead(cluster, facts)
    reply = job.fleet.connection(first).call(
        Kind.PROBE, [f"LABEL={manifests.LABEL}\n{LIST.read_text()}".encode()], timeout=TIMEOUT_SECONDS
    )
    lines = reply.stdout.decode("utf-8", "replace").split("\n")
    if "done" not in lines:
        errors = reply.stderr.decode("utf-8", "replace").split("\n")
        raise NodeError(
            first.title,
            "addons",
            "the API does not answer",
            evidence=[line for line in errors if line][-3:],
            fix="kubeup validate",
        )
    found: dict[str, Installed] = {}
    for row in (line.split() for line in lines):
        match row:
            case ["v", name, version]:
                found[name] = Installed(name, version)
            case ["w", name, pods, ready] if name in found:
                one = found[name]
                found[name] = replace(one, ready=one.ready + int(ready), wanted=one.wanted + int(pods))
    return found
