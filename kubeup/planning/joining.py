"""Whether the control-plane nodes that are to join etcd can, by what its members are now. Pure."""

from __future__ import annotations

from kubeup.components import etcd_members
from kubeup.components.base import Context
from kubeup.model.cluster import Cluster
from kubeup.model.errors import KubeupError
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.plan.membership import Refused, way


def refuse(cluster: Cluster, told: ClusterFacts, chosen: frozenset[str]) -> None:
    """Raises KubeupError where a step on the way to the profile's members would be without a quorum.

    cluster: resolved. chosen: endpoints of the nodes that the command may change.
    """
    if not cluster.control_plane:
        return
    context = Context(cluster, cluster.control_plane[0], Facts(), told, {}, chosen=chosen)
    known = etcd_members.state(context)
    steps = way(etcd_members.with_all_wanted(known)) if known else ()
    for one in steps:
        if isinstance(one, Refused):
            raise KubeupError(
                f"{one.why}; nothing was touched",
                fix="kubeup etcd members says how they are; mend those that are not well, and run the same command "
                "again",
            )
