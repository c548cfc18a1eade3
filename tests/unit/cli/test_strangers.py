"""Nodes of another cluster, and of a kubeup to come, whatever the command: refused before anything is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.archives import Made, docker, layer
from tests.support.recorded import PROBE, Kubeup
from tests.unit.cli.conftest import FIRST, SECOND

COMMANDS = {
    "down PROFILE --yes": "down",
    "addons up PROFILE dns": "addons up",
    "addons down PROFILE dns": "addons down",
    "addons list PROFILE": "addons list",
    "images push PROFILE app.tar": "images push",
    "images pull PROFILE example.com/app:1": "images pull",
    "images check PROFILE": "images check",
    "validate PROFILE": "validate",
}


def type_(kubeup: Kubeup, command: str, profile: str) -> tuple[int, str]:
    (kubeup.home / "app.tar").write_bytes(docker(Made("app:1", (layer("a"),))))
    done = kubeup(*command.replace("PROFILE", profile).split())
    assert not kubeup.touched
    assert {word for node in kubeup.nodes.values() for word in node.asked} == {PROBE}
    return done.exit_code, done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=COMMANDS.values())
def test_with_another_cluster_s_profile_it_does_nothing_and_says_which_one_to_take(demo: Kubeup, command: str) -> None:
    demo.profile("other", FIRST, SECOND)
    status, told = type_(demo, command, "other.yaml")
    assert status == 1
    assert "node3 belongs to the cluster demo, not to other; nothing was touched" in told
    assert "node4 belongs to demo" in told
    assert "take the profile of demo; where it is lost, or its file was renamed, `name: demo` in this one" in told


@pytest.mark.parametrize("command", [*COMMANDS, "up PROFILE", "plan PROFILE"])
def test_where_a_kubeup_to_come_was_it_does_nothing_and_says_so(demo: Kubeup, command: str) -> None:
    facts = demo.nodes[FIRST].facts
    demo.nodes[FIRST].facts = replace(facts, record=replace(facts.record, meta={**facts.record.meta, "format": "9"}))
    status, told = type_(demo, command, "profile.yaml")
    assert status == 1
    assert "nothing was touched" in told
    assert "a newer kubeup wrote" in told
    assert "(format 9; this one knows 2)" in told
    assert "use that kubeup, or a newer one" in told


@pytest.mark.parametrize("command", ["up", "plan"])
def test_a_profile_whose_file_was_renamed_is_told_its_name(demo: Kubeup, command: str) -> None:
    demo.profile("other", FIRST, SECOND)
    status, told = type_(demo, f"{command} PROFILE", "other.yaml")
    assert status == 1
    for node, host in (("node3", FIRST), ("node4", SECOND)):
        assert (
            f"{node}: it is part of the cluster demo, which kubeup built [other-cluster]\n    fix: write name: demo "
            "into the profile, if it is that cluster's and its file was renamed; or take the node out there first: "
            f"kubeup down --limit {host} with the profile of demo\n"
        ) in told
    assert "2 problems before the start" in told, "what else is another cluster's is no news"
