"""What goes to a node: lines that name blobs, and the blobs beside them."""

from __future__ import annotations

from kubeup.node.wire.payload import level_payload
from tests.support.plans import minted, plan, two_nodes


def test_no_secret_is_in_the_lines_of_a_trip() -> None:
    """Steps name blobs by their hash; contents travel beside them, on standard input."""
    cluster = two_nodes()
    vault, _ = minted(cluster, cluster.nodes[0])
    found = plan(cluster, cluster.nodes[0])
    for level in found.levels:
        trip = level_payload(level, 1, 2, "me", vault)
        text = "\n".join((*trip.lines, *trip.titles))
        assert "PRIVATE" not in text
        assert not [part for part in text.split() if part.startswith("--")]
