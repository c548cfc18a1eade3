"""What images a cluster needs, and what for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from kubeup import addons
from kubeup.components import pause
from kubeup.images.names import normal
from kubeup.model.cluster import Cluster
from kubeup.release.artifacts import ArtifactRef, ReleaseRow


@dataclass(frozen=True)
class RequiredImage:
    """One image. name: complete, as nodes are to call it. purpose: pause, an addon's name, or ``images``.

    row, version: how upstream publishes it; None and empty for the user's own.
    """

    name: str
    purpose: str
    row: ReleaseRow | None = None
    version: str = ""

    def wanted(self, arch: str) -> ArtifactRef | None:
        """None for the user's own."""
        return ArtifactRef(self.row.names[0], self.version, arch, self.row) if self.row else None


def required_images(cluster: Cluster) -> tuple[RequiredImage, ...]:
    """pause, the addons' in the profile's order, then the user's own; each once."""
    found = [RequiredImage(pause.name(cluster), "pause", pause.COMPONENT.release, cluster.versions.of(pause.PAUSE))]
    found += of_addons(cluster, cluster.addons)
    known = {one.name: one for one in of_addons(cluster, addons.BY_NAME)}
    own = [known.get(name) or RequiredImage(name, "images") for name in map(normal, cluster.images)]
    found += [replace(one, purpose="images") for one in own]
    return tuple({one.name: one for one in reversed(found)}.values())[::-1]


def of_addons(cluster: Cluster, names: Iterable[str]) -> tuple[RequiredImage, ...]:
    """The images of some addons, in their order; people's own addons say of none."""
    images = [(name, one) for name in names if name in addons.BY_NAME for one in addons.BY_NAME[name].images]
    return tuple(
        RequiredImage(
            one.reference(cluster.versions, cluster.image_repository),
            name,
            one.row,
            cluster.versions.of(one.program),
        )
        for name, one in images
    )
