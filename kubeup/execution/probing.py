"""Questions to the nodes that change nothing: one round trip each."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubeup import preflight
from kubeup.execution.fleet import Fleet
from kubeup.execution.job import AGAIN, Job
from kubeup.execution.results import Results, tell_failures
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import FleetError, KubeupError, NodeError
from kubeup.model.events import EventSink, Finished, Note, Phase, Working
from kubeup.model.facts import Facts, record
from kubeup.model.resources import ProbeRequest
from kubeup.node.agent.probe import parse, probe_script
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import NodeConnection
from kubeup.planning import absent, inquiry, resolve

PROBE_TIMEOUT_SECONDS = 180.0


@dataclass(frozen=True)
class Answers:
    """What the nodes said when all of them were asked.

    cluster: as its machines know it (names, addresses, runtime). facts, failures: by node.endpoint; each node is
    in one of them.
    """

    cluster: Cluster
    facts: Mapping[str, Facts]
    failures: Mapping[str, KubeupError]


def ask(job: Job, cluster: Cluster) -> Answers:
    """Ask every node. One that does not answer is among the failures, called as the others know it, and the others
    count all the same."""
    results = probe_nodes(job.fleet, cluster, job.emit)
    resolved = resolve.resolve(cluster, results.values)
    for node in resolved.nodes:
        error = results.failures.get(node.endpoint)
        if isinstance(error, NodeError):
            error.node = node.title
    return Answers(resolved, dict(results.values), dict(results.failures))


def ask_built(job: Job, cluster: Cluster, *, fix: str = "kubeup up") -> Answers:
    """``ask``, for what only makes sense once there is a cluster.

    Raises KubeupError, with this fix, where nodes answer and none of them is of a cluster that kubeup built; and as
    ``refuse_strangers``.
    """
    answers = ask(job, cluster)
    refuse_strangers(answers.cluster, answers.facts)
    if answers.facts and not any(facts.record.exists for facts in answers.facts.values()):
        raise KubeupError("kubeup has built no cluster on these nodes", fix=fix)
    return answers


def refuse_strangers(cluster: Cluster, facts: Mapping[str, Facts]) -> None:
    """Whatever a command is about to do, it does it to nodes of its own cluster, of whose record it can read every
    word. facts: by node.endpoint, of the nodes in question.

    Raises KubeupError where one is another cluster's, or was changed by a kubeup to come.
    """
    asked = [(node, facts[node.endpoint].record) for node in cluster.nodes if node.endpoint in facts]
    newer = [(node, known) for node, known in asked if known.format > record.FORMAT]
    others = [(node, known) for node, known in asked if known.cluster not in ("", cluster.name)]
    for node, known in newer[:1]:
        raise KubeupError(
            f"a newer kubeup wrote the record of {node.title} (format {known.format}; this one knows {record.FORMAT}); "
            "nothing was touched",
            fix="use that kubeup, or a newer one",
        )
    for node, known in others[:1]:
        raise KubeupError(
            f"{node.title} belongs to the cluster {known.cluster}, not to {cluster.name}; nothing was touched",
            evidence=[f"{other.title} belongs to {its.cluster}" for other, its in others[1:]],
            fix=f"take the profile of {known.cluster}; where it is lost, or its file was renamed, "
            f"`name: {known.cluster}` in this one will do",
        )


def ask_to_change(job: Job, cluster: Cluster) -> Answers:
    """``ask``, before something is changed on those that answer. The runtime, where kubeup chose it, is told.

    Raises FleetError where the others cannot be changed without one that does not answer: where no control-plane node
    answers, or a new control plane lacks one, or preflight has something against the others: then all is mended in
    one go.
    """
    answers = ask(job, cluster)
    if answers.failures:
        problems = preflight.check(answers.cluster, answers.facts)
        errors = [problem.error() for problem in problems if problem.severity == "error"]
        why = absent.why_not_without(answers.cluster, answers.facts) or ("others have problems" if errors else "")
        if why:
            told = [*answers.failures.values(), *errors]
            counted = f"{len(answers.failures)} of {len(cluster.nodes)} nodes did not answer"
            raise FleetError(f"{counted}, and {why}; nothing was touched", told, fix=AGAIN)
    runtime = answers.cluster.runtime
    if cluster.runtime is None and runtime is not None:
        why = resolve.choose_runtime(cluster, answers.facts).why
        said = f"the profile leaves the choice to kubeup; {why}" if why else "the profile leaves the choice to kubeup"
        job.emit(Note(f"container runtime: {runtime.value} ({said})"))
    return answers


def probe_nodes(fleet: Fleet, cluster: Cluster, emit: EventSink) -> Results[Facts]:
    """One probe of every node."""
    emit(Phase("asking the nodes"))

    def ask(node: Node, connection: NodeConnection) -> Facts:
        emit(Working(node.title, "asking"))
        facts = probe(connection, inquiry.probe_request(cluster, node))
        emit(Finished(node.title, "asked", 0.0))
        return facts

    results = fleet.each(cluster.nodes, ask)
    tell_failures(results, cluster.nodes, emit)
    return results


def probe(connection: NodeConnection, request: ProbeRequest) -> Facts:
    """One round trip that changes nothing. Raises NodeError where the answer is not whole: a machine of which half is
    known looks like one on which that half is missing."""
    reply = connection.call(Kind.PROBE, [probe_script(request)], timeout=PROBE_TIMEOUT_SECONDS)
    if reply.status:
        raise NodeError(
            connection.title,
            "asking",
            "what was asked of the node could not all be read",
            evidence=reply.stderr.decode("utf-8", "replace").split("\n")[-5:],
            fix="run the command again; if it happens again, look at the node's /var/log and disk",
        )
    return parse(reply.stdout, sent_at=reply.started_at, received_at=reply.hello_at, node=connection.title)


def read_secrets(connection: NodeConnection, paths: Sequence[str]) -> Mapping[str, bytes]:
    """Files that leave a control-plane node only while something is signed, by their path. Nothing is kept there.

    Raises NodeError where one of them cannot be read.
    """
    script = "".join(f"printf '{path}\\t'; base64 -w 0 <'{path}' && printf '\\tend'; echo\n" for path in paths)
    reply = connection.call(Kind.PROBE, [script.encode()], timeout=PROBE_TIMEOUT_SECONDS)
    found = {}
    for line in reply.stdout.decode("ascii", "replace").split("\n"):
        path, _, rest = line.partition("\t")
        text, _, mark = rest.partition("\t")
        if path in paths and text and mark == "end":
            found[path] = base64.b64decode(text)
    missing = [path for path in paths if path not in found]
    if missing:
        raise NodeError(
            connection.title,
            "reading the cluster's keys",
            f"{', '.join(missing)} could not be read",
            evidence=reply.stderr.decode("utf-8", "replace").split("\n")[-5:],
            fix="restore the cluster's keys on this control-plane node, or run `kubeup down` and `kubeup up`",
        )
    return found
