"""docs/contributing.md, "Add a component", followed to the letter."""

from __future__ import annotations

import json

import pytest

from tests.support.checkout import Checkout
from tests.support.recipe import blocks, followed

WISHED = """
import json
from pathlib import Path
from kubeup import profile
from dataclasses import replace
from kubeup.planning import inquiry, resolve
from tests.support.plans import BARE, desired, plan
said = profile.load(Path({path!r})).cluster
machines = {{node.host: replace(BARE, hostname=f"machine{{at}}") for at, node in enumerate(said.nodes)}}
cluster = resolve.resolve(said, machines)
found = {{}}
for node in cluster.nodes:
    wish = desired(cluster, node)
    found[node.host] = {{
        "units": [unit.name for unit in wish.units],
        "reads": [path for unit in wish.units if unit.component == "node-exporter" for path in unit.reads],
        "files": {{file.path: (file.content or b"").decode() for file in wish.files if "node-exporter" in file.path}},
        "binaries": {{binary.link: binary.version for binary in wish.binaries if "node_exporter" in binary.name}},
        "starts": [start.unit.name for start in plan(cluster, node).starts],
        "asked": inquiry.probe_request(said, node).units,
        "ports": inquiry.probe_request(said, node).ports,
    }}
print(json.dumps(found))
"""
UNIT, SETTINGS = "/etc/systemd/system/node-exporter.service", "/etc/default/node-exporter"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return followed("Add a component", tmp_path_factory.mktemp("checkout"))


def profile_with(copy: Checkout, name: str, more: str) -> str:
    ready = (copy.root / "profiles/ai-i.yaml").read_text()
    copy.write(name, f"{ready}\n{more}")
    return name


def test_a_recipe_is_one_file_one_template_and_one_line() -> None:
    assert [block.path for block in blocks("Add a component")] == [
        "kubeup/components/node_exporter.py",
        "templates/node-exporter.service",
        "kubeup/components/__init__.py",
    ]


def test_every_machine_of_a_ready_profile_gets_its_unit_settings_and_binary(copy: Checkout) -> None:
    found = json.loads(copy.python("-c", WISHED.format(path="profiles/ai-i.yaml")).stdout)
    assert found
    for wish in found.values():
        assert "node-exporter.service" in wish["units"]
        assert "node-exporter.service" in wish["starts"]
        assert set(wish["files"]) == {UNIT, SETTINGS}
        assert "$NODE_EXPORTER_OPTS" in wish["files"][UNIT]
        assert "--web.listen-address=127.0.0.1:9100" in wish["files"][SETTINGS]
        assert wish["binaries"] == {"/opt/kubeup/bin/node_exporter": "1.9.1"}
        assert {UNIT, SETTINGS, "/opt/kubeup/bin/node_exporter"} <= set(wish["reads"])
        assert "node-exporter.service" in wish["asked"]
        assert 9100 in wish["ports"]


def test_a_profile_chooses_its_version_and_its_flags(copy: Checkout) -> None:
    text = "versions: {node_exporter: 1.8.2}\nnode_exporter: {flags: {collector.disable-defaults: true}}\n"
    name = profile_with(copy, "other.yaml", text)
    for wish in json.loads(copy.python("-c", WISHED.format(path=name)).stdout).values():
        assert "--collector.disable-defaults=true" in wish["files"][SETTINGS]
        assert wish["binaries"] == {"/opt/kubeup/bin/node_exporter": "1.8.2"}


def test_its_binary_is_among_those_that_the_profile_needs(copy: Checkout) -> None:
    listed = copy.kubeup("release", "list", "profiles/ai-i.yaml").stdout
    assert any(line.split()[:2] == ["node_exporter", "1.9.1"] for line in listed.split("\n") if line)


def test_a_mistyped_key_is_answered_with_the_new_one(copy: Checkout) -> None:
    name = profile_with(copy, "wrong.yaml", "node_exportr: {flags: {v: 2}}\n")
    with pytest.raises(AssertionError, match="did you mean `node_exporter`"):
        copy.kubeup("release", "list", name)


def test_what_is_held_of_every_component_is_held_of_it(copy: Checkout) -> None:
    """No import upward, and a second up of the ready profile with it finds nothing to do."""
    copy.pytest("tests/unit/test_imports.py")
    done = copy.pytest("tests/unit/planning/test_second_up.py", "-k", "bare and names-addresses-1 and containerd")
    assert "passed" in done.stdout
