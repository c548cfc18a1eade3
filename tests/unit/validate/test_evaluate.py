"""What nodes said of themselves, judged: rows in, checks out."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from kubeup.execution.results import Results
from kubeup.model.cluster import Node, Role
from kubeup.model.errors import NodeError
from kubeup.model.facts import Facts, Record, UnitFact
from kubeup.validate import evaluate, workloads
from kubeup.validate.checks import Check, ServiceStatus, Status
from tests.support.plans import two_nodes
from tests.support.validate_answers import CONTROL_PLANE, PODS, REACHED, VERSION, Row, changed

ONE = Node("10.0.0.1", frozenset({Role.CONTROL_PLANE, Role.WORKER}), name="one", address="10.0.0.1")


@pytest.mark.parametrize(
    ("why", "fix"),
    [
        ("Pending ImagePullBackOff", "ssh 10.0.0.1 journalctl -u kubelet -n 50"),
        (
            "Failed Evicted Pod was rejected: The node had condition: [DiskPressure].",
            "make room: ssh 10.0.0.1 df -h /var/lib",
        ),
    ],
)
def test_a_probe_pod_that_does_not_run_is_told_with_where_to_look(why: str, fix: str) -> None:
    (check,) = evaluate.pods([ONE], [["pod-failed", "one", "-", why]])
    assert (check.id, check.message) == ("pod/one", f"the probe pod on one does not run: {why}")
    assert check.fix == fix


CLUSTER = two_nodes()
NODE3, NODE4 = CLUSTER.nodes


def bad(checks: Iterable[Check]) -> dict[str, str]:
    """What is not well, by id, with its message."""
    return {check.id: check.message for check in checks if check.status is not Status.OK}


def asked(rows: list[list[str]]) -> list[Check]:
    """All that is judged out of what the only control-plane node says."""
    said = {NODE3.host: rows}
    return [*evaluate.components(CLUSTER, said), *evaluate.nodes(CLUSTER, said), *workloads.check(CLUSTER, said)]


READYZ = "[+]ping ok [-]etcd failed: reason withheld [-]poststarthook/x failed: reason withheld readyz check failed"
WORDS: list[tuple[str, list[Row], list[str], dict[str, str]]] = [
    ("two healthy nodes", [], [], {}),
    (
        "the API server is not ready",
        [("own", "kube-apiserver", "Unhealthy", READYZ)],
        [],
        {"kube-apiserver/node3": "kube-apiserver on node3 is not: its checks fail: etcd, poststarthook/x"},
    ),
    (
        "the controller-manager is dead, and the API server knows",
        [
            ("own", "controller-manager", "Unhealthy", "connection refused"),
            ("said", "controller-manager", "False", "Get healthz: connection refused"),
        ],
        [],
        {"controller-manager/node3": "controller-manager on node3 is not: connection refused"},
    ),
    (
        "the scheduler is dead, and the API server does not know",
        [("own", "scheduler", "Unhealthy", "connection refused")],
        [],
        {
            "scheduler/node3": "scheduler on node3 is not: connection refused",
            "componentstatus/scheduler/node3": "the API server on node3 says scheduler is healthy: ok",
        },
    ),
    (
        "the API server says the scheduler is ill, and it is not",
        [("said", "scheduler", "False", "Get healthz: proxyconnect tcp: timeout")],
        [],
        {
            "componentstatus/scheduler/node3": "the API server on node3 says scheduler is not: "
            "Get healthz: proxyconnect tcp: timeout"
        },
    ),
    (
        "etcd is ill by its own word",
        [("own", "etcd", "Unhealthy", "nothing healthy answers on its port 2381")],
        [],
        {"etcd/node3": "etcd on node3 is not: nothing healthy answers on its port 2381"},
    ),
    (
        "the API server does not get at an etcd",
        [("said", "etcd-0", "False", "context deadline exceeded")],
        [],
        {
            "componentstatus/etcd-0/node3": "the API server on node3 says etcd-0 is not healthy: "
            "context deadline exceeded"
        },
    ),
    (
        "a status of which nothing is known",
        [("said", "etcd-0", "Unknown", "")],
        [],
        {"componentstatus/etcd-0/node3": "the API server on node3 says etcd-0 is not healthy: "},
    ),
    (
        "no word of component statuses",
        [],
        ["said controller-manager", "said scheduler", "said etcd-0"],
        {"componentstatus/node3": "the API server on node3 does not answer `kubectl get componentstatuses`"},
    ),
    (
        "no word of a component itself",
        [],
        ["own etcd"],
        {"etcd/node3": "etcd on node3: nothing was seen of it"},
    ),
    (
        "a message with tabs",
        [("own", "etcd", "Unhealthy", "one", "two")],
        [],
        {"etcd/node3": "etcd on node3 is not: one two"},
    ),
    (
        "a node that is not Ready",
        [("node", "node4", "False", VERSION, "containerd://2.1", "192.168.200.14", "runtime network not ready")],
        [],
        {"node-ready/node4": "node4 is not Ready: runtime network not ready"},
    ),
    (
        "a node of which the API knows nothing for a while",
        [("node", "node4", "Unknown", VERSION, "containerd://2.1", "192.168.200.14", "Kubelet stopped posting")],
        [],
        {"node-ready/node4": "node4 is not Ready: Kubelet stopped posting"},
    ),
    (
        "a node that the API does not know",
        [],
        ["node node4"],
        {"node-ready/node4": "node4 is not known to the API"},
    ),
    (
        "a kubelet of another version",
        [("node", "node4", "True", "v1.30.1", "containerd://2.1", "192.168.200.14", "ready")],
        [],
        {"version/node4": f"node4 runs v1.30.1, the profile says {VERSION}"},
    ),
    (
        "an API that answers nothing",
        [("own", "kube-apiserver", "Unhealthy", "connection refused")],
        ["node node3", "node node4", "said controller-manager", "said scheduler", "said etcd-0"],
        {
            "kube-apiserver/node3": "kube-apiserver on node3 is not: connection refused",
            "api": "the API does not answer on node3",
        },
    ),
    (
        "an API too slow to say what runs",
        [("unseen", "services, policies and pods")],
        [],
        {"workloads-seen": "the API gave no answer about services, policies and pods"},
    ),
    (
        "an answer that broke off in a line",
        [("node", "node4", "True")],
        [],
        {"node-ready/node4": "node4 is not known to the API"},
    ),
    (
        "lines of a kind that nobody knows",
        [("motd", "welcome"), ("", ""), ("own",)],
        [],
        {},
    ),
]


@pytest.mark.parametrize(("others", "without", "found"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS])
def test_what_the_control_plane_says(others: list[Row], without: list[str], found: dict[str, str]) -> None:
    assert bad(asked(changed(CONTROL_PLANE, *others, without=without))) == found


def test_nobody_says_anything_is_an_api_that_does_not_answer() -> None:
    assert bad([*evaluate.components(CLUSTER, {}), *evaluate.nodes(CLUSTER, {})]).keys() == {"api"}


def test_what_is_wrong_says_where_to_look() -> None:
    rows = changed(CONTROL_PLANE, ("own", "scheduler", "Unhealthy", "x"))
    (check,) = [check for check in asked(rows) if check.id == "scheduler/node3"]
    assert check.fix == "ssh 192.168.200.13 journalctl -u kube-scheduler -n 50"


def test_the_table_of_components_has_both_words_and_etcd_last() -> None:
    rows = changed(CONTROL_PLANE, ("own", "scheduler", "Unhealthy", "x"), without=["said etcd-0"])
    found = evaluate.component_statuses(CLUSTER, {NODE3.host: rows})
    assert [(one.name, one.healthy, one.said) for one in found] == [
        ("controller-manager", True, True),
        ("scheduler", False, True),
        ("etcd-0", True, None),
    ]


def test_services_and_nodes_are_told_as_the_api_has_them() -> None:
    said = {NODE3.host: changed(CONTROL_PLANE)}
    assert evaluate.services(said) == (ServiceStatus("default/kubernetes", "100.0.0.1", "443/TCP"),)
    assert [(node.name, node.ready, node.address) for node in evaluate.node_statuses(said)] == [
        ("node3", True, "192.168.200.13"),
        ("node4", True, "192.168.200.14"),
    ]


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (UnitFact("kubelet.service", "loaded", "active", "running"), ""),
        (UnitFact("kubelet.service", "loaded", "reloading", "reload"), ""),
        (UnitFact("kubelet.service", "loaded", "failed", "failed"), "kubelet.service on node4 is failed (failed)"),
        (UnitFact("kubelet.service", "loaded"), "kubelet.service on node4 is inactive (dead)"),
        (None, "kubelet.service on node4 is inactive (dead)"),
    ],
)
def test_units_that_kubeup_started_run(unit: UnitFact | None, message: str) -> None:
    record = Record(units={"kubelet.service": "absent"})
    facts = Facts(record=record, units={"kubelet.service": unit} if unit else {})
    found = bad(evaluate.units(CLUSTER, {NODE4.host: facts}))
    assert found == ({"unit/node4/kubelet.service": message} if message else {})


PROBED: list[tuple[str, list[Row], list[str], dict[str, str]]] = [
    ("pods on both nodes", [], [], {}),
    (
        "exec fails on a node",
        [("exec", "node4", "failed", "error: dial tcp 192.168.200.14:10250: connect: no route to host")],
        [],
        {"exec/node4": "kubectl exec fails on node4: error: dial tcp 192.168.200.14:10250: connect: no route to host"},
    ),
    (
        "logs fail on a node",
        [("logs", "node3", "failed", "no answer within 20 s")],
        [],
        {"logs/node3": "kubectl logs fails on node3: no answer within 20 s"},
    ),
    (
        "a pod that does not run",
        [("pod", "node4", "", "False"), ("pod-failed", "node4", "-", "Pending  CreateContainerError")],
        ["exec node4", "logs node4"],
        {"pod/node4": "the probe pod on node4 does not run: Pending CreateContainerError"},
    ),
    (
        "no word of a node's pod",
        [],
        ["pod node4", "exec node4", "logs node4"],
        {"pod/node4": "nothing was seen of the probe pod on node4"},
    ),
    (
        "an answer that broke off before exec and logs",
        [],
        ["exec node4", "logs node4"],
        {
            "exec/node4": "kubectl exec fails on node4: nothing was seen of it",
            "logs/node4": "kubectl logs fails on node4: nothing was seen of it",
        },
    ),
    (
        "nothing at all",
        [],
        [" ".join(row[:2]) for row in PODS],
        {
            "pod/node3": "nothing was seen of the probe pod on node3",
            "pod/node4": "nothing was seen of the probe pod on node4",
        },
    ),
    (
        "pods that could not be made",
        [("check", "pods-created", "failed", "admission webhook denied the request")],
        [" ".join(row[:2]) for row in PODS],
        {"pods-created": "admission webhook denied the request"},
    ),
]


@pytest.mark.parametrize(("others", "without", "found"), [row[1:] for row in PROBED], ids=[row[0] for row in PROBED])
def test_what_probe_pods_say(others: list[Row], without: list[str], found: dict[str, str]) -> None:
    assert bad(evaluate.pods(CLUSTER.workers, changed(PODS, *others, without=without))) == found


def reached(first: list[list[str]]) -> list[Check]:
    second = changed(REACHED, ("nodeport", NODE4.host, "ok"), without=[f"nodeport {NODE3.host}"])
    return evaluate.reached(CLUSTER.workers, Results({NODE3.host: first, NODE4.host: second}))


def test_nodes_that_reach_everything_are_told_check_by_check() -> None:
    found = reached(changed(REACHED))
    assert bad(found) == {}
    assert {check.id for check in found} >= {
        "pod-reached/node3/node4", "pod-reached/node4/node3", "cluster-ip/node3", "node-port/node4/node4"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "id_", "message", "unit"),
    [
        (("pod", "node4", "failed"), "pod-reached/node3/node4", "node3 does not reach the pod on node4", "flannel"),
        (("clusterip", "-", "failed"), "cluster-ip/node3", "node3 does not reach a ClusterIP", "kube-proxy"),
        (
            ("nodeport", "192.168.200.13", "failed"),
            "node-port/node3/node3",
            "node3 does not reach a NodePort of node3",
            "kube-proxy",
        ),
    ],
)
def test_what_a_node_does_not_reach_names_whose_work_it_is(row: Row, id_: str, message: str, unit: str) -> None:
    (check,) = [check for check in reached(changed(REACHED, row)) if check.status is not Status.OK]
    assert (check.id, check.message) == (id_, message)
    assert check.fix == f"ssh 192.168.200.13 journalctl -u {unit} -n 50"


def test_a_node_that_says_nothing_and_one_that_does_not_answer_are_not_well() -> None:
    assert bad(reached([])) == {"reached/node3": "node3 did not say what it reaches"}
    lost = NodeError("node3", "probe", "the connection was lost", fix="run it again")
    found = evaluate.reached(CLUSTER.workers[:1], Results({}, {NODE3.host: lost}))
    assert bad(found) == {"node-answers/node3": "node3: probe: the connection was lost"}
