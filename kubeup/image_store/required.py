"""What images a cluster needs, and what for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from kubeup.components import pause
from kubeup.images.names import normal
from kubeup.model.cluster import Cluster
from kubeup.release.addon_images import BY_ADDON, addon_images
from kubeup.release.artifacts import ArtifactRef, Row


@dataclass(frozen=True)
class RequiredImage:
    """One image. name: complete, as nodes are to call it. purpose: pause, an addon's name, or ``images``.

    row, version: how upstream publishes it; None and empty for the user's own.
    """

    name: str
    purpose: str
    row: Row | None = None
    version: str = ""

    def wanted(self, arch: str) -> ArtifactRef | None:
        """None for the user's own."""
        return ArtifactRef(self.row.names[0], self.version, arch, self.row) if self.row else None


def required_images(cluster: Cluster) -> tuple[RequiredImage, ...]:
    """pause, the addons' in the profile's order, then the user's own; each once."""
    found = [RequiredImage(pause.name(cluster), "pause", pause.COMPONENT.release, cluster.versions.of(pause.PAUSE))]
    for addon in cluster.addons:
        found += of_addons(cluster, (addon,))
    known = {one.name: one for one in of_addons(cluster, BY_ADDON)}
    own = [known.get(name) or RequiredImage(name, "images") for name in map(normal, cluster.images)]
    found += [replace(one, purpose="images") for one in own]
    return tuple({one.name: one for one in reversed(found)}.values())[::-1]


def of_addons(cluster: Cluster, addons: Iterable[str]) -> tuple[RequiredImage, ...]:
    """The images of some addons."""
    images = [(addon, addon_images[name]) for addon in addons for name in BY_ADDON.get(addon, ())]
    return tuple(
        RequiredImage(
            one.reference(cluster.versions, cluster.image_repository),
            addon,
            one.row,
            cluster.versions.of(one.program),
        )
        for addon, one in images
    )
