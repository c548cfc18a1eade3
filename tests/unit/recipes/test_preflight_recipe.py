"""docs/contributing.md, "Add a fact" and "Add a preflight check", followed to the letter, one upon the other."""

from __future__ import annotations

import pytest

from tests.support.checkout import Checkout
from tests.support.recipe import blocks

SECTIONS = ("Add a fact", "Add a preflight check")
LOAD = """
from kubeup.model.facts import read
from kubeup.model.facts.answer import parse_lines
print(read(parse_lines("load\\t9.13 4.02 1.00 3/456 789", {})).load, read(parse_lines("", {})).load)
"""
WAIVE = """
import sys
from kubeup import profile
from kubeup.model.errors import ProfileError
try:
    profile.load_text("nodes: [root@192.168.200.13]\\nroles: ai\\nwaive: [" + sys.argv[1] + "]\\n", "p.yaml")
    print("taken")
except ProfileError as error:
    print(*error.evidence)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    copy = Checkout.copied_to(tmp_path_factory.mktemp("checkout"))
    for section in SECTIONS:
        for block in blocks(section):
            copy.insert_after(block.path, block.behind, block.text)
    (copy.root / "docs/preflight.md").write_text(copy.python("docs/preflight.py").stdout)
    return copy


def test_a_fact_is_one_pair_of_files_and_a_check_a_function_a_line_and_a_row() -> None:
    assert [block.path for block in blocks("Add a fact")] == [
        "kubeup/model/facts/hardware.sh",
        "kubeup/model/facts/hardware.py",
        "kubeup/model/facts/hardware.py",
    ]
    assert [block.path for block in blocks("Add a preflight check")] == [
        "kubeup/preflight/machine.py",
        "kubeup/preflight/__init__.py",
        "kubeup/model/preflight_ids.py",
        "tests/unit/preflight/test_preflight.py",
    ]


def test_the_new_fact_is_read(copy: Checkout) -> None:
    assert copy.python("-c", LOAD).stdout == "9.13 0.0\n"


def test_the_new_id_can_be_waived_and_a_typo_in_it_is_told(copy: Checkout) -> None:
    assert copy.python("-c", WAIVE, "busy-machine").stdout == "taken\n"
    assert "did you mean `busy-machine`" in copy.python("-c", WAIVE, "busy-machin").stdout


def test_the_page_tells_of_it(copy: Checkout) -> None:
    page = (copy.root / "docs/preflight.md").read_text()
    assert "| `busy-machine` | Far more wants to run on the node than its processors can | error | yes |" in page


def test_the_checkout_holds_its_own_rules_with_both(copy: Checkout) -> None:
    """Each call asserts that what it runs ends well."""
    copy.pytest("tests/unit/model", "tests/unit/preflight", "tests/unit/test_imports.py")
    copy.python("docs/structure.py", "--check")


@pytest.mark.parametrize("forgotten", [".sh", ".py"])
def test_a_fact_that_is_asked_and_not_read_or_read_and_not_asked_is_found(
    forgotten: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    half = Checkout.copied_to(tmp_path_factory.mktemp("half"))
    for block in blocks("Add a fact"):
        if not block.path.endswith(forgotten):
            half.insert_after(block.path, block.behind, block.text)
    with pytest.raises(AssertionError, match="every_line_that_a_family_asks_for_is_read"):
        half.pytest("tests/unit/model")
