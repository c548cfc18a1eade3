"""What a cluster was built with, by its nodes' records: that stays until the profile asks for something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.version import Version

from kubeup.model.cluster import Cluster, Node
from kubeup.model.facts import Facts
from kubeup.release import pins
from kubeup.release.artifacts import Artifact
from kubeup.release.kubernetes import minor_of

KUBERNETES = "kubernetes"
FIRST_SUM = "first-sum/"
"""Followed by a name as pins have them."""


def meta(cluster: Cluster, node: Node, artifacts: Sequence[Artifact]) -> tuple[tuple[str, str], ...]:
    """What a node records of it. artifacts: those of its own architecture."""
    sums = {pins.name(one.wanted): one.first_sum for one in artifacts if one.first_sum}
    return (
        *(((KUBERNETES, cluster.versions.kubernetes),) if node.is_control_plane else ()),
        *((f"{FIRST_SUM}{name}", value) for name, value in sorted(sums.items())),
    )


def first_sums(cluster: Cluster, facts: Mapping[str, Facts]) -> Mapping[str, str]:
    """sha256 of first downloads, by name; the control plane's word is the last. facts: by node.endpoint."""
    return {
        key.removeprefix(FIRST_SUM): value
        for node in sorted(cluster.nodes, key=lambda node: node.is_control_plane)
        if node.endpoint in facts
        for key, value in facts[node.endpoint].record.meta.items()
        if key.startswith(FIRST_SUM)
    }


def kubernetes(cluster: Cluster, facts: Mapping[str, Facts]) -> str:
    """The version that stays, of those the control plane recorded; empty where it is to be chosen anew.

    An upgrade that broke off leaves two of them, and goes on to the newer.
    """
    every = (
        facts[node.endpoint].record.meta.get(KUBERNETES, "") for node in cluster.control_plane if node.endpoint in facts
    )
    return stays(cluster.kubernetes_asked, [one for one in every if one])


def stays(asked: str, recorded: Iterable[str]) -> str:
    """asked: a patch, a minor, or nothing, as the profile has it."""
    if asked and minor_of(asked) != asked:
        return asked
    return max((one for one in recorded if asked in ("", minor_of(one))), key=Version, default="")
