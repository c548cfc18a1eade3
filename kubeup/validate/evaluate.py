"""From what nodes and components said to checks with a verdict, a message and a fix. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from kubeup.execution.results import Results
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import KubeupError
from kubeup.model.facts import Facts
from kubeup.validate.checks import Check, ComponentStatus, NodeStatus, ServiceStatus, Status
from kubeup.validate.scripts import Rows

Said = Mapping[str, Rows]
UNITS = {
    "controller-manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
    "etcd": "etcd",
    "kube-apiserver": "kube-apiserver",
}


def _check(good: bool, id_: str, message: str, fix: str = "", evidence: Iterable[str] = ()) -> Check:
    return Check(id_, Status.OK if good else Status.FAILED, message, "" if good else fix, tuple(evidence))


def _of(rows: Rows, kind: str, width: int) -> list[list[str]]:
    """Rows of a kind, without it, padded to a width."""
    return [[*row[1:], *[""] * width][:width] for row in rows if row[0] == kind]


def _journal(node: Node, unit: str) -> str:
    return f"ssh {node.host} journalctl -u {unit} -n 50"


def unreachable(node: Node, error: KubeupError) -> Check:
    return _check(False, f"node-answers/{node.title}", error.title(), error.fix, error.evidence)


def api_answers(said: Said) -> bool:
    return any(_of(rows, "node", 6) for rows in said.values())


def units(cluster: Cluster, facts: Mapping[str, Facts]) -> list[Check]:
    """Every unit that kubeup started runs."""
    checks = []
    for node in cluster.nodes:
        known = facts.get(node.host, Facts())
        for name in known.record.units:
            unit = known.unit(name)
            text = f"{name} on {node.title} " + ("runs" if unit.running else f"is {unit.active} ({unit.sub})")
            checks.append(_check(unit.running, f"unit/{node.title}/{name}", text, _journal(node, name)))
    return checks


def components(cluster: Cluster, said: Said) -> list[Check]:
    """What each control-plane node's components say themselves, and whether its API server says the same."""
    checks = []
    for node in cluster.control_plane:
        rows = said.get(node.host)
        if rows is None:
            continue
        for name, verdict, message in _of(rows, "own", 3):
            good = verdict == "Healthy"
            text = f"{name} on {node.title} is healthy" if good else f"{name} on {node.title} is not: {_brief(message)}"
            checks.append(_check(good, f"{name}/{node.title}", text, _journal(node, UNITS.get(name, name))))
        checks.extend(_agreement(node, rows))
    return checks


def _brief(message: str) -> str:
    """Of a readyz report, which lists every check, those that failed."""
    failed = re.findall(r"\[-\](\S+)", message)
    return f"its checks fail: {', '.join(failed)}" if failed else message


def _agreement(node: Node, rows: Rows) -> list[Check]:
    """componentstatuses as kubectl prints them must be what the components say."""
    own = {name: verdict == "Healthy" for name, verdict, _ in _of(rows, "own", 3)}
    checks = []
    for name, status, message in _of(rows, "said", 3):
        mine = own.get("etcd" if name.startswith("etcd-") else name)
        api = status == "True"
        if mine is not None and not name.startswith("etcd-") and mine != api:
            text = f"the API server on {node.title} says {name} is {'healthy' if api else 'not'}: {message}"
            checks.append(
                _check(False, f"componentstatus/{name}/{node.title}", text, _journal(node, UNITS.get(name, name)))
            )
        elif name.startswith("etcd-") and not api:
            text = f"the API server on {node.title} says {name} is not healthy: {message}"
            checks.append(_check(False, f"componentstatus/{name}/{node.title}", text, _journal(node, "etcd")))
    if not _of(rows, "said", 3) and own.get("kube-apiserver"):
        text = f"the API server on {node.title} does not answer `kubectl get componentstatuses`"
        checks.append(_check(False, f"componentstatus/{node.title}", text, _journal(node, "kube-apiserver")))
    return checks


def component_statuses(cluster: Cluster, said: Said) -> tuple[ComponentStatus, ...]:
    """controller-manager and scheduler per control-plane node, etcd-N per member in the profile's order."""
    found = []
    for index, node in enumerate(cluster.control_plane):
        rows = said.get(node.host, [])
        told = {name: status == "True" for name, status, _ in _of(rows, "said", 3)}
        for name, verdict, message in _of(rows, "own", 3):
            if name == "kube-apiserver":
                continue
            shown = f"etcd-{index}" if name == "etcd" else name
            found.append(ComponentStatus(node.title, shown, verdict == "Healthy", message, told.get(shown)))
    order = ("controller-manager", "scheduler")
    return tuple(sorted(found, key=lambda one: (order.index(one.name) if one.name in order else 2, one.name)))


