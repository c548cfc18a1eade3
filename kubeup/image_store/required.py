"""What images a cluster needs, and what for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubeup.images.names import normal
from kubeup.model.cluster import Cluster
from kubeup.release.addon_images import BY_ADDON, addon_images
from kubeup.release.artifacts import ArtifactRef

PAUSE = "registry.k8s.io"


@dataclass(frozen=True)
class RequiredImage:
    """One image. name: complete, as nodes are to call it. purpose: pause, an addon's name, or ``images``.

    release: what the release sources call it, with its version; empty for the user's own.
    """

    name: str
    purpose: str
    release: tuple[str, str] = ("", "")

    def wanted(self, arch: str) -> ArtifactRef | None:
        """None for the user's own."""
        return ArtifactRef(*self.release, arch) if self.release[0] else None


def required_images(cluster: Cluster) -> tuple[RequiredImage, ...]:
    """pause, the addons' in the profile's order, then the user's own; each once."""
    version = cluster.versions.pause
    found = [RequiredImage(f"{cluster.image_repository or PAUSE}/pause:{version}", "pause", ("pause", version))]
    for addon in cluster.addons:
        found += of_addons(cluster, (addon,))
    known = {one.name: one.release for one in of_addons(cluster, BY_ADDON)}
    found += [RequiredImage(name, "images", known.get(name, ("", ""))) for name in map(normal, cluster.images)]
    return tuple({one.name: one for one in reversed(found)}.values())[::-1]


def of_addons(cluster: Cluster, addons: Iterable[str]) -> tuple[RequiredImage, ...]:
    """The images of some addons."""
    images = [(addon, addon_images[name]) for addon in addons for name in BY_ADDON.get(addon, ())]
    return tuple(
        RequiredImage(
            one.reference(cluster.versions, cluster.image_repository),
            addon,
            (one.name, getattr(cluster.versions, one.version)),
        )
        for addon, one in images
    )
