"""storage: a default StorageClass on the nodes' own disks."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.addons.base import Addon, Serves
from kubeup.model.cluster import Cluster, Value
from kubeup.model.facts import Facts
from kubeup.model.resources import Directory
from kubeup.release.addon_images import LOCAL_PATH_PROVISIONER

VOLUMES = "/var/lib/kubeup-volumes"
"""Where volumes lie unless the profile says otherwise; it goes with the cluster, and stays with --keep-data."""


def values(cluster: Cluster, _: Facts) -> Mapping[str, Value]:
    return {"path": cluster.storage_path or VOLUMES}


ADDON = Addon(
    name="storage",
    summary="volumes on the nodes' own disks, for claims without a class",
    runs="local-path-provisioner",
    program=LOCAL_PATH_PROVISIONER,
    values=values,
    known_as=("local-path", "storageclass"),
    directories=(Directory(VOLUMES, 0o755, owned_recursively=True, survives_keep_data=True),),
    # A folder of the user's own is theirs to make.
    directories_wanted=lambda cluster: not cluster.storage_path,
    serves=(Serves.VOLUME_CLAIM,),
)
