"""Which machines carry a component, and how many barriers it waits behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup import components
from kubeup.components.base import CONTROL_PLANE, WORKER, Component
from kubeup.model.cluster import Role
from tests.support.plans import desired, two_nodes


@pytest.mark.parametrize(
    ("roles", "level"),
    [(CONTROL_PLANE, 0), (WORKER, 1), (CONTROL_PLANE | WORKER, 1)],
    ids=["the API server's machines", "other machines", "both"],
)
def test_what_needs_the_api_server_waits_for_it_on_every_machine_that_has_none(
    roles: frozenset[Role], level: int
) -> None:
    assert components.level_of(Component("agent", roles, after=("kube-apiserver",))) == level


@pytest.mark.parametrize("role", list(Role))
def test_every_machine_has_one_kubectl_for_kubeup_s_own_checks(role: Role) -> None:
    cluster = two_nodes()
    first, second = cluster.nodes
    cluster = replace(cluster, nodes=(first, replace(second, roles=frozenset({role}))))
    wish = desired(cluster, cluster.nodes[1])
    assert [binary.link for binary in wish.binaries if binary.name == "kubectl"] == ["/opt/kubeup/bin/kubectl"]
    assert ("/usr/local/bin/kubectl" in {file.path for file in wish.files}) == (role is Role.CONTROL_PLANE)


def test_a_component_that_does_not_apply_is_neither_asked_about_nor_brought(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = two_nodes()
    only = Component("other-network", WORKER, applies=lambda cluster, _: cluster.network.flannel_backend == "none")
    monkeypatch.setattr(components, "ALL", (*components.ALL, only))
    assert only not in components.of_node(cluster, cluster.nodes[1])
    without = replace(cluster, network=replace(cluster.network, flannel_backend="none"))
    assert only in components.of_node(without, without.nodes[1])


def test_what_keep_data_leaves_of_files_is_keys_and_certificates() -> None:
    cluster = two_nodes()
    kept = {file.path for file in desired(cluster, cluster.nodes[0]).files if file.survives_keep_data}
    assert {"/etc/kubernetes/pki/ca.key", "/etc/kubernetes/pki/sa.key", "/etc/kubernetes/pki/etcd/server.crt"} <= kept
    assert all(path.startswith("/etc/kubernetes/pki/") for path in kept)
