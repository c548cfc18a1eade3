"""A control plane that is gone while its workers live: refused. One that is on its way, up or down: not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup.model.facts import Facts
from kubeup.model.founding import DOWN
from tests.support.living import HOSTS, LIVING, problems, said
from tests.support.machines import bare

FIRST, SECOND = LIVING[HOSTS[0]], LIVING[HOSTS[1]]
TOLD = (
    "node4: it is part of the cluster demo, whose certificate authorities are not on its control plane (node3) any "
    "more: new ones would cut it off, and an empty cluster would take its pods away [lost-authorities]\n    fix: put "
    "back what node3 had: the machine, its disk, or /etc/kubernetes/pki and /var/lib/etcd; or give the cluster up, "
    "with all its data: kubeup down, then kubeup up"
)


def found(first: Facts, second: Facts) -> list[str]:
    return problems(said(), {HOSTS[0]: first, HOSTS[1]: second})


def without(facts: Facts, *paths: str) -> Facts:
    kept = {path: one for path, one in facts.files.items() if not path.startswith(paths)}
    return replace(facts, files=kept)


def marked(facts: Facts) -> Facts:
    return replace(facts, record=replace(facts.record, meta={**facts.record.meta, DOWN: "begun"}))


def begun(facts: Facts) -> Facts:
    """A worker after the first level of a first `up`: its runtime is ready, it has no certificate yet."""
    owned = {path: one for path, one in facts.record.owned.items() if "/pki/" not in path}
    ready = {unit: read for unit, read in facts.record.ready.items() if unit == "kube-containerd.service"}
    units = {unit: before for unit, before in facts.record.units.items() if unit in ready}
    return replace(
        without(facts, "/etc/kubernetes"), record=replace(facts.record, owned=owned, ready=ready, units=units)
    )


def test_a_fresh_machine_as_the_only_control_plane_node_of_living_workers_is_refused_to_the_letter() -> None:
    assert found(bare(3), SECOND) == [TOLD]


def test_a_control_plane_that_lost_its_keys_and_not_its_data_is_refused() -> None:
    (told,) = found(without(FIRST, "/etc/kubernetes/pki"), SECOND)
    assert "[lost-authorities]\n    | so is node4\n" in told


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (bare(3), bare(4)),
        (FIRST, SECOND),
        (FIRST, bare(4)),
        (bare(3), begun(SECOND)),
        (begun(FIRST), begun(SECOND)),
        (bare(3), marked(SECOND)),
        (marked(without(FIRST, "/etc/kubernetes/pki")), marked(SECOND)),
        (marked(without(FIRST, "/etc/kubernetes/pki")), bare(4)),
    ],
    ids=[
        "nothing yet",
        "living",
        "a worker came anew",
        "a first up that has not come to the control plane",
        "a first up",
        "a down that the worker was not reached by",
        "a down in its middle",
        "a down that was slow on the control plane",
    ],
)
def test_whatever_an_up_or_a_down_leaves_that_broke_off_is_not(first: Facts, second: Facts) -> None:
    machines = [replace(one, kept_data=()) if one.record.meta.get(DOWN) else one for one in (first, second)]
    if first is not FIRST:
        machines = [replace(one, kept_data=()) for one in machines]
    assert [line for line in found(*machines) if "lost-authorities" in line] == []
