"""Every flag and configuration key that kubeup itself writes: it goes by it, joins it, follows or frees it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from ruamel.yaml import YAML

from kubeup import components, profile
from kubeup.components.base import Component
from kubeup.model.cluster import Cluster, Node, Versions
from kubeup.model.errors import ProfileError
from kubeup.planning.data import folder
from tests.support.plans import BOTH, desired, docker_cluster, two_nodes

TEMPLATES = folder("templates")
WITH_FLAGS = [part for part in components.ALL if part.takes_flags]
WITH_CONFIG = [part for part in components.ALL if part.takes_config]
NODES = "nodes: [{address: 10.0.0.1, role: ai}]\n"
EVERY_KEY = {"apiVersion", "kind"}


def clusters() -> Iterator[Cluster]:
    """In which each component is somewhere, and each of its flags."""
    for versions in ({}, {"etcd": "3.5.33", "kubernetes": "1.33.9"}):
        node = Node("10.0.0.1", BOTH, name="one", address="10.0.0.1")
        yield two_nodes(nodes=(node,), versions=Versions(versions))
        yield docker_cluster()


def flags_written(part: Component) -> set[str]:
    """By the files that nodes get."""
    found: set[str] = set()
    for cluster in clusters():
        for node in cluster.nodes:
            for file in desired(cluster, node).files:
                if file.path == part.defaults_path:
                    found |= set(re.findall("^--([^=]+)=", (file.content or b"").decode(), re.MULTILINE))
    return found


def keys_written(part: Component) -> set[str]:
    """By the templates, whatever they hang on."""
    found: set[str] = set()
    for template in part.templates:
        if template.config:
            text = re.sub("{%.*?%}", "", (TEMPLATES / template.name).read_text())
            found |= set(leaves(YAML(typ="safe").load(re.sub("{{.*?}}", "x", text))))
    return found - EVERY_KEY


def leaves(value: object, path: str = "") -> Iterator[str]:
    if not isinstance(value, dict):
        yield path
        return
    for key, item in value.items():
        yield from leaves(item, f"{path}.{key}" if path else key)


def classes(part: Component, name: str) -> list[str]:
    """Each of which the name, or what stands above it, is in."""
    settings = part.settings
    every = {
        "owned": {*settings.flags, *settings.config},
        "joined": set(settings.joined),
        "followed": set(settings.followed),
        "free": set(settings.free),
    }
    return [word for word, names in every.items() if any(name == one or name.startswith(f"{one}.") for one in names)]


@pytest.mark.parametrize("part", WITH_FLAGS, ids=lambda part: part.name)
def test_it_is_known_of_every_flag_that_kubeup_writes_whether_a_profile_may_say_it(part: Component) -> None:
    written = flags_written(part)
    assert written, "no cluster of this test has it"
    assert {name: classes(part, name) for name in written if len(classes(part, name)) != 1} == {}


@pytest.mark.parametrize("part", WITH_CONFIG, ids=lambda part: part.name)
def test_it_is_known_of_every_key_that_kubeup_writes_whether_a_profile_may_say_it(part: Component) -> None:
    written = keys_written(part)
    assert written
    assert {name: classes(part, name) for name in written if len(classes(part, name)) != 1} == {}


def told(text: str) -> str:
    """What is said of a profile; empty where it loads."""
    try:
        profile.load_text(NODES + text, "p.yaml")
    except ProfileError as error:
        return "\n".join(error.evidence)
    return ""


@pytest.mark.parametrize("part", WITH_FLAGS, ids=lambda part: part.name)
def test_a_flag_that_kubeup_goes_by_is_refused_where_it_stands(part: Component) -> None:
    word = part.name.replace("-", "_")
    for name, owned in part.settings.flags.items():
        lines = told(f"{word}: {{flags: {{{name}: elsewhere}}}}\n")
        assert lines.startswith(f"p.yaml:2:{len(word) + 12}: `{name}` of {part.name} cannot be said here"), lines
        for value in owned.bears:
            assert not told(f"{word}: {{flags: {{{name}: '{value}'}}}}\n")


@pytest.mark.parametrize("part", WITH_CONFIG, ids=lambda part: part.name)
def test_a_key_that_kubeup_goes_by_is_refused_however_it_is_said(part: Component) -> None:
    word = part.name.replace("-", "_")
    for name, owned in part.settings.config.items():
        *above, last = name.split(".")
        before, behind = "".join(f"{one}: {{" for one in above), "}" * len(above)
        assert f"`{name}` of {part.name}" in told(f"{word}: {{config: {{{before}{last}: elsewhere{behind}}}}}\n")
        if above:
            assert f"`{name}` of {part.name}" in told(f"{word}: {{config: {{{above[0]}: null}}}}\n")
        for value in owned.bears:
            assert not told(f"{word}: {{config: {{{before}{last}: '{value}'{behind}}}}}\n")


@pytest.mark.parametrize("part", [*WITH_FLAGS, *WITH_CONFIG], ids=lambda part: part.name)
def test_what_is_free_may_be_said(part: Component) -> None:
    section = {True: "flags", False: "config"}
    word = part.name.replace("-", "_")
    for name in (*part.settings.joined, *part.settings.followed, *part.settings.free):
        is_flag = name in flags_written(part) or "-" in name
        if "." not in name and not (is_flag and not part.takes_flags):
            assert not told(f"{word}: {{{section[is_flag]}: {{{name}: 1}}}}\n"), name


def test_a_flag_that_nothing_reads_beside_a_configuration_file_is_told() -> None:
    assert "say it in `config:`" in told("kube_proxy: {flags: {masquerade-all: true}}\n")
    assert not told("kube_proxy: {flags: {vmodule: proxier=4}}\n")
