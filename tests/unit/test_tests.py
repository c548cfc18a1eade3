"""The tests' own rules."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))
# Beside rooms of kubeup: rules over the whole of it, and recipes that go through several.
OF_NO_ROOM = {"test_docs.py", "test_imports.py", "test_tested.py", "test_tests.py"}
RECIPES = Path("recipes")


def imported(path: Path) -> list[str]:
    """All modules and names that a file imports, wherever in it, as dotted names."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(TESTS)) for path in FILES])
def test_no_test_is_imported_by_another(path: Path) -> None:
    """What several use stands in tests/support, or beside the tests of one layer under a name of its own."""
    assert not [name for name in imported(path) if any(part.startswith("test_") for part in name.split("."))]


def test_support_leans_on_no_layer_of_tests() -> None:
    layers = ("tests.unit", "tests.sandbox", "tests.ssh", "tests.lab")
    support = sorted((TESTS / "support").glob("*.py"))
    assert len(support) > 5
    assert not {path.name: found for path in support if (found := [n for n in imported(path) if n.startswith(layers)])}


def test_unit_tests_stand_in_the_rooms_of_what_they_test() -> None:
    """tests/unit/planning/test_render.py speaks of kubeup/planning."""
    kubeup = TESTS.parent / "kubeup"
    tests = sorted((TESTS / "unit").rglob("test_*.py"))
    rooms = {path: path.parent.relative_to(TESTS / "unit") for path in tests if path.name not in OF_NO_ROOM}
    assert not [
        str(path)
        for path, room in rooms.items()
        if room != RECIPES and (room == Path() or not (kubeup / room).is_dir())
    ]


def test_every_test_asserts_or_says_how() -> None:
    """Where a helper or a wait asserts, the docstring says so: a reader should not have to look for it."""
    silent = [
        f"{path.relative_to(TESTS)}: {node.name}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if not ast.get_docstring(node) and not any(map(asserts, ast.walk(node)))
    ]
    assert not silent


def asserts(node: ast.AST) -> bool:
    """An assert statement, pytest.raises, pytest.fail."""
    return isinstance(node, ast.Assert) or (isinstance(node, ast.Attribute) and node.attr in ("raises", "fail"))
