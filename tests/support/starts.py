"""Plans by what they start where, and what a cluster says of itself: as few words as waves need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from kubeup.model.cluster import Cluster, Node, Role
from kubeup.model.facts import ClusterFacts, EtcdStatus, Member, Unknown
from kubeup.model.resources import Unit
from kubeup.plan.steps import Level, NodePlan, Plan, Start
from tests.support.plans import BOTH, NODE, two_nodes

THREE = ("node3", "node4", "node5")
ETCD, API, KUBELET, SCHEDULER = "etcd", "kube-apiserver", "kubelet", "kube-scheduler"
LEVELS = {ETCD: 0, API: 0, SCHEDULER: 0, "containerd": 0, KUBELET: 1, "flannel": 1}


def cluster(masters: int, workers: int = 0) -> Cluster:
    """node3, node4, ...: the control plane, which runs pods, too; then workers."""
    roles: list[frozenset[Role]] = [BOTH] * masters + [NODE] * workers
    nodes = tuple(
        Node(f"192.168.200.{13 + number}", one, name=f"node{3 + number}", address=f"192.168.200.{13 + number}")
        for number, one in enumerate(roles)
    )
    return two_nodes(nodes=nodes)


@dataclass(frozen=True)
class Started:
    """What of a node a plan starts. running: those of them that run, well or not."""

    names: tuple[str, ...]
    running: tuple[str, ...] = ()


def restart(*names: str) -> Started:
    return Started(names, names)


def start(*names: str) -> Started:
    return Started(names)


@dataclass(frozen=True)
class Seen:
    """What the cluster says of itself: on which nodes a component works; which node's member leads."""

    etcd: tuple[str, ...] = ()
    api: tuple[str, ...] = ()
    leader: str = ""
    members: int = 0

    def of(self, cluster: Cluster) -> ClusterFacts:
        titles = [node.title for node in cluster.control_plane]
        lead = self.leader or next(iter(self.etcd), "")
        status = {
            title: EtcdStatus("c1", title, "3.6.16", leader_id=lead) if title in self.etcd else Unknown(("no answer",))
            for title in titles
        }
        versions = {title: "v1.37.2" if title in self.api else Unknown(("no answer",)) for title in titles}
        members = tuple(Member(str(number), f"m{number}", ()) for number in range(self.members))
        return ClusterFacts(members=members or Unknown(), etcd=status, api_versions=versions)


def plan(cluster: Cluster, starts: Mapping[str, Started]) -> Plan:
    return Plan("demo", tuple(node_plan(node.title, starts.get(node.title, Started(()))) for node in cluster.nodes))


def node_plan(title: str, what: Started) -> NodePlan:
    levels = []
    for number in sorted({LEVELS[name] for name in what.names}):
        names = [name for name in what.names if LEVELS[name] == number]
        steps = tuple(Start(Unit(f"{one}.service", one), ("it changes",), one in what.running) for one in names)
        levels.append(Level(number, ", ".join(names), steps))
    return NodePlan(title, 5, levels=tuple(levels))


@st.composite
def situations(draw: st.DrawFn) -> tuple[Cluster, dict[str, Started], Seen]:
    masters, workers = draw(st.integers(1, 5)), draw(st.integers(0, 3))
    where = cluster(masters, workers)
    starts, titles = {}, [node.title for node in where.nodes]
    for node in where.nodes:
        names = [name for name in LEVELS if node.is_control_plane or name not in (ETCD, API, SCHEDULER)]
        some = draw(st.lists(st.sampled_from(names), unique=True))
        starts[node.title] = Started(tuple(some), tuple(name for name in some if draw(st.booleans())))
    some_titles = st.lists(st.sampled_from(titles[:masters]), unique=True)
    etcd, api = draw(some_titles), draw(some_titles)
    leader = draw(st.sampled_from(etcd)) if etcd else ""
    return where, starts, Seen(tuple(sorted(etcd)), tuple(sorted(api)), leader)
