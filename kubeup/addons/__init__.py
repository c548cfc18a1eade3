"""Addons: what a cluster runs for its users. They are part of the desired state: ``up`` brings them, too.

base.py: what one is; one file each, and a line in MODULES. manifests.py: their objects as files. apply.sh: the
cluster's side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import import_module

from kubeup.addons.base import Addon, AddonImage, Need, Serves
from kubeup.model.cluster import Cluster
from kubeup.model.facts import Facts

MODULES = (
    "dns",
    "metrics_server",
    "ingress",
    "storage",
    "load_balancer",
    "network_policy",
    "dashboard",
)
"""Every addon, by its file beside this one, in the order in which they are listed."""


def _addon(module: str) -> Addon:
    addon: Addon = import_module(f"{__name__}.{module}").ADDON
    return addon


ALL: tuple[Addon, ...] = tuple(map(_addon, MODULES))
BY_NAME = {addon.name: addon for addon in ALL}
IMAGES: Mapping[str, AddonImage] = {image.name: image for addon in ALL for image in addon.images}
BY_HAND = "addons"
"""Key of each control-plane node's record: addons that somebody added besides the profile's."""
APPLIED = "addons"
"""The action that brings their objects, as the record of the node that carried it out calls it."""

__all__ = [
    "ALL",
    "APPLIED",
    "BY_HAND",
    "BY_NAME",
    "Addon",
    "Serves",
    "by_hand",
    "meant",
    "missing",
    "serving",
    "with_recorded",
    "without",
]


def meant(word: str) -> str:
    """The addon that a word stands for; empty for none."""
    return word if word in BY_NAME else next((one.name for one in ALL if word in one.known_as), "")


def serving(what: Serves) -> tuple[Addon, ...]:
    """The addons that bring such objects to life; there is always one."""
    return tuple(one for one in ALL if what in one.serves)


def missing(cluster: Cluster) -> tuple[tuple[Addon, Need], ...]:
    """What the cluster's addons need and its profile does not say."""
    known = [BY_NAME[name] for name in cluster.addons if name in BY_NAME]
    return tuple((one, need) for one in known for need in one.needs if not need.values(cluster))


def by_hand(cluster: Cluster, names: Iterable[str]) -> Cluster:
    """The cluster with further addons."""
    more = tuple(dict.fromkeys(name for name in names if name not in cluster.addons))
    return replace(cluster, addons=(*cluster.addons, *more), addons_by_hand=(*cluster.addons_by_hand, *more))


def without(cluster: Cluster, names: Iterable[str]) -> Cluster:
    gone = frozenset(names)
    return replace(
        cluster,
        addons=tuple(name for name in cluster.addons if name not in gone),
        addons_by_hand=tuple(name for name in cluster.addons_by_hand if name not in gone),
        addons_removed=cluster.addons_removed | gone,
    )


def with_recorded(cluster: Cluster, *control_plane: Facts) -> Cluster:
    """The cluster with what somebody added by hand before, as the record of any control-plane node says: which of them
    is the first in a profile may change."""
    recorded = [name for facts in control_plane for name in facts.record.meta.get(BY_HAND, "").split()]
    return by_hand(cluster, (name for name in recorded if name in BY_NAME and name not in cluster.addons_removed))
