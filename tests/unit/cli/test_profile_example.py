"""``kubeup profile example``: an installed kubeup has no checkout beside it to copy a profile from."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeup import profile
from tests.support.recorded import Kubeup

READY = sorted(path.stem for path in (Path(__file__).parents[3] / "profiles").glob("*.yaml"))


def test_the_one_that_is_printed_is_the_readme_s(kubeup: Kubeup) -> None:
    done = kubeup("profile", "example")
    assert done.exit_code == 0
    assert "roles: ai i" in done.stdout
    assert len(profile.load_text(done.stdout, "profile.yaml").cluster.nodes) == 2


@pytest.mark.parametrize("name", READY)
def test_every_ready_one_can_be_had(kubeup: Kubeup, name: str) -> None:
    assert profile.load_text(kubeup("profile", "example", name).stdout, f"{name}.yaml").cluster.control_plane


def test_the_names_are_told(kubeup: Kubeup) -> None:
    done = kubeup("profile", "example", "large")
    assert done.exit_code == 2
    assert f"take one of: {', '.join(READY)}" in done.stderr.replace("\n", " ")


def test_errors_name_it_where_there_is_no_profile(kubeup: Kubeup) -> None:
    for words in (["plan"], ["plan", "mine.yaml"]):
        done = kubeup(*words)
        assert done.exit_code == 2
        assert "kubeup profile example >" in done.stderr
