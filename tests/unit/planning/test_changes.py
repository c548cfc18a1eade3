"""docs/changes.md says what a changed key does to a living cluster: made by really planning it, and up to date."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from kubeup.model.founding import FOUNDING
from kubeup.profile import keys

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/changes.md").read_text()
ROWS = {row[0]: row[1:] for row in re.findall(r"^\| `([\w.-]+)` \| `(.*)` \| (.*) \|$", PAGE, re.MULTILINE)}


def test_the_page_is_what_planning_says_today() -> None:
    page = runpy.run_path(str(ROOT / "docs/changes.py"))["page"]()
    assert page == PAGE, "run: python docs/changes.py >docs/changes.md"


def test_every_key_of_a_profile_has_its_row() -> None:
    assert ROWS.keys() == {path for path, row in keys.by_path().items() if path not in row.also}


OF_NODES = ("roles", "nodes.name")


@pytest.mark.parametrize("key", ["name", "runtime", *OF_NODES, *(one.word for one in FOUNDING)])
def test_what_a_cluster_keeps_is_refused(key: str) -> None:
    assert ROWS[key][1].startswith("refused: ")


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("kubelet.config", "restart of kubelet"),
        ("nodes.address", "restart of flannel, kubelet, kube-proxy"),
        ("etcd.flags", "restart of etcd"),
        ("flannel_backend", "restart of flannel"),
        ("sources", "nothing"),
        ("ssh.user", "nothing"),
        ("registry_mirrors", "files change, and nothing restarts"),
    ],
)
def test_what_may_change_says_what_restarts(key: str, what: str) -> None:
    assert ROWS[key][1] == what
