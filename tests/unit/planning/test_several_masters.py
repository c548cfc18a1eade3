"""Several control-plane nodes: none knows another, and every other machine reaches all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from kubeup import profile
from kubeup.model.cluster import Cluster
from kubeup.pki import specs
from kubeup.plan.steps import NodePlan
from tests.support.second_up import ADDRESSES, machine, plans, up

HOSTS = tuple(f"m{number}" for number in range(len(ADDRESSES)))
NAMES = tuple(f"machine{number}" for number in range(len(ADDRESSES)))
# Read once in a member's life: who the founders are.
FOUNDERS = "/etc/default/etcd-bootstrap"


def said(roles: str, *lines: str) -> Cluster:
    text = "\n".join((f"nodes: [{', '.join(HOSTS)}]", f"roles: {roles}", *lines, ""))
    return profile.load_text(text, "demo.yaml").cluster


def texts(cluster: Cluster) -> dict[str, Mapping[str, str]]:
    """By node: path -> text of every file that a first `up` writes."""
    found = plans(cluster, {host: machine(number) for number, host in enumerate(HOSTS)})
    return {plan.node: files(plan) for plan in found}


def files(plan: NodePlan) -> Mapping[str, str]:
    return {put.file.path: (put.file.content or b"").decode() for put in plan.files}


def servers(written: Mapping[str, str]) -> set[str]:
    """Whom the kubeconfigs of a node name."""
    lines = [line for path, text in written.items() if path.endswith(".conf") for line in text.splitlines()]
    return {line.partition('server: "')[2].partition('"')[0] for line in lines if "server:" in line}


@pytest.mark.parametrize("roles", ["ai ai ai", "ai ai i", "a a ai"])
def test_no_file_of_a_control_plane_node_speaks_of_another(roles: str) -> None:
    cluster = said(roles)
    written = texts(cluster)
    masters = [number for number, role in enumerate(roles.split()) if "a" in role]
    for number in masters:
        others = [word for other in masters if other != number for word in (NAMES[other], ADDRESSES[other])]
        speaking = [
            path
            for path, text in written[NAMES[number]].items()
            if path != FOUNDERS and any(word in text for word in others)
        ]
        assert speaking == []
        assert "--etcd-servers=https://127.0.0.1:2379" in written[NAMES[number]]["/etc/default/kube-apiserver"]
        assert servers(written[NAMES[number]]) == {f"https://{ADDRESSES[number]}:6443"}


def test_a_machine_without_an_api_server_has_a_balancer_before_several() -> None:
    written = texts(said("ai a i"))
    assert servers(written["machine2"]) == {"https://127.0.0.1:7443"}
    balancer = written["machine2"]["/etc/kubeup/api-balancer.cfg"]
    checked = [
        line.split()[1:3] for line in balancer.splitlines() if line.strip().startswith("server ") and " check " in line
    ]
    assert checked == [["machine0", f"{ADDRESSES[0]}:6443"], ["machine1", f"{ADDRESSES[1]}:6443"]]
    assert not any("balancer" in path for name in NAMES[:2] for path in written[name])


def test_one_control_plane_node_is_asked_by_its_address() -> None:
    written = texts(said("i ai i"))
    assert {url for name in NAMES for url in servers(written[name])} == {f"https://{ADDRESSES[1]}:6443"}
    assert not any("balancer" in path for name in NAMES for path in written[name])


def names(cluster: Cluster) -> list[tuple[Sequence[str], Sequence[str]]]:
    """DNS names and addresses of each API server's certificate."""
    every = (spec for node in cluster.control_plane for spec in specs.specs_for(cluster, node))
    return [(spec.dns_names, spec.ip_addresses) for spec in every if spec.path.endswith("/apiserver.crt")]


OF_THE_SERVICE = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
]


@pytest.mark.parametrize(
    ("lines", "dns", "addresses"),
    [
        ((), [], []),
        (("api_endpoint: api.example.com",), ["api.example.com"], []),
        (("api_endpoint: 10.0.0.100:8443",), [], ["10.0.0.100"]),
    ],
)
def test_a_certificate_has_the_node_s_own_names_the_service_s_and_the_endpoint(
    lines: Sequence[str], dns: Sequence[str], addresses: Sequence[str]
) -> None:
    text = "nodes: [{address: 10.0.0.1, name: one}, {address: 10.0.0.2, name: two}]\nroles: ai ai\n"
    cluster = profile.load_text(text + "".join(f"{line}\n" for line in lines), "demo.yaml").cluster
    assert [(list(one), list(other)) for one, other in names(cluster)] == [
        ([*OF_THE_SERVICE, name, *dns], ["127.0.0.1", "10.96.0.1", address, *addresses])
        for name, address in (("one", "10.0.0.1"), ("two", "10.0.0.2"))
    ]


def test_a_second_up_has_nothing_to_do() -> None:
    for roles in ("ai ai ai", "ai a i"):
        cluster = said(roles)
        after = up(cluster, {host: machine(number) for number, host in enumerate(HOSTS)})
        assert [list(plan.steps) for plan in plans(cluster, after)] == [[], [], []]
