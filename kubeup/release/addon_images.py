"""The images that addons run: upstream's own names and tags, so that a manifest reads as upstream's does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubeup.model.cluster import Versions
from kubeup.release.artifacts import ArtifactRef


@dataclass(frozen=True)
class AddonImage:
    """One image.

    name: what the release sources call it. repository: with the registry's host, as manifests have it. tag: with {v}
    for the version. version: the field of model.Versions. module: what builds it (recipes.RECIPES), empty where
    nothing does.
    """

    name: str
    repository: str
    version: str
    module: str = ""
    tag: str = "v{v}"

    def reference(self, versions: Versions, repository: str = "") -> str:
        """REPOSITORY:TAG. repository: a profile's image_repository, in which all images have their last names."""
        place = f"{repository}/{self.repository.rpartition('/')[2]}" if repository else self.repository
        return f"{place}:{self.tag.format(v=getattr(versions, self.version))}"

    def wanted(self, versions: Versions, arch: str) -> ArtifactRef:
        return ArtifactRef(self.name, getattr(versions, self.version), arch)


ADDON_IMAGES = (
    AddonImage("image:coredns", "registry.k8s.io/coredns/coredns", "coredns", "coredns"),
    AddonImage(
        "image:metrics-server", "registry.k8s.io/metrics-server/metrics-server", "metrics_server", "metrics-server"
    ),
    AddonImage("image:contour", "ghcr.io/projectcontour/contour", "contour", "contour"),
    AddonImage("image:envoy", "docker.io/envoyproxy/envoy", "envoy", "envoy", tag="distroless-v{v}"),
    AddonImage("image:metallb-controller", "quay.io/metallb/controller", "metallb", "metallb"),
    AddonImage("image:metallb-speaker", "quay.io/metallb/speaker", "metallb", "metallb"),
    # It has a shell, and so serves its helper pods as well.
    AddonImage(
        "image:local-path-provisioner",
        "docker.io/rancher/local-path-provisioner",
        "local_path_provisioner",
        "local-path-provisioner",
    ),
    AddonImage(
        "image:kube-network-policies", "registry.k8s.io/networking/kube-network-policies", "kube_network_policies"
    ),
    AddonImage("image:headlamp", "ghcr.io/headlamp-k8s/headlamp", "headlamp"),
)
BY_ADDON: Mapping[str, tuple[str, ...]] = {
    "dns": ("coredns",),
    "metrics-server": ("metrics-server",),
    "ingress": ("contour", "envoy"),
    "storage": ("local-path-provisioner",),
    "load-balancer": ("metallb-controller", "metallb-speaker"),
    "network-policy": ("kube-network-policies",),
    "dashboard": ("headlamp",),
}
"""What each addon runs, by the names of addon_images."""
addon_images: Mapping[str, AddonImage] = {one.name.partition(":")[2]: one for one in ADDON_IMAGES}
"""By the name without ``image:`` (coredns, metrics-server, contour, envoy, ...)."""
