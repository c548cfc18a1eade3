"""docs/contributing.md, "Add a profile key", followed to the letter."""

from __future__ import annotations

import pytest

from tests.support.checkout import Checkout
from tests.support.recipe import blocks

NODES = "nodes: [root@192.168.200.13]\nroles: ai\n"
ASK = """
import sys
from kubeup import profile
from kubeup.model.errors import ProfileError
try:
    print(profile.load_text(sys.argv[1], "p.yaml").cluster.log_level)
except ProfileError as error:
    print(*error.evidence)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    copy = Checkout.copied_to(tmp_path_factory.mktemp("checkout"))
    for block in blocks("Add a profile key"):
        copy.insert_after(block.path, block.behind, block.text)
    return copy


def test_the_recipe_is_one_row_and_one_field() -> None:
    assert [block.path for block in blocks("Add a profile key")] == [
        "kubeup/profile/keys/cluster.py",
        "kubeup/model/cluster.py",
    ]


def asked(copy: Checkout, line: str) -> str:
    """What a profile with this line gives: the cluster's log_level, or what is wrong."""
    return copy.python("-c", ASK, f"{NODES}{line}\n").stdout


def test_the_new_key_is_read_and_has_its_default(copy: Checkout) -> None:
    assert asked(copy, "") == "2\n"
    assert asked(copy, "log_level: 4") == "4\n"


def test_a_typo_in_it_or_a_wrong_value_is_told_with_what_to_write(copy: Checkout) -> None:
    assert "did you mean `log_level`" in asked(copy, "log_levle: 4")
    told = asked(copy, "log_level: loud")
    assert "`loud` is not a number from 0 to 10" in told
    assert "e.g. 4" in told


def test_the_command_and_the_page_tell_of_it(copy: Checkout) -> None:
    assert "default: 2" in copy.kubeup("profile", "keys", "log_level").stdout
    page = copy.python("docs/profile.py").stdout
    assert "| `log_level` | a number from 0 to 10 | how much the components write into their logs | `2` |" in page
    (copy.root / "docs/profile.md").write_text(page)
    copy.pytest("tests/unit/profile/test_profile_keys.py", "tests/unit/cli/test_profile_keys.py")
