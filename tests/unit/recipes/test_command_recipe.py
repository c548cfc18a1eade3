"""docs/contributing.md, "Add a command", followed to the letter."""

from __future__ import annotations

import pytest

from tests.support.checkout import Checkout
from tests.support.recipe import blocks, followed


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return followed("Add a command", tmp_path_factory.mktemp("checkout"))


def test_the_new_command_has_help_and_is_listed(copy: Checkout) -> None:
    assert "Say which nodes a profile has." in copy.kubeup("nodes", "--help").stdout
    assert "  nodes     Say which nodes a profile has." in copy.kubeup("--help").stdout


def test_the_new_command_does_what_it_says(copy: Checkout) -> None:
    assert copy.kubeup("nodes", "profiles/ai-i.yaml").stdout.split() == ["192.168.200.13", "192.168.200.14"]
    assert copy.kubeup("nodes", "profiles/ai-i.yaml", "-o", "json").stdout == '["192.168.200.13", "192.168.200.14"]\n'


def test_the_checkout_holds_its_own_rules_with_it(copy: Checkout) -> None:
    """Each call asserts that what it runs ends well."""
    copy.pytest("tests/unit/test_imports.py", "tests/unit/cli/test_table.py")
    copy.python("docs/structure.py", "--check")


def test_a_recipe_says_where_its_code_goes() -> None:
    assert [block.path for block in blocks("Add a command")] == [
        "kubeup/report/nodes.py",
        "kubeup/cli/nodes.py",
        "kubeup/cli/table.py",
    ]
