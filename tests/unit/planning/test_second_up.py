"""What a node is asked may not depend on what it answers: whatever a profile says or leaves open, the second `up` finds
nothing to do."""

from __future__ import annotations

import itertools

import pytest

from kubeup import profile
from kubeup.model.facts import DockerFact
from kubeup.planning import inquiry, resolve
from kubeup.validate import evaluate
from kubeup.validate.checks import Status
from tests.support.second_up import ADDRESSES, asked, machine, plans, up

OWN_DOCKER = DockerFact("28.5.2", running=True, source="other", cgroup_driver="systemd")
RUNTIMES = ("", "runtime: docker", "runtime: containerd")
OTHERS = (
    # The objects of addons take most of the time, and hang on none of the others.
    (),
    *(
        ("addons: []", *lines)
        for lines in itertools.product(
            ("", "proxy_mode: iptables"), ("", "flannel_backend: host-gw"), ("", "kubernetes: 1.35")
        )
    ),
)


def profile_text(lines: tuple[str, ...], masters: int, named: bool, addressed: bool) -> str:
    """A profile of nodes that SSH knows by an alias; their names and addresses are said, or the machines' own."""
    nodes = []
    for number, address in enumerate(ADDRESSES[: max(masters, 2)]):
        said = [f"host: m{number}"]
        said += [f"name: node{number}"] if named else []
        said += [f"address: {address}"] if addressed else []
        nodes.append(f"  - {{{', '.join(said)}}}\n")
    roles = "ai ai ai" if masters == 3 else "ai i"
    return "".join(["nodes:\n", *nodes, f"roles: {roles}\n", *(f"{line}\n" for line in lines)])


@pytest.mark.parametrize("masters", [1, 3])
@pytest.mark.parametrize("addressed", [False, True], ids=["", "addresses"])
@pytest.mark.parametrize("named", [False, True], ids=["", "names"])
@pytest.mark.parametrize("docker", [DockerFact(), OWN_DOCKER], ids=["bare", "with Docker"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_second_up_has_nothing_to_do_whatever_the_profile_says(
    runtime: str, docker: DockerFact, named: bool, addressed: bool, masters: int
) -> None:
    for others in OTHERS:
        text = profile_text((runtime, *others), masters, named, addressed)
        cluster = profile.load_text(text, "demo.yaml").cluster
        machines = {node.host: machine(number, docker) for number, node in enumerate(cluster.nodes)}
        after = up(cluster, machines)
        assert all(facts.record.owned for facts in after.values())
        second = plans(cluster, after)
        assert not [(plan.node, step) for plan in second for step in plan.steps], text
        # Nor where the last worker does not answer, under whatever name.
        without = plans(cluster, after, off=cluster.nodes[-1].host) if masters == 1 else ()
        assert not [(plan.node, step) for plan in without for step in plan.steps], text


def test_a_profile_that_names_no_runtime_asks_about_every_runtime() -> None:
    cluster = profile.load_text(profile_text((), 1, True, True), "demo.yaml").cluster
    request = inquiry.probe_request(cluster, cluster.nodes[1])
    assert {"kube-containerd.service", "cri-dockerd.service", "docker.service"} <= set(request.units)
    images = [shell for _, shell in request.checks if "pause:" in shell]
    assert len(images) == 2
    assert any("docker image" in shell for shell in images)
    assert len({id_ for id_, _ in request.checks}) == len(request.checks)


@pytest.mark.parametrize("runtime", ["docker", "containerd"])
def test_a_profile_that_names_a_runtime_asks_about_no_other(runtime: str) -> None:
    cluster = profile.load_text(profile_text((f"runtime: {runtime}",), 1, True, True), "demo.yaml").cluster
    request = inquiry.probe_request(cluster, cluster.nodes[1])
    assert ("kube-containerd.service" in request.units) == (runtime == "containerd")
    assert ("cri-dockerd.service" in request.units) == (runtime == "docker")


@pytest.mark.parametrize("runtime", ["docker", "containerd"])
def test_an_image_that_an_older_kubeup_brought_is_neither_brought_again_nor_taken_away(runtime: str) -> None:
    """What a node's record calls it is what it always was."""
    cluster = profile.load_text(profile_text((f"runtime: {runtime}",), 1, True, True), "demo.yaml").cluster
    machines = {node.host: machine(number, DockerFact()) for number, node in enumerate(cluster.nodes)}
    after = up(cluster, machines)
    assert all(facts.record.did("pause-image") for facts in after.values())
    assert all(facts.record.did("image-coredns") for facts in after.values())


@pytest.mark.parametrize("docker", [DockerFact(), OWN_DOCKER], ids=["bare", "with Docker"])
def test_validate_finds_every_unit_running_where_the_profile_names_no_runtime(docker: DockerFact) -> None:
    said = profile.load_text(profile_text((), 1, True, True), "demo.yaml").cluster
    after = up(said, {node.host: machine(number, docker) for number, node in enumerate(said.nodes)})
    facts = asked(said, after)
    checks = evaluate.units(resolve.resolve(said, facts), facts)
    assert checks
    assert not [check.message for check in checks if check.status is not Status.OK]
