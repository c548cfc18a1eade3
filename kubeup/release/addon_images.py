"""The images that addons run: upstream's own names and tags, so that a manifest reads as upstream's does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubeup.model.cluster import Program, Versions
from kubeup.release import catalog
from kubeup.release.artifacts import Row


@dataclass(frozen=True)
class AddonImage:
    """One image.

    name: what the release sources call it. repository: with the registry's host, as manifests have it. tag: with {v}
    for the version. program: whose version it has. module: what builds it (go_builds.RECIPES), empty where nothing
    does.
    """

    name: str
    repository: str
    program: Program
    module: str = ""
    tag: str = "v{v}"

    def reference(self, versions: Versions, repository: str = "") -> str:
        """REPOSITORY:TAG. repository: a profile's image_repository, in which all images have their last names."""
        place = f"{repository}/{self.repository.rpartition('/')[2]}" if repository else self.repository
        return f"{place}:{self.tag.format(v=versions.of(self.program))}"

    @property
    def row(self) -> Row:
        """Where no source has it, nodes may yet be able to pull it: optional."""
        return catalog.image(self.name, self.program, self.repository, self.tag, self.module, optional=True)


COREDNS = Program("coredns", "1.15.0")
METRICS_SERVER = Program("metrics_server", "0.9.0")
CONTOUR = Program("contour", "1.33.8")
ENVOY = Program("envoy", "1.40.0")
METALLB = Program("metallb", "0.16.2")
LOCAL_PATH_PROVISIONER = Program("local_path_provisioner", "0.0.30")
KUBE_NETWORK_POLICIES = Program("kube_network_policies", "1.1.2")
HEADLAMP = Program("headlamp", "0.45.0")

ADDON_IMAGES = (
    AddonImage("image:coredns", "registry.k8s.io/coredns/coredns", COREDNS, "coredns"),
    AddonImage(
        "image:metrics-server", "registry.k8s.io/metrics-server/metrics-server", METRICS_SERVER, "metrics-server"
    ),
    AddonImage("image:contour", "ghcr.io/projectcontour/contour", CONTOUR, "contour"),
    AddonImage("image:envoy", "docker.io/envoyproxy/envoy", ENVOY, "envoy", tag="distroless-v{v}"),
    AddonImage("image:metallb-controller", "quay.io/metallb/controller", METALLB, "metallb"),
    AddonImage("image:metallb-speaker", "quay.io/metallb/speaker", METALLB, "metallb"),
    # It has a shell, and so serves its helper pods as well.
    AddonImage(
        "image:local-path-provisioner",
        "docker.io/rancher/local-path-provisioner",
        LOCAL_PATH_PROVISIONER,
        "local-path-provisioner",
    ),
    AddonImage(
        "image:kube-network-policies", "registry.k8s.io/networking/kube-network-policies", KUBE_NETWORK_POLICIES
    ),
    AddonImage("image:headlamp", "ghcr.io/headlamp-k8s/headlamp", HEADLAMP),
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
