"""What differs between a node and what it should be: tables of facts in, plan out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup.model.cluster import Override
from kubeup.model.facts import Facts, FileFact, Owned, Record, UnitFact
from kubeup.model.resources import Action, Desired, File, Unit, sha256
from kubeup.plan.steps import (
    ComponentOrder,
    CreateDirectory,
    RunAction,
    SetMeta,
    Start,
    WriteFile,
)
from kubeup.planning.diff import diff
from tests.support.plans import built, plan, two_nodes


def test_a_bare_node_gets_everything_and_starts_the_api_before_what_needs_it() -> None:
    cluster = two_nodes()
    found = plan(cluster, cluster.nodes[0])
    units = [start.unit.name for start in found.starts]
    assert units.index("etcd.service") < units.index("kube-apiserver.service") < units.index("kubelet.service")
    levels = {level.number: level.title for level in found.levels}
    assert "kube-apiserver" in levels[0]
    assert "kubelet" in levels[1]


def test_a_worker_gets_no_way_into_etcd_and_no_authority_key() -> None:
    cluster = two_nodes()
    paths = {put.file.path for put in plan(cluster, cluster.nodes[1]).files}
    assert "/etc/kubernetes/pki/ca.crt" in paths
    assert not [path for path in paths if "etcd" in path or path.endswith(("/ca.key", "sa.key")) or "admin" in path]


@pytest.mark.parametrize("index", [0, 1])
def test_a_node_as_it_should_be_has_an_empty_plan(index: int) -> None:
    cluster = two_nodes()
    facts, shared = built(cluster, cluster.nodes[index])
    found = plan(cluster, cluster.nodes[index], facts, shared)
    assert found.empty, list(found.steps)


def test_one_kubelet_flag_restarts_the_kubelet_and_nothing_else() -> None:
    cluster = two_nodes()
    facts, shared = built(cluster, cluster.nodes[1])
    changed = replace(cluster, overrides={"kubelet": Override(flags={"v": ("3",)})})
    found = plan(changed, changed.nodes[1], facts, shared)
    assert [put.file.path for put in found.files] == ["/etc/default/kubelet"]
    assert [start.unit.name for start in found.starts] == ["kubelet.service"]
    assert [level.number for level in found.levels] == [1]


def test_a_file_edited_by_hand_is_put_right_and_its_unit_restarted() -> None:
    cluster = two_nodes()
    facts, shared = built(cluster, cluster.nodes[1])
    path = "/etc/default/kube-proxy"
    files = {**facts.files, path: replace(facts.files[path], sha256="0" * 64, content=b"edited")}
    found = plan(cluster, cluster.nodes[1], replace(facts, files=files), shared)
    assert [put.file.path for put in found.files] == [path]
    assert [start.unit.name for start in found.starts] == ["kube-proxy.service"]


def test_a_unit_that_stopped_is_started_and_no_file_touched() -> None:
    cluster = two_nodes()
    facts, shared = built(cluster, cluster.nodes[0])
    units = {**facts.units, "kube-scheduler.service": UnitFact("kube-scheduler.service", "loaded", "failed")}
    found = plan(cluster, cluster.nodes[0], replace(facts, units=units), shared)
    assert not found.files
    assert [(start.unit.name, start.why) for start in found.starts] == [
        ("kube-scheduler.service", ("it is not running",))
    ]


def test_a_missing_rbac_rule_is_an_action_and_restarts_nothing() -> None:
    cluster = two_nodes()
    facts, shared = built(cluster, cluster.nodes[0])
    found = plan(cluster, cluster.nodes[0], replace(facts, checks={**facts.checks, "cluster-objects": False}), shared)
    assert [step.action.id for step in found.steps if isinstance(step, RunAction)] == ["cluster-objects"]
    assert not found.starts


def test_what_is_applied_from_a_file_is_applied_again_when_the_file_changes() -> None:
    """The check spoke of the file that is there now."""
    rules = File("/etc/kubeup/cluster.yaml", b"new\n", component="x")
    action = Action("rules", "rules", "x", check="true", apply="true", reads=(rules.path,))
    now = FileFact(rules.path, "file", 0o644, "root:root", 4, sha256(b"old\n"))
    facts = Facts(files={rules.path: now}, checks={"rules": True})
    found = diff("n", Desired(files=(rules,), actions=(action,)), facts, (ComponentOrder("x", 0),))
    assert [type(step) for step in found.steps] == [WriteFile, RunAction]
    elsewhere = Desired(files=(rules,), actions=(replace(action, due=False),))
    assert [type(step) for step in diff("n", elsewhere, facts, (ComponentOrder("x", 0),)).steps] == [WriteFile]


def test_a_docker_whose_options_an_up_wrote_that_was_cut_off_is_still_told_to_read_them() -> None:
    options = File("/etc/docker/daemon.json", b"{}\n", component="docker")
    docker = Unit("docker.service", "docker", (options.path,), preexisting=True, reloads=(options.path,))
    desired = Desired(files=(options,), units=(docker,))
    now = FileFact(options.path, "file", 0o644, "root:root", 3, options.wanted_digest)
    running = {docker.name: UnitFact(docker.name, "loaded", "active")}
    untouched = Facts(files={options.path: now}, units=running)
    assert not diff("n", desired, untouched, (ComponentOrder("docker", 0),)).starts
    owned = Record(owned={options.path: Owned("file", options.path, now.sha256, had_original=True)})
    starts = diff("n", desired, replace(untouched, record=owned), (ComponentOrder("docker", 0),)).starts
    assert [(start.unit.name, start.reload) for start in starts] == [(docker.name, True)]


def test_folders_that_hold_data_are_made_before_their_unit_starts() -> None:
    cluster = two_nodes()
    steps = plan(cluster, cluster.nodes[0]).steps
    made = [
        index
        for index, step in enumerate(steps)
        if isinstance(step, CreateDirectory) and step.directory.path == "/var/lib/etcd"
    ]
    started = [
        index for index, step in enumerate(steps) if isinstance(step, Start) and step.unit.name == "etcd.service"
    ]
    assert made[0] < started[0]


def test_every_put_says_where_it_belongs() -> None:
    cluster = two_nodes()
    for put in plan(cluster, cluster.nodes[0]).files:
        assert isinstance(put, WriteFile)
        assert put.file.component or put.file.path.startswith("/etc/kubernetes/"), put.file.path


def test_what_was_asked_for_is_remembered_before_what_may_fail() -> None:
    """An addon that does not come up is still one that somebody wants."""
    found = plan(two_nodes(addons=("dns",)), two_nodes().nodes[0])
    steps = found.levels[-1].steps
    first_action = next(number for number, step in enumerate(steps) if isinstance(step, RunAction))
    remembered = [number for number, step in enumerate(steps) if isinstance(step, SetMeta)]
    assert remembered
    assert max(remembered) < first_action


def test_what_the_cluster_is_from_now_on_is_remembered_before_anything_of_it_is_made() -> None:
    """Preflight holds the next profile against it, also where this run breaks off in its middle."""
    first = plan(two_nodes(), two_nodes().nodes[0]).levels[0].steps
    keys = [step.key for step in first if isinstance(step, SetMeta)]
    assert {"flannel_net", "service_range", "node_mask", "dns_ip", "dns_domain", "runtime", "name", "address"} <= set(
        keys
    )
    assert all(isinstance(step, SetMeta) for step in first[: len(keys)])
