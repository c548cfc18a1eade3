"""``kubeup profile keys``: the help that an installed kubeup has of a profile's keys."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from kubeup.cli.main import main
from kubeup.model.preflight_ids import PREFLIGHT_IDS
from kubeup.profile import keys


def said(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["profile", "keys", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_key_is_listed_with_its_default() -> None:
    told = said()
    for key in keys.ALL:
        assert f"  {key.name} " in told
    assert "the cluster's domain (default: cluster.local)" in told


@pytest.mark.parametrize("name", list(keys.by_path()))
def test_each_key_is_explained_with_an_example(name: str) -> None:
    told = said(name)
    assert f"example: {keys.by_path()[name].line}" in told
    for inside in keys.by_path()[name].keys:
        assert f"  {inside.name} " in told


def test_a_script_gets_the_same_keys() -> None:
    told = json.loads(said("-o", "json"))
    assert [one["name"] for one in told["keys"]] == [key.name for key in keys.ALL]
    assert json.loads(said("runtime", "-o", "json"))["choices"] == ["docker", "containerd"]


def test_a_mistyped_key_is_refused_with_the_command_for_the_one_that_was_meant() -> None:
    done = CliRunner().invoke(main, ["profile", "keys", "flanel_net"])
    assert done.exit_code == 2
    assert "kubeup profile keys flannel_net" in done.stderr


def test_what_may_be_waived_is_listed() -> None:
    told = said("waive")
    assert not [one for one in PREFLIGHT_IDS if one not in told]
