"""``make outside`` says in words what it lacks, before it begins."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import outside
from tests.outside import PARTS, Part
from tests.world.conftest import World

TESTS = Path(__file__).parents[1] / "lab/test_outside.py"


@pytest.fixture(autouse=True)
def _in_the_world(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "no_proxy", "NO_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", world.proxy)
    monkeypatch.setenv("SSL_CERT_FILE", str(world.authority))


def test_sites_that_answer_are_not_missing_whatever_they_say() -> None:
    assert [reason for host in outside.FOR_ALL if (reason := outside.missing(host))] == []


def test_what_is_left_out_is_named_once_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    parts = (Part("x", "this", 5, ("dl.k8s.io", "nowhere.example")), Part("y", "that", 7, ("nowhere.example",)))
    assert outside.main(parts) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["make outside: 2 parts, 12 minutes at most where all of it can be had", "Missing here:"]
    assert said[2].startswith("  nowhere.example cannot be asked (")
    assert said[3:] == [
        "left out: this",
        "left out: that",
        "Nothing of it can be run here: it takes a machine that reaches upstream's sites. Nothing was changed.",
    ]


def test_each_part_has_tests_of_its_name() -> None:
    """A kind of nodes is a parameter of its tests; what needs no nodes has them by their names."""
    names = re.findall(r"^def (test_\w+)", TESTS.read_text(), re.MULTILINE)
    assert [
        part.name for part in PARTS if part.kind != part.name and not any(part.name in name for name in names)
    ] == []


def test_they_run_only_where_they_are_named() -> None:
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", str(TESTS), "-m", "not soak"]
    found = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120).stdout
    assert "::" not in found
    assert "deselected" in found
