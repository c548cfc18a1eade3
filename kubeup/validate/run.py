"""``validate``: every control-plane node is asked, pods are made and asked, and all of it becomes one verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from kubeup.execution.job import Job
from kubeup.execution.results import Results
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError
from kubeup.model.events import Note, Phase, Working
from kubeup.model.facts import Facts
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import NodeConnection
from kubeup.validate import certificates, control_plane, evaluate, losses, workloads
from kubeup.validate.checks import Check, Health, Status
from kubeup.validate.held_pods import HeldPods
from kubeup.validate.rows import ApiNode, ProbePod, ProbeService, Rows, read, split
from kubeup.validate.scripts import script

TIMEOUT_SECONDS = 60.0
SETTLING_SECONDS = 5.0
SLOW_TIMEOUT_SECONDS = 240.0
"""For what asks the API several times, each within a limit of its own."""


def validate(
    job: Job,
    cluster: Cluster,
    *,
    deep: bool,
    facts: Mapping[str, Facts] | None = None,
    problems: Mapping[str, KubeupError] | None = None,
) -> Health:
    """deep: makes pods and a service for as long as it takes; else it only reads. cluster: resolved.

    facts: by host, of a probe made just now, where there was one: their units are looked at, too. problems: nodes
    that are known not to answer; they are told and passed over.
    """
    unreachable = dict(problems or {})
    job.emit(Phase("validating"))
    alive = [node for node in cluster.nodes if node.endpoint not in unreachable]
    masters = [node for node in alive if node.is_control_plane]
    said = job.fleet.each(masters, _ask_master)
    unreachable.update(said.failures)
    checks = [
        evaluate.unreachable(node, unreachable[node.endpoint]) for node in cluster.nodes if node.endpoint in unreachable
    ]
    checks += control_plane.quorum(cluster, facts or {}, said.values)
    checks += evaluate.units(cluster, facts or {})
    checks += losses.check(cluster, facts or {})
    checks += certificates.check(cluster, facts or {}, job.now())
    checks += evaluate.components(cluster, said.values)
    checks += control_plane.balancers(cluster, facts or {})
    checks += evaluate.nodes(cluster, said.values)
    checks += workloads.check(cluster, said.values)
    answering = [node for node in masters if read(ApiNode, said.values.get(node.endpoint, ()))]
    if deep and answering:
        there = [node for node in alive if node.endpoint in said.values or not node.is_control_plane]
        checks += _pods(job, cluster, answering[0], there)
    return Health(
        cluster.name,
        cluster.api_server,
        evaluate.component_statuses(cluster, said.values),
        evaluate.node_statuses(said.values),
        evaluate.services(said.values),
        tuple(checks),
    )


def validate_what_was_changed(job: Job, cluster: Cluster, problems: Mapping[str, KubeupError]) -> Health:
    """``validate``, a moment after things were started: what is ill at first sight is looked at once more.

    Controllers wait for the lease of the one before them, and on machines that are busy with starting answers are late.
    """
    found = validate(job, cluster, deep=True, problems=problems)
    if found.healthy:
        return found
    for check in found.checks:
        if check.status is Status.FAILED:
            job.emit(Note(f"not well yet: {check.message} [{check.id}]"))
    job.emit(Phase("validating again"))
    time.sleep(SETTLING_SECONDS)
    return validate(job, cluster, deep=True, problems=problems)


def _ask_master(node: Node, connection: NodeConnection) -> Rows:
    question = script("cluster.sh") + script("workloads.sh", SUPPLIES=" ".join(workloads.SUPPLIES))
    return split(connection.call(Kind.PROBE, [question], timeout=SLOW_TIMEOUT_SECONDS).stdout)


def _pods(job: Job, cluster: Cluster, master: Node, alive: Sequence[Node]) -> list[Check]:
    """Pods on every node, held while every node is asked what it reaches; by the first master whose API answers."""
    workers = [node for node in alive if node.is_worker]
    job.emit(Phase("validating: a pod on every node"))
    with HeldPods(job, cluster, master, workers) as held:
        found = held.rows
        pods = " ".join(f"{pod.node}={pod.address}" for pod in read(ProbePod, found) if pod.ready == "True")
        service = next(iter(read(ProbeService, found)), None)
        reached: Results[Rows] = Results()
        if pods and service:
            reached = _reach(job, workers, pods, service, master)
    seen = [] if held.lost else evaluate.pods(workers, found)
    if pods and not service:
        seen = [*seen, evaluate.no_service(master)]
    return [*seen, *evaluate.reached(workers, reached), *held.leftovers]


def _reach(job: Job, workers: Sequence[Node], pods: str, service: ProbeService, master: Node) -> Results[Rows]:
    everywhere = " ".join(node.address for node in workers)

    def ask(node: Node, connection: NodeConnection) -> Rows:
        job.emit(Working(node.title, "reaching pods and services"))
        # One node asks all NodePorts, every other its own.
        addresses = everywhere if node == workers[0] else node.address
        question = script("reach.sh", PODS=pods, SERVICE=service.address, PORT=service.port, ADDRESSES=addresses)
        rows = split(connection.call(Kind.PROBE, [question], timeout=TIMEOUT_SECONDS).stdout)
        names = [pair.partition("=")[0] for pair in pods.split()]
        return evaluate.with_unseen(rows, pods=names, addresses=addresses.split())

    return job.fleet.each(workers, ask)
