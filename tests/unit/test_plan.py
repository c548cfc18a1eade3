"""Tables of facts in, plan out."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup import components
from kubeup.commands.up import make_plan
from kubeup.components.base import Context
from kubeup.model.cluster import Cluster, Network, Node, Override, Role, Runtime, Versions
from kubeup.model.facts import ClusterFacts, DockerFact, Facts, FileFact, Owned, Record, UnitFact
from kubeup.model.resources import Desired, File, Unit, sha256
from kubeup.node.wire.payload import content_of, level_payload
from kubeup.pki import issue, specs
from kubeup.pki.certificates import SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUB
from kubeup.plan.steps import (
    ComponentOrder,
    CreateDirectory,
    DeleteState,
    NodePlan,
    RestorePath,
    RunAction,
    SetMeta,
    Start,
    Stop,
    WriteFile,
)
from kubeup.planning import render, required, resolve
from kubeup.planning.diff import diff
from kubeup.planning.removals import empty_diff
from kubeup.release.artifacts import Artifact

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.timezone.utc)
BOTH, NODE = frozenset({Role.CONTROL_PLANE, Role.WORKER}), frozenset({Role.WORKER})
BARE = Facts(
    hostname="node3", arch="amd64", cgroup=2, nft="1.1", capabilities=1 << 24, primary_address="192.168.200.13"
)


def two_nodes(**changes: object) -> Cluster:
    cluster = Cluster(
        name="demo",
        nodes=(
            Node("192.168.200.13", BOTH, name="node3", address="192.168.200.13"),
            Node("192.168.200.14", NODE, name="node4", address="192.168.200.14"),
        ),
        network=Network(
            ipaddress.IPv4Network("172.16.0.0/16"),
            ipaddress.IPv4Network("100.0.0.0/16"),
            ipaddress.IPv4Address("100.0.0.2"),
        ),
        runtime=Runtime.CONTAINERD,
    )
    return replace(cluster, **changes)  # type: ignore[arg-type]


def artifacts(cluster: Cluster) -> tuple[Artifact, ...]:
    needed = required.for_cluster(cluster, {node.host: BARE for node in cluster.nodes})
    return tuple(
        Artifact(one, sha256(f"{one.name} {one.version}".encode()), 1000, Path("/nowhere"), "test") for one in needed
    )


def desired(cluster: Cluster, node: Node, facts: Facts = BARE, shared: ClusterFacts | None = None) -> Desired:
    cidrs = resolve.pod_cidrs(cluster, {})
    context = Context(cluster, node, facts, shared or ClusterFacts(), cidrs)
    return render.desired(context, artifacts(cluster), NOW)


def plan(cluster: Cluster, node: Node, facts: Facts = BARE, shared: ClusterFacts | None = None) -> NodePlan:
    return diff(node.name, desired(cluster, node, facts, shared), facts, components.order(cluster, node))


def built(cluster: Cluster, node: Node) -> tuple[Facts, ClusterFacts]:
    """The facts of a node on which everything was done: computed by carrying out the plan of a bare one."""
    vault, shared = minted(cluster, node)
    done = desired(cluster, node)
    files: dict[str, FileFact] = {}
    owned: dict[str, Owned] = {}
    for file in done.files:
        content = content_of(file, vault)
        files[file.path] = FileFact(
            file.path, "file", file.mode, file.owner, len(content), sha256(content), "", content
        )
        owned[file.path] = Owned("file", file.path, sha256(content), had_original=False)
    for binary in done.binaries:
        if binary.link:
            files[binary.link] = FileFact(binary.link, "link", target=binary.store_path)
            owned[binary.link] = Owned("link", binary.link, binary.store_path, had_original=False)
    for directory in done.directories:
        files[directory.path] = FileFact(directory.path, "dir", directory.mode, directory.owner)
        owned[directory.path] = Owned("tree", directory.path, "", had_original=False)
    ready = {
        unit.name: {path: files[path].target or files[path].sha256 for path in unit.reads if path in files}
        for unit in done.units
    }
    record = Record(
        meta={**dict(done.meta), "generation": "5"},
        owned=owned,
        ready=ready,
        units={unit.name: "absent" for unit in done.units},
        actions=tuple(action.id for action in done.actions),
        side_effects={(trace.kind, trace.name): "no=>" for trace in done.side_effects},
    )
    facts = replace(
        BARE,
        hostname=node.name,
        files=files,
        record=record,
        units={unit.name: UnitFact(unit.name, "loaded", "active", "running", "enabled") for unit in done.units},
        checks={action.id: True for action in done.actions},
        store={binary.sha256: binary.size for binary in done.binaries},
    )
    return facts, shared


def minted(cluster: Cluster, node: Node) -> tuple[dict[str, bytes], ClusterFacts]:
    from kubeup.model.facts import AuthorityFact

    vault: dict[str, bytes] = {}
    known = {}
    account = issue.service_account_key()
    vault["service-account:key"], vault["service-account:pub"] = account
    for authority in specs.CERTIFICATE_AUTHORITIES:
        pair = issue.authority(authority, NOW)
        vault[f"authority:{authority.name}:crt"] = pair.cert_pem
        vault[f"authority:{authority.name}:key"] = pair.key_pem
        known[authority.name] = AuthorityFact(authority.name, pair.cert_pem, sha256(pair.key_pem), ("node3",))
        for spec in specs.specs_for(cluster, node):
            if spec.authority == authority.name:
                leaf = issue.certificate(spec, pair, NOW)
                vault[f"leaf:{spec.path}:crt"], vault[f"leaf:{spec.path}:key"] = leaf.cert_pem, leaf.key_pem
    shared = {
        SERVICE_ACCOUNT_KEY: sha256(account[0]),
        SERVICE_ACCOUNT_PUB: sha256(account[1]),
    }
    return vault, ClusterFacts(known, {}, shared)


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
    changed = replace(cluster, overrides={"kubelet": Override(flags={"v": "3"})})
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


def test_a_certificate_near_its_end_is_renewed_alone() -> None:
    cluster = two_nodes()
    facts, shared = built(cluster, cluster.nodes[1])
    context = Context(cluster, cluster.nodes[1], facts, shared, resolve.pod_cidrs(cluster, {}))
    later = NOW + datetime.timedelta(days=300)
    wish = render.desired(context, artifacts(cluster), later)
    found = diff("node4", wish, facts, components.order(cluster, cluster.nodes[1]))
    assert {spec.path for spec in found.to_issue} == {spec.path for spec in specs.specs_for(cluster, cluster.nodes[1])}
    assert all("expires in 65 days" in put.file.why for put in found.files)
    calm = render.desired(context, artifacts(cluster), NOW + datetime.timedelta(days=200))
    assert not calm.to_issue


def test_a_missing_rbac_rule_is_an_action_and_restarts_nothing() -> None:
    cluster = two_nodes()
    facts, shared = built(cluster, cluster.nodes[0])
    found = plan(cluster, cluster.nodes[0], replace(facts, checks={**facts.checks, "cluster-objects": False}), shared)
    assert [step.action.id for step in found.steps if isinstance(step, RunAction)] == ["cluster-objects"]
    assert not found.starts


def test_what_is_applied_from_a_file_is_applied_again_when_the_file_changes() -> None:
    """The check spoke of the file that is there now."""
    cluster = two_nodes()
    facts, shared = built(cluster, cluster.nodes[0])
    first, second = cluster.nodes
    changed = replace(cluster, nodes=(first, replace(second, labels={"disk": "ssd"})))
    found = plan(changed, first, facts, shared)
    assert [put.file.path for put in found.files] == ["/etc/kubeup/cluster.yaml"]
    assert [step.action.id for step in found.steps if isinstance(step, RunAction)] == ["cluster-objects"]


def test_down_stops_units_in_reverse_gives_every_path_back_and_forgets_last() -> None:
    cluster = two_nodes()
    facts, _ = built(cluster, cluster.nodes[1])
    found = empty_diff("node4", facts)
    stops = [step.unit for step in found.steps if isinstance(step, Stop)]
    assert stops == list(facts.record.units)[::-1]
    assert {step.owned.path for step in found.steps if isinstance(step, RestorePath)} == set(facts.record.owned)
    assert isinstance(found.steps[-1], DeleteState)
    kinds = [type(step) for step in found.steps]
    assert kinds.index(RestorePath) > max(index for index, kind in enumerate(kinds) if kind is Stop)


def test_down_knows_what_was_edited_meanwhile() -> None:
    cluster = two_nodes()
    facts, _ = built(cluster, cluster.nodes[1])
    path = "/etc/kubernetes/kubelet.yaml"
    files = {**facts.files, path: replace(facts.files[path], sha256="0" * 64)}
    found = empty_diff("node4", replace(facts, files=files))
    assert [step.owned.path for step in found.steps if isinstance(step, RestorePath) and step.edited] == [path]


def test_down_on_a_bare_node_does_nothing() -> None:
    assert empty_diff("node4", BARE).empty


def test_down_takes_away_what_an_up_brought_that_was_cut_off_before_its_first_step() -> None:
    assert empty_diff("node4", replace(BARE, home=True)).steps == (DeleteState(False),)


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


def test_no_secret_is_in_the_lines_of_a_trip() -> None:
    """Steps name blobs by their hash; contents travel beside them, on standard input."""
    cluster = two_nodes()
    vault, _ = minted(cluster, cluster.nodes[0])
    found = plan(cluster, cluster.nodes[0])
    for level in found.levels:
        trip = level_payload(level, 1, 2, "me", vault)
        text = "\n".join((*trip.lines, *trip.titles))
        assert "PRIVATE" not in text
        assert not [part for part in text.split() if part.startswith("--")]


def test_secret_files_are_for_root_alone() -> None:
    cluster = two_nodes()
    for file in desired(cluster, cluster.nodes[0]).files:
        if file.path.endswith((".key", ".conf")) and file.path.startswith("/etc/kubernetes"):
            assert file.mode == 0o600, file.path
        assert not (file.path.endswith(".key") and not file.secret)


def test_pod_subnets_stay_with_their_nodes() -> None:
    cluster = two_nodes()
    assert resolve.pod_cidrs(cluster, {"node4": "172.16.0.0/24"}) == {
        "node3": "172.16.1.0/24",
        "node4": "172.16.0.0/24",
    }


def test_the_whole_cluster_is_planned_in_the_profile_s_order() -> None:
    cluster = two_nodes()
    facts = {node.host: replace(BARE, hostname=node.name) for node in cluster.nodes}
    found = make_plan(cluster, facts, ClusterFacts(), artifacts(cluster), NOW)
    assert [node.node for node in found.nodes] == ["node3", "node4"]
    assert found.level_numbers == (0, 1, 2)
    limited = make_plan(cluster, facts, ClusterFacts(), artifacts(cluster), NOW, frozenset({"node4"}))
    assert limited.nodes[0].empty
    assert not limited.nodes[1].empty


def test_three_masters_are_three_etcd_members() -> None:
    nodes = tuple(Node(f"10.0.0.{n}", BOTH, name=f"m{n}", address=f"10.0.0.{n}") for n in (1, 2, 3))
    cluster = two_nodes(nodes=nodes)
    files = {file.path: file for file in desired(cluster, nodes[1]).files}
    bootstrap = (files["/etc/default/etcd-bootstrap"].content or b"").decode()
    assert "m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380,m3=https://10.0.0.3:2380" in bootstrap
    flags = (files["/etc/default/etcd"].content or b"").decode()
    assert "127.0.0.1:2380" not in flags, "peer addresses are never loopback"
    etcd = next(unit for unit in desired(cluster, nodes[1]).units if unit.name == "etcd.service")
    assert "/etc/default/etcd-bootstrap" not in etcd.reads


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


def docker_cluster() -> Cluster:
    return two_nodes(runtime=Runtime.DOCKER)


def test_a_docker_of_the_node_s_own_is_left_alone() -> None:
    cluster = docker_cluster()
    facts = replace(
        BARE,
        docker=DockerFact("28.5.2", running=True, source="other", cgroup_driver="systemd"),
        units={"docker.service": UnitFact("docker.service", "loaded", "active", "running", "enabled")},
    )
    found = plan(cluster, cluster.nodes[1], facts)
    assert not [
        put.file.path for put in found.files if "docker" in put.file.path and "cri-dockerd" not in put.file.path
    ]
    assert "docker.service" not in [start.unit.name for start in found.starts]
    assert "cri-dockerd.service" in [start.unit.name for start in found.starts]
    kubelet = next(put.file for put in found.files if put.file.path == "/etc/kubernetes/kubelet.yaml")
    assert b"ExtendWebSocketsToKubelet: false" in (kubelet.content or b"")
    assert b"unix:///run/cri-dockerd.sock" in (kubelet.content or b"")


def test_an_absent_docker_is_installed_with_a_unit_and_settings_of_kubeup_s() -> None:
    cluster = docker_cluster()
    found = plan(cluster, cluster.nodes[1])
    paths = {put.file.path for put in found.files}
    assert {"/etc/systemd/system/docker.service", "/etc/default/docker"} <= paths
    units = [start.unit.name for start in found.starts]
    assert units.index("docker.service") < units.index("cri-dockerd.service") < units.index("kubelet.service")


def test_older_kubelets_get_no_gate_they_do_not_know() -> None:
    cluster = replace(docker_cluster(), versions=Versions(kubernetes="1.34.4"))
    files = {file.path: file.content or b"" for file in desired(cluster, cluster.nodes[1]).files}
    assert b"ExtendWebSocketsToKubelet" not in files["/etc/kubernetes/kubelet.yaml"]


def test_what_was_asked_for_is_remembered_before_what_may_fail() -> None:
    """An addon that does not come up is still one that somebody wants."""
    found = plan(two_nodes(addons=("dns",)), two_nodes().nodes[0])
    steps = found.levels[-1].steps
    first_action = next(number for number, step in enumerate(steps) if isinstance(step, RunAction))
    remembered = [number for number, step in enumerate(steps) if isinstance(step, SetMeta)]
    assert remembered
    assert max(remembered) < first_action
