"""Images of addons: brought to every node with everything else, so that no node needs a registry.

One that no source has is left to the nodes, which pull it when a pod needs it. What a node has already is not brought
again, and what was handed to its runtime does not stay in kubeup's store.
"""

from __future__ import annotations

from collections.abc import Callable

from kubeup.components.base import WORKER, Component, Context
from kubeup.components.containerd import CTR
from kubeup.components.docker import remove_images
from kubeup.model.cluster import Runtime
from kubeup.model.resources import Action
from kubeup.plan.steps import PUSHED
from kubeup.release.addon_images import BY_ADDON, AddonImage, addon_images

ADDON_OF = {image: addon for addon, images in BY_ADDON.items() for image in images}


def _id(image: str) -> str:
    return f"{PUSHED}{image}"


def _is_wanted(image: str) -> Callable[[Context], bool]:
    """Whether an addon runs it and the node lacks it. What was added by hand the probe did not ask for: then what the
    node's record says counts."""

    def wanted(context: Context) -> bool:
        known = _id(image) in context.facts.record.actions
        return ADDON_OF[image] in context.cluster.addons and not context.facts.checks.get(_id(image), known)

    return wanted


def _actions(image: str, one: AddonImage) -> Callable[[Context], tuple[Action, ...]]:
    def actions(context: Context) -> tuple[Action, ...]:
        if ADDON_OF[image] not in context.cluster.addons:
            return ()
        cluster = context.cluster
        name = one.reference(cluster.versions, cluster.image_repository)
        upstream = one.reference(cluster.versions)
        path = context.store.get(image, "")
        store = path.rpartition("/")[0]
        if cluster.runtime is Runtime.DOCKER:
            check = f"docker image inspect {name}"
            do = f"docker load -i {path}" + (f" && docker tag {upstream} {name}" if name != upstream else "")
            undo = remove_images((name, upstream))
        else:
            check = f"{CTR} images ls -q name=={name} | grep -q ."
            tagged = f" && {CTR} images tag --force {upstream} {name}" if name != upstream else ""
            # Where no registry has it, kubelet must not remove it to make room.
            pin = f" && {CTR} images label {name} io.cri-containerd.pinned=pinned"
            do, undo = f"{CTR} images import {path}{tagged}{pin}", ""
        title = f"image {name.rpartition('/')[2]}"
        return (Action(_id(image), title, f"image-{image}", check, f"{do} && rm -rf {store}", undo, timeout=300),)

    return actions


def _component(image: str, one: AddonImage) -> Component:
    return Component(
        name=f"image-{image}",
        role=WORKER,
        release=one.row,
        links={one.name: ""},
        after=("containerd", "cri-dockerd"),
        actions=_actions(image, one),
        when=_is_wanted(image),
        has_unit=False,
    )


COMPONENTS: tuple[Component, ...] = tuple(
    _component(image, one) for image, one in addon_images.items() if image in ADDON_OF
)
