"""From what nodes and components said to checks with a verdict, a message and a fix. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from kubeup.execution.results import Results
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError, NodeError
from kubeup.model.facts import Facts
from kubeup.model.listing import listed
from kubeup.validate import checks as ids
from kubeup.validate.checks import Check, ComponentStatus, NodeStatus, ServiceStatus, Status, journal
from kubeup.validate.rows import (
    ApiNode,
    ApiService,
    ApiWord,
    Exec,
    FailedPod,
    Logs,
    NodePortReached,
    OwnWord,
    PodReached,
    ProbePod,
    ProbeTrouble,
    Rows,
    ServiceReached,
    read,
)

Said = Mapping[str, Rows]
"""By node.endpoint, what each control-plane node answered; one that did not answer is not in it."""
UNSEEN = "unseen"
"""Verdict where a node did not say."""
UNITS = {
    "controller-manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
    "etcd": "etcd",
    "kube-apiserver": "kube-apiserver",
}


def _check(good: bool, id_: str, message: str, fix: str = "", evidence: Iterable[str] = ()) -> Check:
    return Check(id_, Status.OK if good else Status.FAILED, message, "" if good else fix, tuple(evidence))


def unreachable(node: Node, error: KubeupError) -> Check:
    """Called as the cluster knows it, also where it was only known by what SSH dials."""
    known = isinstance(error, NodeError) and error.node == node.title
    text = error.title() if known else f"{node.title} does not answer: {error.message}"
    return _check(False, ids.node_answers_id(node.title), text, error.fix, error.evidence)


def api_answers(said: Said) -> bool:
    return any(read(ApiNode, rows) for rows in said.values())


def units(cluster: Cluster, facts: Mapping[str, Facts]) -> list[Check]:
    """Every unit that kubeup started runs."""
    checks = []
    for node in cluster.nodes:
        known = facts.get(node.endpoint, Facts())
        for name in known.record.units:
            unit = known.unit(name)
            text = f"{name} on {node.title} " + ("runs" if unit.running else f"is {unit.active} ({unit.sub})")
            checks.append(_check(unit.running, ids.unit_id(node.title, name), text, journal(node, name)))
    return checks


def components(cluster: Cluster, said: Said) -> list[Check]:
    """What each control-plane node's components say themselves, and whether its API server says the same."""
    checks = []
    for node in cluster.control_plane:
        rows = said.get(node.endpoint)
        if rows is None:
            continue
        own = {word.component: word for word in read(OwnWord, rows)}
        for name in dict.fromkeys((*own, *UNITS)):
            checks.append(_component(node, name, own.get(name)))
        checks.extend(_agreement(node, rows))
    return checks


def _component(node: Node, name: str, word: OwnWord | None) -> Check:
    good = word is not None and word.verdict == "Healthy"
    if word is None:
        text = f"{name} on {node.title}: nothing was seen of it"
    else:
        text = f"{name} on {node.title} is " + ("healthy" if good else f"not: {_brief(word.message)}")
    return _check(good, ids.component_id(name, node.title), text, journal(node, UNITS.get(name, name)))


def _brief(message: str) -> str:
    """Of a readyz report, which lists every check, those that failed."""
    failed = re.findall(r"\[-\](\S+)", message)
    return f"its checks fail: {', '.join(failed)}" if failed else message


def _agreement(node: Node, rows: Rows) -> list[Check]:
    """componentstatuses as kubectl prints them must be what the components say."""
    own = {word.component: word.verdict == "Healthy" for word in read(OwnWord, rows)}
    words = read(ApiWord, rows)
    checks = []
    for word in words:
        name, message = word.component, word.message
        mine = own.get("etcd" if name.startswith("etcd-") else name)
        api = word.status == "True"
        if mine is not None and not name.startswith("etcd-") and mine != api:
            text = f"the API server on {node.title} says {name} is {'healthy' if api else 'not'}: {message}"
            checks.append(
                _check(False, ids.component_status_id(node.title, name), text, journal(node, UNITS.get(name, name)))
            )
        elif name.startswith("etcd-") and not api:
            text = f"the API server on {node.title} says {name} is not healthy: {message}"
            checks.append(_check(False, ids.component_status_id(node.title, name), text, journal(node, "etcd")))
    if not words and own.get("kube-apiserver"):
        text = f"the API server on {node.title} does not answer `kubectl get componentstatuses`"
        checks.append(_check(False, ids.component_status_id(node.title), text, journal(node, "kube-apiserver")))
    return checks


