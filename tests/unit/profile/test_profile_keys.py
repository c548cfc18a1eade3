"""The table of a profile's keys: each row is true of the loader, of the model and of the docs."""

from __future__ import annotations

import runpy
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from kubeup import profile
from kubeup.model.cluster import Cluster, Network, Node, Override, Proxy, Registries
from kubeup.model.errors import ProfileError
from kubeup.profile import keys
from kubeup.profile.keys.base import ProfileKey

ROOT = Path(__file__).parents[3]
NODES = {"nodes": "[root@192.168.200.13, root@192.168.200.14]", "roles": "ai i"}
PARTS: dict[str, type] = {
    "network": Network,
    "node": Node,
    "overrides": Override,
    "proxy": Proxy,
    "registries": Registries,
}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PATHS = list(keys.by_path())


def text(path: str, value: str) -> str:
    """A profile with one value, and what it needs around."""
    name, _, inside = path.partition(".")
    said = dict(NODES)
    if name == "nodes" and inside:
        host = "" if inside in ("host", "address") else "host: 192.168.200.13, "
        role = "" if inside == "role" else ", role: ai"
        said = {"nodes": f"[{{{host}{inside}: {value}{role}}}]"}
    else:
        said[name] = f"{{{inside}: {value}}}" if inside else value
    return "".join(f"{key}: {one}\n" for key, one in said.items())


def wrong(text: str, folder: Path) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        profile.load_text(text, "profile.yaml", folder)
    return list(caught.value.evidence)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the files that examples name."""
    (tmp_path / "ca.pem").write_text(PEM)
    (tmp_path / "login.txt").write_text("me:word\n")
    return tmp_path


@pytest.mark.parametrize("path", PATHS)
def test_the_example_of_every_key_loads_without_a_problem(path: str, folder: Path) -> None:
    key = keys.by_path()[path]
    assert profile.load_text(text(path, key.example), "profile.yaml", folder).warnings == ()


@pytest.mark.parametrize("path", [path for path, key in keys.by_path().items() if key.form.kind])
def test_a_value_of_another_kind_is_answered_with_the_keys_own_example(path: str, folder: Path) -> None:
    key = keys.by_path()[path]
    other = "[[a]]" if key.form.kind != "list" else "{a: b}"
    if path in ("nodes.address", "nodes.host"):
        other = "{a: b}"
    assert [one for one in wrong(text(path, other), folder) if one.endswith(f"write it like this: {key.line}")]


def test_a_wrong_domain_is_answered_with_a_domain(folder: Path) -> None:
    (told,) = wrong(text("dns_domain", "-.example"), folder)
    assert told.endswith("e.g. k8s.example.com")


@pytest.mark.parametrize("key", keys.ALL, ids=lambda key: key.name)
def test_a_mistyped_key_is_told_with_the_one_that_was_meant(key: ProfileKey, folder: Path) -> None:
    told = wrong(text(f"{key.name}_", "x"), folder)
    assert [one for one in told if f"unknown key `{key.name}_`" in one and f"did you mean `{key.name}`?" in one]


def field_of(goes: str) -> Field[Any]:
    part, _, name = goes.rpartition(".")
    if part in ("overrides", "versions"):
        return field_of(part)
    return next(one for one in fields(PARTS[part] if part else Cluster) if one.name == name)


@pytest.mark.parametrize("path", PATHS)
def test_every_key_goes_to_a_field_of_the_model(path: str) -> None:
    key = keys.by_path()[path]
    if key.goes and key.name not in ("config", "flags"):
        assert field_of(key.goes)


@pytest.mark.parametrize("path", [path for path, key in keys.by_path().items() if key.default])
def test_a_default_is_what_the_profile_would_have_said(path: str, folder: Path) -> None:
    """And a Cluster that no profile made has the same."""
    key = keys.by_path()[path]
    silent = profile.load_text(text("roles", NODES["roles"]), "profile.yaml", folder).cluster
    assert profile.load_text(text(path, key.default), "profile.yaml", folder).cluster == silent
    if key.goes and field_of(key.goes).default is not MISSING:
        part, _, name = key.goes.rpartition(".")
        assert getattr(getattr(silent, part) if part else silent, name) == field_of(key.goes).default


def test_of_keys_that_become_the_same_field_none_has_a_default() -> None:
    """It would undo what the earlier one said."""
    rows = [key for path, key in keys.by_path().items() if "-" not in path and key.goes]
    shared = [one for one in rows if any(other is not one and other.goes == one.goes for other in rows)]
    assert {one.goes for one in shared} >= {"ssh_config"}
    assert not [one.name for one in shared if one.default]


def test_docs_profile_md_is_made_from_the_table() -> None:
    page = runpy.run_path(str(ROOT / "docs/profile.py"))["page"]()
    assert (ROOT / "docs/profile.md").read_text() == page, "run: python docs/profile.py >docs/profile.md"


def test_a_waived_problem_that_does_not_exist_is_told_with_the_one_that_was_meant(folder: Path) -> None:
    (told,) = wrong(text("waive", "[swp]"), folder)
    assert "unknown preflight problem `swp`" in told
    assert "did you mean `swap`?" in told


def test_a_profile_that_does_not_load_names_the_command_that_lists_all_keys(folder: Path) -> None:
    with pytest.raises(ProfileError) as caught:
        profile.load_text(text("flanel_net", "x"), "profile.yaml", folder)
    assert caught.value.fix == "kubeup profile keys"
