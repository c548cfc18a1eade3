"""Every key of a profile, as rows of one table: a group a file, and ALL of them.

base.py: what a row is. forms.py: what values of many keys look like.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.profile.keys import addons, cluster, components, images, network, nodes, sources, ssh, versions
from kubeup.profile.keys.base import Group, ProfileKey

GROUPS: tuple[Group, ...] = (
    nodes.GROUP,
    ssh.GROUP,
    cluster.GROUP,
    versions.GROUP,
    network.GROUP,
    sources.GROUP,
    images.GROUP,
    addons.GROUP,
    components.GROUP,
)
ALL: tuple[ProfileKey, ...] = tuple(key for group in GROUPS for key in group.keys)


def by_path() -> Mapping[str, ProfileKey]:
    """Every key, those inside of others, too: ``ssh``, ``ssh.port``."""
    found: dict[str, ProfileKey] = {}
    for key in ALL:
        found |= dict.fromkeys((key.name, *key.also), key)
        found |= {f"{key.name}.{inside.name}": inside for inside in key.keys}
    return found