def component_statuses(cluster: Cluster, said: Said) -> tuple[ComponentStatus, ...]:
    """controller-manager, scheduler and member of etcd of each control-plane node, called as kube-apiserver does."""
    found = []
    for node in cluster.control_plane:
        rows = said.get(node.endpoint, [])
        told = {word.component: word.status == "True" for word in read(ApiWord, rows)}
        for own in read(OwnWord, rows):
            if own.component == "kube-apiserver":
                continue
            # An API server knows its own machine's member, and no other.
            shown = "etcd-0" if own.component == "etcd" else own.component
            healthy = own.verdict == "Healthy"
            found.append(ComponentStatus(node.title, shown, healthy, own.message, told.get(shown)))
    order = ("controller-manager", "scheduler")
    return tuple(sorted(found, key=lambda one: (order.index(one.name) if one.name in order else 2, one.name)))


def nodes(cluster: Cluster, said: Said) -> list[Check]:
    """Every worker known to the API, Ready, with the profile's version."""
    if not api_answers(said):
        return [
            _check(
                False,
                ids.API,
                f"the API does not answer on {listed([node.title for node in cluster.control_plane])}",
                journal(cluster.control_plane[0], "kube-apiserver"),
            )
        ]
    found = {status.name: status for status in node_statuses(said)}
    checks = [_check(True, ids.API, f"the API answers at {cluster.api_server}")]
    for node in cluster.workers:
        status = found.get(node.name)
        id_ = ids.node_ready_id(node.title)
        if status is None:
            checks.append(_check(False, id_, f"{node.title} is not known to the API", "kubeup up"))
            continue
        text = f"{node.title} is Ready" if status.ready else f"{node.title} is not Ready: {status.message}"
        checks.append(_check(status.ready, id_, text, journal(node, "kubelet")))
        wanted = f"v{cluster.versions.kubernetes}"
        same = status.version == wanted
        text = f"{node.title} runs {status.version}" + ("" if same else f", the profile says {wanted}")
        checks.append(_check(same, ids.version_id(node.title), text, "kubeup up"))
    return checks


def node_statuses(said: Said) -> tuple[NodeStatus, ...]:
    for rows in said.values():
        found = read(ApiNode, rows)
        if found:
            return tuple(
                NodeStatus(one.name, one.ready == "True", one.version, one.runtime, one.address, one.message)
                for one in found
            )
    return ()


def services(said: Said) -> tuple[ServiceStatus, ...]:
    for rows in said.values():
        found = read(ApiService, rows)
        if found:
            return tuple(ServiceStatus(one.name, one.address, one.ports.strip()) for one in found)
    return ()


def pods(workers: Sequence[Node], rows: Rows) -> list[Check]:
    """A pod runs on every node; exec and logs work through its kubelet. What was not seen is not well."""
    troubles = read(ProbeTrouble, rows)
    checks = [_check(False, one.id, one.message, "kubectl get events -A") for one in troubles]
    failed = {one.node: one.message for one in read(FailedPod, rows)}
    ready = {one.node for one in read(ProbePod, rows) if one.ready == "True"}
    answers: tuple[tuple[str, Mapping[str, Exec | Logs]], ...] = (
        ("exec", {one.node: one for one in read(Exec, rows)}),
        ("logs", {one.node: one for one in read(Logs, rows)}),
    )
    for node in workers:
        if node.name in failed:
            checks.append(_failed_pod(node, failed[node.name]))
        elif node.name in ready:
            checks.extend(_kubelet(node, kind, words.get(node.name)) for kind, words in answers)
        elif not troubles:
            text = f"nothing was seen of the probe pod on {node.title}"
            checks.append(_check(False, ids.pod_id(node.title), text, journal(node, "kubelet")))
    return checks