def nodes(cluster: Cluster, said: Said) -> list[Check]:
    """Every worker known to the API, Ready, with the profile's version."""
    if not api_answers(said):
        first = cluster.control_plane[0]
        return [
            _check(
                False,
                "api",
                f"the API at {cluster.api_server} does not answer",
                _journal(first, "kube-apiserver"),
            )
        ]
    found = {status.name: status for status in node_statuses(said)}
    checks = [_check(True, "api", f"the API answers at {cluster.api_server}")]
    for node in cluster.workers:
        status = found.get(node.name)
        id_ = f"node-ready/{node.title}"
        if status is None:
            checks.append(_check(False, id_, f"{node.title} is not known to the API", "kubeup up"))
            continue
        text = f"{node.title} is Ready" if status.ready else f"{node.title} is not Ready: {status.message}"
        checks.append(_check(status.ready, id_, text, _journal(node, "kubelet")))
        wanted = f"v{cluster.versions.kubernetes}"
        same = status.version == wanted
        text = f"{node.title} runs {status.version}" + ("" if same else f", the profile says {wanted}")
        checks.append(_check(same, f"version/{node.title}", text, "kubeup up"))
    return checks


def node_statuses(said: Said) -> tuple[NodeStatus, ...]:
    for rows in said.values():
        found = _of(rows, "node", 6)
        if found:
            return tuple(
                NodeStatus(name, ready == "True", version, runtime, address, message)
                for name, ready, version, runtime, address, message in found
            )
    return ()


def services(said: Said) -> tuple[ServiceStatus, ...]:
    for rows in said.values():
        found = _of(rows, "service", 3)
        if found:
            return tuple(ServiceStatus(name, address, ports.strip()) for name, address, ports in found)
    return ()


def pods(workers: Sequence[Node], rows: Rows) -> list[Check]:
    """A pod runs on every node; exec and logs work through its kubelet."""
    checks = [_check(False, id_, text, "kubectl get events -A") for id_, _, text in _of(rows, "check", 3)]
    failed = {node: message for node, _, message in _of(rows, "pod-failed", 3)}
    for node in workers:
        if node.name in failed:
            text = f"the probe pod on {node.title} does not run: {' '.join(failed[node.name].split())}"
            full = "DiskPressure" in failed[node.name]
            fix = f"make room: ssh {node.host} df -h /var/lib" if full else _journal(node, "kubelet")
            checks.append(_check(False, f"pod/{node.title}", text, fix))
        for kind, what in (("exec", "kubectl exec"), ("logs", "kubectl logs")):
            for name, verdict, message in _of(rows, kind, 3):
                if name == node.name:
                    good = verdict == "ok"
                    text = f"{what} works on {node.title}" if good else f"{what} fails on {node.title}: {message}"
                    checks.append(_check(good, f"{kind}/{node.title}", text, _journal(node, "kubelet")))
    return checks


def reached(workers: Sequence[Node], results: Results[Rows]) -> list[Check]:
    """What each node reached: every pod, the ClusterIP, the NodePorts."""
    checks = []
    by_address = {node.address: node.title for node in workers}
    for node in workers:
        if node.host in results.failures:
            checks.append(unreachable(node, results.failures[node.host]))
        for kind, name, verdict in sorted(row[:3] for row in results.values.get(node.host, []) if len(row) > 2):
            good = verdict == "ok"
            told = {
                "pod": (f"pod-reached/{node.title}/{name}", f"the pod on {name}", "flannel"),
                "clusterip": (f"cluster-ip/{node.title}", "a ClusterIP", "kube-proxy"),
                "nodeport": (
                    f"node-port/{node.title}/{by_address.get(name, name)}",
                    f"a NodePort of {by_address.get(name, name)}",
                    "kube-proxy",
                ),
            }
            id_, what, unit = told[kind]
            text = f"{node.title} reaches {what}" if good else f"{node.title} does not reach {what}"
            checks.append(_check(good, id_, text, _journal(node, unit)))
    return checks


def stuck(master: Node, seconds: float) -> Check:
    return _check(False, "pods-created", f"{master.title} did not get the probe pods ready within {seconds:.0f} s")


def not_cleaned(master: Node, error: KubeupError | None) -> Check:
    evidence = [error.title()] if error else []
    text = f"it is not certain that the probe pods are gone again from {master.title}"
    fix = "kubectl -n kube-system delete pods,services -l app=kubeup-validate"
    return Check("pods-removed", Status.WARNING, text, fix, tuple(evidence))
