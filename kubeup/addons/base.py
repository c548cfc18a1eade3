"""What an addon is: a value. Adding one is one small file beside this one, and one template in templates/addons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubeup.model.cluster import Cluster, Value
from kubeup.model.facts import Facts


def no_values(_: Cluster, __: Facts) -> Mapping[str, Value]:
    return {}


@dataclass(frozen=True)
class Addon:
    """One addon.

    name: its template and its word in a profile. summary: what it gives, in one line. runs: the program behind it.
    version: that program's, a field of model.Versions. values: for its
    template, from the cluster and the first control-plane node's facts. known_as: other names for it. remark: what
    they should know. hint: what to type once it runs. What images it runs: release.BY_ADDON.
    """

    name: str
    summary: str
    runs: str
    version: str
    values: Callable[[Cluster, Facts], Mapping[str, Value]] = no_values
    known_as: tuple[str, ...] = ()
    remark: str = ""
    hint: Callable[[Cluster], str] = lambda _: ""


def replicas(cluster: Cluster) -> int:
    """Two, spread over nodes, where there are two."""
    return min(2, len(cluster.workers))