def _failed_pod(node: Node, message: str) -> Check:
    text = f"the probe pod on {node.title} does not run: {' '.join(message.split())}"
    full = "DiskPressure" in message
    fix = f"make room: ssh {node.host} df -h /var/lib" if full else journal(node, "kubelet")
    return _check(False, ids.pod_id(node.title), text, fix)


def _kubelet(node: Node, kind: str, answer: Exec | Logs | None) -> Check:
    good = answer is not None and answer.verdict == "ok"
    why = answer.message if answer else "nothing was seen of it"
    text = f"kubectl {kind} works on {node.title}" if good else f"kubectl {kind} fails on {node.title}: {why}"
    return _check(good, ids.kubelet_id(kind, node.title), text, journal(node, "kubelet"))


def with_unseen(rows: Rows, *, pods: Sequence[str], addresses: Sequence[str]) -> Rows:
    """What a node said of what it reaches, and a row for each that it was asked about and said nothing of."""
    told = {tuple(row[:2]) for row in rows}
    asked = [
        (ServiceReached.KIND, "-"),
        *((NodePortReached.KIND, address) for address in addresses),
        *((PodReached.KIND, name) for name in pods),
    ]
    return [*rows, *([kind, name, UNSEEN] for kind, name in asked if (kind, name) not in told)]


def reached(workers: Sequence[Node], results: Results[Rows]) -> list[Check]:
    """What each node reached: every pod, the ClusterIP, the NodePorts."""
    checks = []
    by_address = {node.address: node.title for node in workers}
    for node in workers:
        if node.endpoint in results.failures:
            checks.append(unreachable(node, results.failures[node.endpoint]))
        if node.endpoint in results.values:
            checks.extend(_reached(node, results.values[node.endpoint], by_address))
    return checks


def _reached(node: Node, rows: Rows, by_address: Mapping[str, str]) -> list[Check]:
    """In the order of the words, for the node asks all at once."""
    me = node.title
    found = []
    for service in read(ServiceReached, rows):
        found.append((service.verdict, ids.cluster_ip_id(me), "a ClusterIP", "kube-proxy"))
    for port in sorted(read(NodePortReached, rows), key=lambda one: one.name):
        other = by_address.get(port.name, port.name)
        found.append((port.verdict, ids.node_port_id(me, other), f"a NodePort of {other}", "kube-proxy"))
    for pod in sorted(read(PodReached, rows), key=lambda one: one.name):
        found.append((pod.verdict, ids.pod_reached_id(me, pod.name), f"the pod on {pod.name}", "flannel"))
    if not found:
        text = f"{me} did not say what it reaches"
        return [_check(False, ids.reached_id(me), text, "kubeup validate again; then look at the node's load")]
    checks = []
    for verdict, id_, what, unit in found:
        good = verdict == "ok"
        text = f"{me} reaches {what}" if good else f"{me} does not reach {what}"
        if verdict == UNSEEN:
            text = f"{me} did not say whether it reaches {what}"
        checks.append(_check(good, id_, text, journal(node, unit)))
    return checks


def stuck(master: Node, seconds: float) -> Check:
    text = f"{master.title} did not get the probe pods ready within {seconds:.0f} s"
    return _check(False, ids.PODS_CREATED, text)


def not_held(master: Node, error: KubeupError | None) -> Check:
    """Whoever made the pods went away before they were there: nothing is known of pods, services, exec and logs."""
    text = f"the line to {master.title} was lost while probe pods were made: pods and services were not looked at"
    return _check(False, ids.PODS_HELD, text, "kubeup validate", [error.title(), *error.evidence] if error else [])


def no_service(master: Node) -> Check:
    text = f"the API on {master.title} gave no answer about the service before the probe pods: it was not looked at"
    fix = "kubeup validate again; then look at the load of the control-plane nodes"
    return _check(False, ids.SERVICE_SEEN, text, fix)


def not_cleaned(master: Node, error: KubeupError | None) -> Check:
    evidence = [error.title()] if error else []
    text = f"it is not certain that the probe pods are gone again from {master.title}"
    fix = "kubectl -n kube-system delete pods,services -l app=kubeup-validate"
    return Check(ids.PODS_REMOVED, Status.WARNING, text, fix, tuple(evidence))
