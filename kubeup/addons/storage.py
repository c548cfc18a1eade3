"""storage: a default StorageClass on the nodes' own disks."""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.addons.base import Addon, AddonImage, Serves
from kubeup.model.cluster import Cluster, Program, Value
from kubeup.model.resources import Directory

LOCAL_PATH_PROVISIONER = Program("local_path_provisioner", "0.0.36")
"""The last with a shell for its helper pods, and the first without CVE-2025-62878 and the injection by templates."""
# It has a shell, and so serves its helper pods as well.
IMAGE = AddonImage(
    "local-path-provisioner",
    "docker.io/rancher/local-path-provisioner",
    LOCAL_PATH_PROVISIONER,
    "local-path-provisioner",
)
VOLUMES = "/var/lib/kubeup-volumes"
"""Where volumes lie unless the profile says otherwise; it goes with the cluster, and stays with --keep-data."""


def values(cluster: Cluster) -> Mapping[str, Value]:
    return {"path": cluster.storage_path or VOLUMES}


ADDON = Addon(
    name="storage",
    summary="volumes on the nodes' own disks, for claims without a class",
    runs="local-path-provisioner",
    images=(IMAGE,),
    values=values,
    known_as=("local-path", "storageclass"),
    directories=(Directory(VOLUMES, 0o755, owned_recursively=True, survives_keep_data=True),),
    # A folder of the user's own is theirs to make.
    directories_wanted=lambda cluster: not cluster.storage_path,
    serves=(Serves.VOLUME_CLAIM,),
)
