"""--limit: by the name of a node, by what SSH dials, or by both and the port."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup.commands.limit import is_chosen, refuse_unknown
from kubeup.model.errors import UsageError
from tests.support.plans import two_nodes


@pytest.mark.parametrize(
    ("limit", "chosen"),
    [("router:2200", [True, False]), ("node4", [False, True]), ("router", [True, True]), ("", [True, True])],
)
def test_nodes_behind_one_host_are_chosen_by_their_ports(limit: str, chosen: list[bool]) -> None:
    nodes = tuple(replace(node, host="router", port=2200 + number) for number, node in enumerate(two_nodes().nodes))
    said = frozenset(limit.split())
    assert [is_chosen(node, said) for node in nodes] == chosen
    refuse_unknown(replace(two_nodes(), nodes=nodes), said)
    with pytest.raises(UsageError, match="router:2209"):
        refuse_unknown(replace(two_nodes(), nodes=nodes), frozenset({"router:2209"}))
