"""One etcd, founded once: what is new on the control plane beside data that lives is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kubeup import preflight
from kubeup.model.cluster import Node, Role
from kubeup.model.facts import Facts, Record, Said, running
from kubeup.preflight.problem import PreflightProblem
from tests.support.machines import SOUND
from tests.support.plans import two_nodes

ETCD = "etcd.service"
META = {"cluster": "demo", "runtime": "containerd"}
BARE = SOUND
BEGUN = replace(SOUND, record=Record(meta=META, units={ETCD: "absent"}))
WORKER = replace(SOUND, record=Record(meta=META, units={"kubelet.service": "absent"}))
FOUNDING = replace(BEGUN, kept_data=("/var/lib/etcd/member",))
READY = replace(FOUNDING, record=replace(BEGUN.record, ready={ETCD: {}}))
LOST = replace(READY, kept_data=())


def problems(*masters: Facts) -> list[PreflightProblem]:
    nodes = tuple(
        Node(
            f"10.0.0.{number}",
            frozenset({Role.CONTROL_PLANE, Role.WORKER}),
            name=f"m{number}",
            address=f"10.0.0.{number}",
        )
        for number in range(1, len(masters) + 1)
    )
    facts = {node.host: replace(one, machine_id=node.name) for node, one in zip(nodes, masters, strict=True)}
    found = preflight.check(two_nodes(nodes=nodes), facts)
    # These nodes have no keys at all, which is another check's business.
    return [one for one in found if one.severity == "error" and one.id != "lost-authorities"]


@pytest.mark.parametrize("new", [BARE, WORKER, LOST], ids=["bare", "worker", "lost its data"])
def test_a_control_plane_node_without_data_beside_one_that_has_some_is_refused(new: Facts) -> None:
    (found,) = problems(READY, new)
    assert (found.id, found.node) == ("etcd-members", "m2")
    assert "m1 has: it would begin a second, empty cluster" in found.message
    assert "mend etcd there first" in found.fix


MEMBERS = Said(json.dumps({"members": [{"ID": 1, "name": "m1", "peerURLs": ["https://10.0.0.1:2380"]}]}))
TELLS = replace(READY, said={running.MEMBERS: MEMBERS})


@pytest.mark.parametrize("new", [BARE, WORKER, LOST], ids=["bare", "worker", "lost its data"])
def test_one_without_data_joins_where_the_members_are_known(new: Facts) -> None:
    assert problems(TELLS, new) == []


def test_data_of_a_member_that_was_taken_out_are_refused() -> None:
    (found,) = problems(TELLS, READY)
    assert (found.id, found.node) == ("etcd-members", "m2")
    assert found.message == "it has data of a member of etcd that the others (m1) do not have any more"
    assert "mv /var/lib/etcd /var/lib/etcd.old" in found.fix


def test_each_of_them_is_told_and_the_order_does_not_matter() -> None:
    assert [one.node for one in problems(BARE, READY, BARE)] == ["m1", "m3"]


@pytest.mark.parametrize(
    "masters",
    [
        (BARE, BARE, BARE),
        (READY, READY, READY),
        (READY,),
        (FOUNDING, BARE, BARE),
        (FOUNDING, BEGUN, BARE),
        (READY, READY, BEGUN),
    ],
    ids=["new", "living", "one", "founding", "founding further on", "two of three were ready"],
)
def test_a_first_up_and_one_that_goes_on_with_it_are_not(masters: tuple[Facts, ...]) -> None:
    assert problems(*masters) == []
