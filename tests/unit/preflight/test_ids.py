"""The ids that preflight gives its problems are the ones that are declared, and the page about them is up to date."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeup.model.preflight_ids import PREFLIGHT_IDS
from kubeup.preflight.problem import problem

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "kubeup/preflight"


def strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def given_ids(path: Path) -> Iterator[str]:
    """The first argument of each call of ``problem``, where it is written out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "problem":
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield str(first.value)


def test_every_id_that_a_check_gives_is_declared() -> None:
    given = {id_ for path in PACKAGE.glob("*.py") for id_ in given_ids(path)}
    assert len(given) > 20
    assert sorted(given - PREFLIGHT_IDS.keys()) == []


def test_every_declared_id_is_given_by_a_check() -> None:
    written = {text for path in PACKAGE.glob("*.py") for text in strings(path)}
    assert sorted(PREFLIGHT_IDS.keys() - written) == []


def test_a_problem_is_as_severe_as_its_id_is_declared_unless_the_check_says_otherwise() -> None:
    assert problem("swap", "one", "swap is on", "").severity == "error"
    assert problem("untested-os", "one", "never tried", "").severity == "warning"
    assert problem("docker-options", "one", "read by nobody", "", severity="warning").severity == "warning"


def test_an_id_that_nobody_declared_is_found_at_once() -> None:
    with pytest.raises(KeyError, match="swpa"):
        problem("swpa", "one", "swap is on", "")


def test_no_id_is_declared_twice_and_all_are_in_kebab_case() -> None:
    source = (ROOT / "kubeup/model/preflight_ids.py").read_text()
    assert source.count(" PreflightId(") == len(PREFLIGHT_IDS)
    assert [id_ for id_ in PREFLIGHT_IDS if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id_)] == []


def test_docs_preflight_md_is_made_from_the_list() -> None:
    page = runpy.run_path(str(ROOT / "docs/preflight.py"))["page"]()
    assert (ROOT / "docs/preflight.md").read_text() == page, "run: python docs/preflight.py >docs/preflight.md"
