"""``make outside`` says in words what it lacks, before it begins."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import outside
from tests.outside import PARTS, Part
from tests.world.conftest import World


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


def collected(*words: str) -> str:
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/lab/test_outside.py", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120).stdout


def test_each_part_has_tests_of_its_name_and_they_run_only_where_they_are_named() -> None:
    named = [line.partition("::")[2] for line in collected("-m", "outside").splitlines() if "::" in line]
    assert [part.name for part in PARTS if not any(part.name in test for test in named)] == []
    assert "::" not in collected("-m", "not soak")
