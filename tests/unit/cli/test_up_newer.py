"""``kubeup up`` of a living cluster by another version of kubeup than the last one: it is asked before nodes change."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup import profile
from kubeup.planning import resolve
from tests.support.machines import bare, built_nodes, fill_cache
from tests.support.recorded import Kubeup, RecordedNode
from tests.unit.cli.conftest import FIRST, SECOND

WHAT = "kubeup 0.0.9 -> 0.1.0 changes 1 of 2 nodes, also where the profile is as before"


@pytest.fixture
def older(kubeup: Kubeup) -> Kubeup:
    """A cluster that kubeup 0.0.9 built; on node4 there is something to do."""
    kubeup.nodes |= {host: RecordedNode(bare(number)) for number, host in ((3, FIRST), (4, SECOND))}
    path = kubeup.profile("demo", FIRST, SECOND)
    facts = {host: node.facts for host, node in kubeup.nodes.items()}
    cluster = resolve.resolve(profile.load(path).cluster, facts)
    found = fill_cache(cluster, facts, kubeup.home / "cache")
    kubeup.nodes |= built_nodes(cluster, facts, found, datetime.datetime.now(datetime.timezone.utc))
    for host, node in kubeup.nodes.items():
        record = node.facts.record
        ready = {} if host == SECOND else record.ready
        changed = replace(record, meta={**record.meta, "kubeup": "0.0.9"}, ready=ready)
        node.facts = replace(node.facts, record=changed)
    return kubeup


def test_without_a_terminal_it_takes_yes(older: Kubeup) -> None:
    done = older("up", "demo.yaml", "--no-validate")
    assert done.exit_code == 2, done.output
    assert f"{WHAT}, and there is nobody to ask; nothing was touched" in done.stderr
    assert "fix: kubeup plan shows how; kubeup up --yes does it" in done.stderr
    assert not older.touched
    done = older("up", "demo.yaml", "--no-validate", "--yes")
    assert done.exit_code == 0, done.output
    assert older.touched == {SECOND}


@pytest.mark.parametrize(("typed", "status", "touched"), [("y", 0, {SECOND}), ("n", 1, set()), ("", 1, set())])
def test_at_a_terminal_it_asks(
    older: Kubeup, monkeypatch: pytest.MonkeyPatch, typed: str, status: int, touched: set[str]
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    done = older("up", "demo.yaml", "--no-validate", typed=f"{typed}\n")
    assert f"{WHAT} (kubeup plan shows how). Go on?" in done.stderr
    assert done.exit_code == status, done.output
    assert older.touched == touched


def test_a_plan_says_it_first_of_all(older: Kubeup) -> None:
    done = older("plan", "demo.yaml")
    assert done.exit_code == 0
    assert done.stdout.startswith("kubeup 0.0.9 -> 0.1.0: what of this the profile did not ask for comes with it\n")
    assert json.loads(older("plan", "demo.yaml", "-o", "json").stdout)["kubeup"] == "0.0.9 -> 0.1.0"


def test_where_it_changes_nothing_nobody_is_asked(older: Kubeup) -> None:
    done = older("up", "demo.yaml", "--no-validate", "--limit", "node3")
    assert done.exit_code == 0, done.output
    assert not older.touched
    assert Path("demo.yaml").exists()
