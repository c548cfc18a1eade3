"""Nodes that do not answer: what goes on without them, and how that is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kubeup import profile
from kubeup.model.facts import Said, running
from kubeup.planning import resolve
from tests.support.machines import bare, fill_cache
from tests.support.recorded import Kubeup, RecordedNode
from tests.unit.cli.conftest import FIRST, SECOND, THIRD, told

OFF = "  node5: connecting: nothing answers\n    fix: switch it on\n"
AGAIN = "fix: mend what is said above and run the same command again\n"


@pytest.fixture
def new(kubeup: Kubeup) -> Kubeup:
    """a.yaml is to be a cluster of the same three machines, with nothing on them."""
    facts = {host: bare(number) for number, host in ((3, FIRST), (4, SECOND), (5, THIRD))}
    kubeup.nodes |= {host: RecordedNode(one) for host, one in facts.items()}
    fill_cache(resolve.resolve(profile.load(kubeup.profile("a", *facts)).cluster, facts), facts, kubeup.home / "cache")
    return kubeup


def test_a_worker_that_is_off_changes_nothing_for_the_others_and_is_told(built: Kubeup) -> None:
    assert json.loads(built("plan", "a.yaml", "-o", "json").stdout)["changed"] is False
    built.nodes[THIRD].off = True
    done = built("plan", "a.yaml")
    assert done.exit_code == 1
    assert "Nothing to do: every node that answered is as the profile says." in done.stdout
    assert told(done.stderr) == (
        f"error: 1 of 3 nodes did not answer, and what they lack is not in this plan\n{OFF}{AGAIN}"
    )
    nodes = json.loads(built("plan", "a.yaml", "-o", "json").stdout)["nodes"]
    assert [(node["name"], node["answered"], node["changed"]) for node in nodes] == [
        ("node3", True, False),
        ("node4", True, False),
        ("node5", False, False),
    ]


def test_a_machine_that_is_off_holds_nobody_else_up(new: Kubeup) -> None:
    new.nodes[THIRD].off = True
    done = new("up", "a.yaml", "--no-validate")
    assert done.exit_code == 1
    assert new.touched == {FIRST, SECOND}
    unknown = OFF.replace("node5", THIRD)
    assert told(done.stderr) == (
        "error: 1 of 3 nodes did not answer, and nothing was done there; the others are as the plan has them\n"
        f"{unknown}{AGAIN}"
    )


def test_a_limit_to_others_goes_on_without_it_as_well(new: Kubeup) -> None:
    new.nodes[THIRD].off = True
    done = new("up", "a.yaml", "--no-validate", "--limit", "node3")
    assert (done.exit_code, new.touched) == (1, {FIRST})
    assert "1 of 3 nodes did not answer" in told(done.stderr)


def test_addons_come_while_a_worker_is_off(built: Kubeup) -> None:
    built.nodes[THIRD].off = True
    done = built("addons", "a.yaml", "--dry-run")
    assert done.exit_code == 1
    assert told(done.stderr).startswith("error: 1 of 3 nodes did not answer, and what they lack is not in this plan\n")


def test_without_any_control_plane_node_nothing_begins(built: Kubeup) -> None:
    built.nodes[FIRST].off = True
    for command in ("up", "plan"):
        done = built(command, "a.yaml")
        assert done.exit_code == 1
        assert told(done.stderr) == (
            "error: 1 of 3 nodes did not answer, and no control-plane node did; nothing was touched\n"
            f"  {FIRST}: connecting: nothing answers\n    fix: switch it on\n{AGAIN}"
        )
    assert not built.touched


def test_a_new_control_plane_begins_on_all_of_its_nodes_or_none(new: Kubeup) -> None:
    text = (new.home / "a.yaml").read_text()
    (new.home / "a.yaml").write_text(text.replace("roles: ai i i", "roles: ai ai ai"))
    new.nodes[THIRD].off = True
    done = new("up", "a.yaml", "--no-validate")
    assert done.exit_code == 1
    assert told(done.stderr).startswith(
        "error: 1 of 3 nodes did not answer, and the nodes of a new control plane begin together; nothing was touched\n"
    )
    assert not new.touched


def test_what_is_wrong_with_others_is_told_beside_and_mended_in_one_go(new: Kubeup) -> None:
    new.nodes[SECOND].facts = bare(4, init="openrc")
    new.nodes[THIRD].off = True
    done = new("up", "a.yaml", "--no-validate")
    assert done.exit_code == 1
    assert "1 of 3 nodes did not answer, and others have problems; nothing was touched" in done.stderr
    assert "nothing answers" in told(done.stderr)
    assert "node4: " in told(done.stderr)
    assert not new.touched


def test_a_new_worker_is_given_no_subnet_while_nobody_can_tell_what_the_absent_one_has(built: Kubeup) -> None:
    built.nodes["192.168.200.16"] = RecordedNode(bare(6))
    built.profile("a", FIRST, SECOND, THIRD, "192.168.200.16")
    built.nodes[THIRD].off = True
    first = built.nodes[FIRST]
    first.facts = replace(first.facts, said={**first.facts.said, running.NODES: Said(why="connection refused")})
    done = built("plan", "a.yaml")
    assert done.exit_code == 1
    assert told(done.stderr) == (
        "error: node6 must have a pod subnet, and nobody could say which are free: the API did not tell which Node "
        "objects there are, and node5 did not answer; nothing was touched\n"
        "  | node3: connection refused\n"
        "fix: mend the API first (kubeup validate says what it lacks), or the node, and run the same command again\n"
    )
    lines = "".join(f"node node{n}\npod_cidr 10.244.{n - 3}.0/24\n" for n in (3, 4, 5))
    first.facts = replace(first.facts, said={**first.facts.said, running.NODES: Said(lines)})
    done = built("plan", "a.yaml")
    assert "10.244.3.0/24" in done.stdout
    assert "did not answer, and what they lack is not in this plan" in told(done.stderr)
