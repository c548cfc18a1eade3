"""docs/tested.md has a row for all that kubeup takes by itself, and a date in each or "never run"."""

from __future__ import annotations

import re

from kubeup import components
from kubeup.planning.resolve import UNTRIED_DOCKER
from kubeup.release.kubernetes import MINORS
from tests.support.docs import ROOT

PAGE = (ROOT / "docs/tested.md").read_text()
SITES = (ROOT / "docs/release.md").read_text()
HOSTS = re.findall(r"^\| `([a-z0-9-]+(?:\.[a-z0-9-]+)+)`.*\| .* \|", SITES, re.MULTILINE)
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.split("\n") if line.startswith("| ")]
TRIED = [row for row in ROWS if row[0] != "what"]


def has(what: str) -> bool:
    return any(row[0].replace("`", "").startswith(what) for row in TRIED)


def test_every_row_says_when_or_that_nobody_did() -> None:
    assert len(TRIED) > 30
    assert [row for row in TRIED if len(row) != 4] == []
    assert [row for row in TRIED if not re.fullmatch(r"\d{4}-\d\d-\d\d|never run", row[2])] == []
    # A run is on something; what nobody ran is on nothing.
    assert [row for row in TRIED if row[2] == "never run" and row[3]] == []


def test_every_program_that_kubeup_takes_by_itself_has_a_row() -> None:
    programs = components.programs()
    assert len(programs) > 15
    assert [name for name, one in programs.items() if not has(f"{name} {one.version}")] == []


def test_every_minor_architecture_and_site_has_a_row() -> None:
    assert [minor for minor in MINORS if not has(f"Kubernetes {minor}")] == []
    assert [arch for arch in ("amd64", "arm64") if not has(arch)] == []
    assert len(HOSTS) > 6
    assert [host for host in HOSTS if not has(host)] == []


def test_the_first_docker_that_kubeup_does_not_choose_by_itself_is_one_that_nobody_ran() -> None:
    dockers = {row[0].split()[1]: row[2] for row in TRIED if row[0].startswith("Docker ")}
    assert dockers[str(UNTRIED_DOCKER[0])] == "never run"
    assert any(row[0].startswith(f"Docker {UNTRIED_DOCKER[0] - 1} ") and row[2] != "never run" for row in TRIED)
