"""A node that a kubeup of before built: its record is understood, brought up to today's format, and undone.

records/format_1 is the record that such a kubeup wrote in a sandbox for ``of_before``, where /etc/default/thing was the
user's. Whoever changes the format keeps a record of the one that ends beside it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.model.facts.record import FORMAT, PATH
from kubeup.model.resources import Desired, ProbeRequest, SideEffect
from kubeup.node.wire.payload import level_payload
from tests.support.sandbox import Sandbox
from tests.support.sandbox_runs import done, down, plan, up, wish

RECORDS = Path(__file__).with_name("records")
DEEP = '"$KUBEUP_ROOT/run/thing/deep"'


def of_before(content: str = "flag=1\n") -> Desired:
    return replace(
        wish(content, action=f"mkdir -p {DEEP}", check=f"test -d {DEEP}"),
        side_effects=(
            SideEffect("tree", "/run/thing"),
            SideEffect("sysctl", "net/thing", "1"),
            SideEffect("tree", "/var/lib/thing-cache"),
        ),
        meta=(("cluster", "demo"), ("roles", "control-plane,worker"), ("name", "one")),
    )


@pytest.fixture
def before(sandbox: Sandbox) -> dict[str, tuple[int, str]]:
    sandbox.write("/etc/default/thing", "mine=yes\n", 0o640)
    sandbox.write("/proc/sys/net/thing", "0\n")
    return sandbox.tree()


@pytest.fixture
def built(sandbox: Sandbox, before: dict[str, tuple[int, str]], tmp_path: Path) -> Sandbox:
    """What today's kubeup puts there is what that of before did, but for the record."""
    assert done(up(sandbox, of_before(), tmp_path))
    sandbox.write("/proc/sys/net/thing", "1\n")
    (sandbox.root / "var/lib/thing-cache").mkdir()
    sandbox.write(PATH, (RECORDS / "format_1").read_text(), 0o600)
    return sandbox


def lines(box: Sandbox) -> list[list[str]]:
    return [line.split("\t") for line in box.read(PATH).splitlines()]


def test_a_record_of_before_says_the_same(built: Sandbox) -> None:
    record = built.probe(ProbeRequest()).record
    assert (record.format, record.generation, record.cluster) == (1, 2, "demo")
    assert record.meta["roles"] == "control-plane,worker"
    assert record.side_effects == {
        ("tree", "/run/thing"): "no=>-",
        ("sysctl", "net/thing"): "0=>1",
        ("tree", "/var/lib/thing-cache"): "no=>-",
    }
    assert record.owned["/etc/default/thing"].had_original
    assert record.did("act")


def test_an_up_on_it_has_nothing_to_do(built: Sandbox) -> None:
    found, _ = plan(built, of_before())
    assert found.empty, found.steps


def test_a_change_is_just_that_and_brings_the_record_up(built: Sandbox, tmp_path: Path) -> None:
    found, _ = plan(built, of_before("flag=2\n"))
    assert [put.file.path for put in found.files] == ["/etc/default/thing"]
    assert [start.why for start in found.starts] == [("/etc/default/thing changes",)]
    assert done(up(built, of_before("flag=2\n"), tmp_path))
    assert ["meta", "format", str(FORMAT)] in lines(built)
    assert not [line for line in lines(built) if line[0] == "trace"]
    record = built.probe(ProbeRequest()).record
    assert (record.format, record.meta["roles"]) == (FORMAT, "control-plane,worker")
    assert record.side_effects["sysctl", "net/thing"] == "0=>1"
    assert plan(built, of_before("flag=2\n"))[0].empty


@pytest.mark.parametrize("changed_first", [False, True])
def test_down_undoes_all_of_it(
    built: Sandbox, before: dict[str, tuple[int, str]], tmp_path: Path, changed_first: bool
) -> None:
    if changed_first:
        assert done(up(built, of_before("flag=2\n"), tmp_path))
    assert done(down(built))
    (built.root / "undone").unlink()
    assert built.tree() == before


def test_a_plan_that_is_refused_leaves_the_record_as_it_is(built: Sandbox) -> None:
    found, _ = plan(built, of_before("flag=2\n"))
    refused = built.carry_out(level_payload(found.levels[0], 1, 2, "bob@desk", {}))
    assert any("changed meanwhile by ann@laptop" in line for line in refused)
    assert built.read(PATH) == (RECORDS / "format_1").read_text().replace("\n\n", "\n")


def test_a_record_of_a_kubeup_to_come_is_not_touched(built: Sandbox, tmp_path: Path) -> None:
    text = built.read(PATH) + "meta\tformat\t3\n"
    built.write(PATH, text, 0o600)
    assert f"failed\ta newer kubeup wrote the record (format 3, here {FORMAT}): use that one" in down(built)
    assert built.read(PATH) == text
