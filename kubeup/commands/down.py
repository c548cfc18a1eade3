"""``kubeup down``: diff(empty Desired, facts). What kubeup made goes, what it found there comes back."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kubeup.commands import operator_access
from kubeup.commands.limit import is_chosen, refuse_unknown
from kubeup.execution import executor, probing
from kubeup.execution.job import Job, NodeOutcome, Outcome
from kubeup.execution.results import Results
from kubeup.model.cluster import Cluster, Node, Role
from kubeup.model.errors import FleetError, KubeupError, NodeError
from kubeup.model.events import Note, Phase, Working
from kubeup.model.facts import Facts
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import NodeConnection
from kubeup.plan.steps import Plan
from kubeup.planning import waves
from kubeup.planning.removals import empty_diff

SNAPSHOT_TIMEOUT_SECONDS = 120.0
SNAPSHOT = """\
set -eu
f=$(mktemp -d /var/lib/kubeup/snapshot.XXXXXX)
trap 'rm -rf "$f"' EXIT
p=/etc/kubernetes/pki
etcdctl() {
    timeout 60 /opt/kubeup/bin/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=$p/etcd/ca.crt \
        --cert=$p/etcd/server.crt --key=$p/etcd/server.key "$@" >&2
}
# A member gives its data also where there is no quorum or no space left. Of one that is not there etcdctl waits for
# long, so that is asked first.
bash -c 'exec 3<>/dev/tcp/127.0.0.1/2379' 2>/dev/null || { echo "nothing listens on 127.0.0.1:2379" >&2; exit 1; }
etcdctl snapshot save "$f/etcd.db"
echo kubeup-snapshot
tar -cf - -C "$f" etcd.db -C / etc/kubernetes/pki
"""


@dataclass(frozen=True)
class Surveyed:
    """What the nodes say before anything is undone. facts: by node.endpoint; failures: nodes that did not answer."""

    cluster: Cluster
    facts: Mapping[str, Facts]
    failures: Mapping[str, KubeupError]
    plan: Plan

    @property
    def unreached(self) -> tuple[str, ...]:
        return tuple(node.title for node in self.cluster.nodes if node.endpoint in self.failures)

    @property
    def has_data(self) -> bool:
        """Whether there is an etcd to take a snapshot of."""
        return any("etcd.service" in facts.record.units for facts in self.facts.values())


def survey(job: Job, cluster: Cluster, *, keep_data: bool, limit: frozenset[str] = frozenset()) -> Surveyed:
    """Ask every node; the plan follows from what their records say, not from the profile.

    Raises UsageError where ``limit`` names no node of the cluster, KubeupError as ``probing.refuse_strangers``.
    """
    results: Results[Facts] = probing.probe_nodes(job.fleet, cluster, job.emit)
    nodes = tuple(_as_recorded(node, results.values.get(node.endpoint)) for node in cluster.nodes)
    cluster = replace(cluster, nodes=nodes)
    refuse_unknown(cluster, limit)
    endpoints = {node.endpoint for node in cluster.nodes if is_chosen(node, limit)}
    chosen = {endpoint: facts for endpoint, facts in results.values.items() if endpoint in endpoints}
    probing.refuse_strangers(cluster, chosen)
    plans = [empty_diff(node.title, chosen.get(node.endpoint, Facts()), keep_data=keep_data) for node in cluster.nodes]
    return Surveyed(cluster, results.values, results.failures, Plan(cluster.name, tuple(plans)))


def _as_recorded(node: Node, facts: Facts | None) -> Node:
    """A node by the name and roles its own record has; the profile may have changed since."""
    if facts is None:
        return node
    meta = facts.record.meta
    roles = Role.recorded(meta.get("roles", "")) or node.roles
    return replace(node, name=meta.get("name", "") or node.name or facts.hostname, roles=roles)


def save_snapshot(job: Job, surveyed: Surveyed, folder: Path) -> Path:
    """etcd's snapshot and the PKI in one tar, 0600, on the operator's disk. Raises KubeupError when none can be had."""
    masters = [
        node
        for node in surveyed.cluster.nodes
        if "etcd.service" in surveyed.facts.get(node.endpoint, Facts()).record.units
    ]
    job.emit(Phase("saving a snapshot of etcd"))
    reasons: list[str] = []
    for master in masters:
        job.emit(Working(master.title, "saving a snapshot"))
        try:
            content = _snapshot(job.fleet.connection(master))
        except KubeupError as error:
            reasons.extend([error.title(), *error.evidence])
            continue
        return _write_snapshot(folder, surveyed.cluster.name, job.now(), content)
    raise KubeupError(
        "no snapshot of etcd could be taken; nothing was touched",
        evidence=reasons,
        fix="start etcd on a control-plane node and try again; or go on without one: kubeup down --no-snapshot",
    )


def _snapshot(connection: NodeConnection) -> bytes:
    reply = connection.call(Kind.PROBE, [SNAPSHOT.encode()], timeout=SNAPSHOT_TIMEOUT_SECONDS)
    marker = b"kubeup-snapshot\n"
    at = reply.stdout.find(marker)
    if reply.status or at < 0:
        lines = [line for line in reply.stderr.decode("utf-8", "replace").split("\n") if line and "info" not in line]
        raise NodeError(
            connection.title, "snapshot", "etcd gave none", evidence=[_message(line) for line in lines[-3:]]
        )
    return reply.stdout[at + len(marker) :]


def _message(line: str) -> str:
    """etcdctl logs JSON; a person wants the error in it."""
    found = re.search(r'"error":"([^"]+)"', line)
    return found.group(1) if found else line


def _write_snapshot(folder: Path, cluster: str, now: datetime.datetime, content: bytes) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{cluster}-{now:%Y%m%d-%H%M%S}.tar"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return path


def execute(job: Job, surveyed: Surveyed, *, skip_unreachable: bool, forget_access: bool) -> Outcome:
    """Undo on every node that answered. Raises FleetError with what failed; the rest is done all the same."""
    unreachable = list(surveyed.failures.values())
    if unreachable and not surveyed.facts:
        raise FleetError(
            "no node answered; nothing was undone", unreachable, fix="mend them, and run `kubeup down` again"
        )
    if unreachable and not skip_unreachable:
        raise FleetError(
            f"{len(unreachable)} nodes did not answer; nothing was undone",
            unreachable,
            fix="mend them; or undo the others now with --skip-unreachable, and run `kubeup down` again later",
        )
    nodes = tuple(node for node in surveyed.cluster.nodes if node.endpoint not in surveyed.failures)
    plans = tuple(
        plan
        for node, plan in zip(surveyed.cluster.nodes, surveyed.plan.nodes, strict=True)
        if node.endpoint not in surveyed.failures
    )
    reachable = replace(surveyed.cluster, nodes=nodes)
    plan = Plan(surveyed.plan.cluster, plans)
    # No undo asks the API or another node: there is nothing to wait for, and a node that hangs holds nobody.
    plan = replace(plan, waves=waves.at_once(plan))
    execution = executor.Execution(
        fleet=job.fleet, cluster=reachable, plan=plan, facts=surveyed.facts, operator=job.operator, emit=job.emit
    )
    if not plan.empty:
        execution.run()
    if forget_access and not unreachable:
        operator_access.forget(job, surveyed.cluster.name)
    for error in unreachable:
        job.emit(Note(f"not undone, since it did not answer: {error.title()}; run `kubeup down` again when it does"))
    return Outcome(not plan.empty, _outcomes(job, reachable, plans), dict(execution.seconds))


def _outcomes(job: Job, cluster: Cluster, plans: Sequence[object]) -> tuple[NodeOutcome, ...]:
    return tuple(
        NodeOutcome(node.title, job.fleet.trips(node), job.fleet.transferred(node), (), ())
        for node, _ in zip(cluster.nodes, plans, strict=True)
    )
