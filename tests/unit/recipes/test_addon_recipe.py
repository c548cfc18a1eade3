"""docs/contributing.md, "Add an addon", followed to the letter."""

from __future__ import annotations

import json

import pytest

from tests.support.checkout import Checkout
from tests.support.recipe import blocks, followed

PROFILE = "nodes: [root@10.0.0.1, root@10.0.0.2]\nroles: ai i\n"
LISTED = """
from kubeup import profile
from kubeup.image_store.required import required_images
from kubeup.report import addons
cluster = profile.load_text({text!r}, "p.yaml").cluster
print(addons.as_json(cluster, {{}}))
"""
IMAGES = LISTED.replace("addons.as_json(cluster, {{}})", "*(one.name for one in required_images(cluster))")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return followed("Add an addon", tmp_path_factory.mktemp("checkout"))


def test_a_recipe_is_one_file_one_template_and_one_line() -> None:
    assert [block.path for block in blocks("Add an addon")] == [
        "kubeup/addons/state_metrics.py",
        "templates/addons/state-metrics.yaml",
        "kubeup/addons/__init__.py",
    ]


def test_the_new_addon_is_listed_with_its_version(copy: Checkout) -> None:
    text = PROFILE + "addons: [dns, state-metrics]\n"
    listed = json.loads(copy.python("-c", LISTED.format(text=text)).stdout)["addons"]
    (found,) = [one for one in listed if one["name"] == "state-metrics"]
    assert (found["available"], found["asked"]) == ("2.15.0", "profile")
    assert "state-metrics" in copy.kubeup("addons", "--help").stdout


def test_its_image_is_brought_in_the_version_that_the_profile_says(copy: Checkout) -> None:
    text = PROFILE + "addons: [state-metrics]\nversions: {kube_state_metrics: 2.14.0}\n"
    images = copy.python("-c", IMAGES.format(text=text)).stdout
    assert "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.14.0" in images.split()


def test_a_profile_that_calls_it_otherwise_is_told_its_name(copy: Checkout) -> None:
    copy.write("wrong.yaml", PROFILE + "addons: [kube-state-metrics]\n")
    with pytest.raises(AssertionError, match="write `state-metrics`"):
        copy.kubeup("release", "list", "wrong.yaml")


def test_what_is_held_of_every_addon_is_held_of_it(copy: Checkout) -> None:
    """It renders to labelled objects in the inventory, runs the images that are brought, and the docs tell of it."""
    copy.python("docs/addons.py")
    assert "| `state-metrics` | figures about objects, for Prometheus |" in (copy.root / "docs/addons.md").read_text()
    copy.python("-c", "import runpy; open('docs/profile.md', 'w').write(runpy.run_path('docs/profile.py')['page']())")
    chosen = "state-metrics or inventory or namespace or values or table or profile_md"
    done = copy.pytest("tests/unit/addons/test_addons.py", "tests/unit/profile/test_profile_keys.py", "-k", chosen)
    assert "passed" in done.stdout
    copy.pytest("tests/unit/test_imports.py")
