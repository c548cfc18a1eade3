"""What only the nodes together decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from kubeup.components.docker_daemon import DAEMON
from kubeup.model.cluster import Runtime
from kubeup.model.facts import ClusterFacts, DockerFact, Facts, FileFact, NodeObject, Record, Said, Unknown, running
from kubeup.planning import resolve
from tests.support.machines import bare
from tests.support.plans import BOTH, two_nodes


def test_pod_subnets_stay_with_their_nodes() -> None:
    cluster = two_nodes()
    assert resolve.pod_cidrs(cluster, {"node4": "172.16.0.0/24"}) == {
        "node3": "172.16.1.0/24",
        "node4": "172.16.0.0/24",
    }


@pytest.mark.parametrize(
    ("primary", "links", "address"),
    [
        ("10.0.0.7", ("10.0.0.7", "10.9.0.7"), "10.0.0.7"),
        ("", ("10.0.0.7",), "10.0.0.7"),
        ("", ("10.0.0.7", "10.9.0.7"), ""),
        ("", (), ""),
    ],
)
def test_a_machine_without_a_default_route_has_its_only_address(
    primary: str, links: tuple[str, ...], address: str
) -> None:
    cluster = two_nodes()
    named = replace(cluster, nodes=(replace(cluster.nodes[0], host="node3", address=""), *cluster.nodes[1:]))
    facts = {"node3": bare(3, primary_address=primary, link_addresses=links)}
    assert resolve.resolve(named, facts).nodes[0].address == address


RUNTIMES = {
    # Docker's version on each worker -> what is chosen, and why not Docker
    ("26.1.5", "28.3.0"): (Runtime.DOCKER, ""),
    ("23.0.1", "23.0.1"): (Runtime.DOCKER, ""),
    ("26.1.5", ""): (Runtime.CONTAINERD, "node3 has a Docker at work, node4 has none"),
    ("", "26.1.5"): (Runtime.CONTAINERD, "node4 has a Docker at work, node3 has none"),
    ("", ""): (Runtime.CONTAINERD, ""),
    ("29.0.1", ""): (Runtime.CONTAINERD, "node3 has a Docker at work, node4 has none"),
    ("28.3.0", "29.8.1"): (Runtime.DOCKER, ""),
    ("30.1.0", "28.3.0"): (Runtime.CONTAINERD, "node3: its Docker 30.1.0 is newer than those that kubeup was run with"),
    ("20.10.24", "28.3.0"): (Runtime.CONTAINERD, "node3: its Docker 20.10.24 is too old"),
}


def with_docker(number: int, version: str, daemon: bytes = b"", command: str = "") -> Facts:
    files = {DAEMON: FileFact(DAEMON, "file", content=daemon)} if daemon else {}
    docker = DockerFact(version, running=True, source="apt", exec_start=command) if version else DockerFact()
    return bare(number, docker=docker, files=files)


def chosen(three: Facts, four: Facts) -> resolve.RuntimeChoice:
    cluster = replace(two_nodes(), runtime=None)
    return resolve.choose_runtime(cluster, dict(zip((node.host for node in cluster.nodes), (three, four), strict=True)))


@pytest.mark.parametrize("versions", RUNTIMES)
def test_the_runtime_is_a_docker_that_kubeup_knows_or_it_is_said_why_not(versions: tuple[str, str]) -> None:
    three, four = versions
    found = chosen(with_docker(3, three), with_docker(4, four))
    runtime, why = RUNTIMES[versions]
    assert found.runtime is runtime
    assert found.why.startswith(why) if why else not found.why


@pytest.mark.parametrize(
    ("daemon", "command", "remapped"),
    [
        (b'{"userns-remap": "default"}', "", True),
        (b'{"userns-remap": "1000:1000"}', "", True),
        (b"", "/usr/bin/dockerd --userns-remap=default", True),
        (b"", "/usr/bin/dockerd --userns-remap default -H fd://", True),
        (b'{"userns-remap": ""}', "", False),
        (b'{"debug": true}', "/usr/bin/dockerd -H fd://", False),
    ],
)
def test_a_docker_that_maps_users_is_not_chosen(daemon: bytes, command: str, remapped: bool) -> None:
    four = with_docker(4, "28.3.0", daemon, command)
    found = chosen(with_docker(3, "28.3.0"), four)
    assert found.runtime is (Runtime.CONTAINERD if remapped else Runtime.DOCKER)
    assert found.why == ("node4: its Docker maps users (userns-remap)" if remapped else "")


def test_what_a_living_cluster_runs_on_stays() -> None:
    living = replace(with_docker(3, "30.0.1"), record=Record(meta={"runtime": "docker"}))
    assert chosen(living, with_docker(4, "30.0.1")) == resolve.RuntimeChoice(Runtime.DOCKER)


def test_nodes_behind_one_host_have_their_own_names_and_addresses() -> None:
    cluster = two_nodes()
    nodes = tuple(
        replace(node, host="router", port=2200 + number, name="", address="")
        for number, node in enumerate(cluster.nodes)
    )
    found = resolve.resolve(replace(cluster, nodes=nodes), {"router:2200": bare(3), "router:2201": bare(4)})
    assert [(node.name, node.address) for node in found.nodes] == [
        ("node3", "192.168.200.13"),
        ("node4", "192.168.200.14"),
    ]


def of_two_masters(one: Mapping[str, Said], other: Mapping[str, Said]) -> ClusterFacts:
    """What is gathered where both nodes are control plane; the same for either order of the profile."""
    cluster = two_nodes()
    nodes = tuple(replace(node, roles=BOTH) for node in cluster.nodes)
    facts = {nodes[0].endpoint: bare(3, said=one), nodes[1].endpoint: bare(4, said=other)}
    found, turned = (
        resolve.gather_cluster(replace(cluster, nodes=each), facts) for each in (nodes, tuple(reversed(nodes)))
    )
    assert found == turned
    return found


def test_what_the_cluster_says_is_what_any_control_plane_node_could_tell() -> None:
    found = of_two_masters({running.NODES: Said(why="no answer within 10 s")}, {running.NODES: Said("node node3")})
    assert found.nodes == (NodeObject("node3"),)


def test_that_nobody_could_tell_is_no_empty_list() -> None:
    found = of_two_masters({running.NODES: Said(why="connection refused")}, {running.NODES: Said("<html>")})
    assert found.nodes == Unknown(
        ("node3: connection refused", "node4: its answer cannot be read: no line about a Node object: <html>")
    )
    assert found.members == Unknown(("node3: it was not asked", "node4: it was not asked"))
    assert of_two_masters({running.NODES: Said("")}, {}).nodes == ()


def test_what_each_control_plane_node_runs_is_its_own_answer() -> None:
    version = Said('{"gitVersion": "v1.37.2"}')
    found = of_two_masters({running.API_VERSION: version}, {running.API_VERSION: Said(why="connection refused")})
    assert found.api_versions == {"node3": "v1.37.2", "node4": Unknown(("node4: connection refused",))}
