"""``kubeup etcd``: how the members are, what they alarm about, and room given back on their disks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kubeup.commands import node_script
from kubeup.execution import probing
from kubeup.execution.job import Job
from kubeup.execution.probing import Answers
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError, NodeError
from kubeup.model.events import Note, Phase, Working
from kubeup.model.facts import ClusterFacts, EtcdStatus, Member, Unknown
from kubeup.planning import resolve

SCRIPT = node_script.FOLDER / "etcd.sh"
DEFRAG_SECONDS = 660.0
"""etcdctl itself waits for 600."""


@dataclass(frozen=True)
class MemberState:
    """A member of etcd as it is. name: its id where it never started. role: leader, voter or learner.

    well: it runs and sees a leader. database: bytes on its disk, None where it did not say. alarms: such as NOSPACE.
    in_profile: whether the profile has it as a control-plane node.
    """

    name: str
    id: str
    address: str
    role: str
    well: bool
    version: str = ""
    database: int | None = None
    alarms: tuple[str, ...] = ()
    in_profile: bool = True


def survey(job: Job, cluster: Cluster) -> tuple[Answers, tuple[MemberState, ...]]:
    """Every member, by name. Raises KubeupError where nobody could tell which there are."""
    answers = probing.ask_built(job, cluster)
    told = resolve.gather_cluster(answers.cluster, answers.facts)
    if isinstance(told.members, Unknown):
        raise KubeupError(
            "nobody could tell which members etcd has",
            evidence=[*told.members.why, *(error.title() for error in answers.failures.values())],
            fix="kubeup validate says what is wrong with it",
        )
    return answers, tuple(sorted(_states(answers.cluster, told, told.members), key=lambda one: one.name))


def _states(cluster: Cluster, told: ClusterFacts, members: tuple[Member, ...]) -> Iterator[MemberState]:
    statuses = {one.member_id: one for one in told.etcd.values() if isinstance(one, EtcdStatus)}
    leaders = {one.leader_id for one in statuses.values()}
    names = {node.name for node in cluster.control_plane}
    for one in members:
        status = statuses.get(one.id)
        role = "learner" if one.learner else "leader" if one.id in leaders else "voter"
        yield MemberState(
            one.name or one.id,
            one.id,
            one.address,
            role,
            one.id in told.known_well,
            status.version if status else "",
            status.database if status else None,
            status.alarms if status else (),
            one.name in names,
        )


def disarm(job: Job, cluster: Cluster) -> None:
    """Alarms are switched off; etcd raises them again where their reason is still there. Raises NodeError."""
    answers, members = survey(job, cluster)
    node, _ = _in_order(answers.cluster, members)[0]
    _call(job, node, "disarm", 60.0)


def defrag(job: Job, cluster: Cluster) -> Mapping[str, tuple[int, int]]:
    """One member after the other, the leader last, each only while all are well. Title -> bytes before and after.

    A member answers nobody while it does that. Raises KubeupError where one is not well: nothing is begun then, or
    goes on.
    """
    answers, members = survey(job, cluster)
    ill = [one.name for one in members if not one.well]
    if ill:
        raise KubeupError(
            f"members of etcd are not well: {', '.join(ill)}; nothing was touched",
            fix="kubeup validate says what is wrong with them",
        )
    found = {}
    job.emit(Phase("giving back room on the disks of etcd, one member after the other"))
    for node, _ in _in_order(answers.cluster, members):
        job.emit(Working(node.title, "defragmenting"))
        before, after = _call(job, node, "defrag", DEFRAG_SECONDS)[0].split()[:2]
        found[node.title] = (int(before), int(after))
        job.emit(Note("done", node.title))
    return found


def _in_order(cluster: Cluster, members: tuple[MemberState, ...]) -> list[tuple[Node, MemberState]]:
    """Those of the profile, the leader last."""
    nodes = {node.name: node for node in cluster.control_plane}
    mine = [(nodes[one.name], one) for one in members if one.name in nodes]
    return sorted(mine, key=lambda pair: pair[1].role == "leader")


def _call(job: Job, node: Node, do: str, seconds: float) -> Sequence[str]:
    """What etcd.sh printed. Raises NodeError where it did not come to its end."""
    said = node_script.run(job, node, SCRIPT, seconds, DO=do)
    if not said.done:
        raise NodeError(
            node.title,
            f"etcd {do}",
            "it did not come to its end",
            evidence=said.errors[-4:],
            fix="kubeup etcd members says how the members are",
        )
    return said.lines
