"""The control plane as a whole: whether etcd has its quorum, and what the balancers of other machines think of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubeup.components import api_balancer, etcd
from kubeup.model.cluster import Cluster, Node
from kubeup.model.facts import BalancedServer, Facts, Said, running
from kubeup.model.listing import listed
from kubeup.validate import checks as ids
from kubeup.validate.checks import Check, Status, journal
from kubeup.validate.rows import OwnWord, Rows, read

UNSEEN = "it did not say which API servers it uses"


def quorum(cluster: Cluster, facts: Mapping[str, Facts], said: Mapping[str, Rows]) -> list[Check]:
    """Whether enough of several members run: only then one says that it is well, for it asks the others.

    facts, said: by node.endpoint, of those that answered; where no control-plane node did, nobody knows.
    """
    members = cluster.control_plane
    if len(members) < 2 or not said:
        return []
    if any(_etcd_is_well(rows) for rows in said.values()):
        return [Check(ids.QUORUM, Status.OK, f"etcd has its quorum ({len(members)} members)")]
    needed = len(members) // 2 + 1
    # One that runs, and only lacks the others, is not what has to be mended.
    down = [node for node in members if not _runs(facts.get(node.endpoint))]
    up = len(members) - len(down)
    text = (
        f"etcd has lost its quorum: {up} of {len(members)} members {'runs' if up == 1 else 'run'}, and {needed} are "
        "needed; until then nothing in the cluster can be changed, and what runs runs on"
    )
    fix = f"start {_some(down, needed - up)} again, with what is on the disk: {_ways(down, facts)}"
    if up >= needed:
        fix = "look at what keeps the members from each other (TCP 2380): " + _journals(members)
    return [Check(ids.QUORUM, Status.FAILED, text, fix)]


def _some(nodes: Iterable[Node], count: int) -> str:
    names = [node.title for node in nodes]
    return listed(names) if len(names) == count else f"{count} of {listed(names)}"


def _ways(down: Iterable[Node], facts: Mapping[str, Facts]) -> str:
    ways = [
        f"ssh {node.host} systemctl start etcd" if node.endpoint in facts else f"switch {node.title} on"
        for node in down
    ]
    return "; ".join(ways)


def _journals(nodes: Iterable[Node]) -> str:
    return "; ".join(journal(node, "etcd", 20) for node in nodes)


def _etcd_is_well(rows: Rows) -> bool:
    return any(word.component == "etcd" and word.verdict == "Healthy" for word in read(OwnWord, rows))


def _runs(facts: Facts | None) -> bool:
    return facts is not None and facts.unit(etcd.COMPONENT.unit).running


def balancers(cluster: Cluster, facts: Mapping[str, Facts]) -> list[Check]:
    """What each machine's balancer thinks of each API server; of machines that answered. facts: by node.endpoint."""
    return [
        check
        for node in cluster.workers
        if cluster.balances(node) and node.endpoint in facts
        for check in _of_node(cluster, node, facts[node.endpoint])
    ]


def _of_node(cluster: Cluster, node: Node, facts: Facts) -> Iterable[Check]:
    answer = facts.said.get(running.BALANCER, Said(why=UNSEEN))
    try:
        servers = {one.name: one for one in running.balancer(answer.text)} if not answer.why else {}
    except ValueError:
        servers = {}
    if not servers:
        text = f"the API balancer of {node.title} is not known to be well: {answer.why or UNSEEN}"
        yield Check(ids.balancer_id(node.title), Status.FAILED, text, journal(node, api_balancer.COMPONENT.name))
        return
    for master in cluster.control_plane:
        yield _server(node, master, servers.get(master.name))


def _server(node: Node, master: Node, server: BalancedServer | None) -> Check:
    id_ = ids.balancer_id(node.title, master.title)
    if server is not None and server.up:
        return Check(id_, Status.OK, f"the API balancer of {node.title} uses {master.title}")
    why = server.why if server else "it does not know it"
    text = f"the API balancer of {node.title} does not use {master.title}: {why}"
    more = journal(node, api_balancer.COMPONENT.name)
    fix = f"if {master.title} is well, see that {node.title} reaches {master.address} port 6443; {more}"
    return Check(id_, Status.FAILED, text, fix if server else "kubeup up")
