"""Images of addons: brought to every node with everything else, so that no node needs a registry.

One that no source has is left to the nodes, which pull it when a pod needs it. What a node has already is not brought
again, and what was handed to its runtime does not stay in kubeup's store.
"""

from __future__ import annotations

from collections.abc import Callable

from kubeup import addons
from kubeup.addons.base import AddonImage
from kubeup.components.base import WORKER, Component, Context, sh
from kubeup.components.containerd import CTR, has_image
from kubeup.components.docker import remove_images
from kubeup.model.cluster import Cluster, Runtime
from kubeup.model.resources import Action
from kubeup.plan.steps import PUSHED

KEPT = "kept-"
"""What the names of components begin with that keep an image in Docker."""


def _id(image: AddonImage) -> str:
    return f"{PUSHED}{image.name}"


def _answer(image: AddonImage, runtime: Runtime | None) -> str:
    """Each runtime is asked by a name of its own, for both are where the profile names none."""
    return _id(image) + (" in Docker" if runtime is Runtime.DOCKER else "")


def _is_run(image: AddonImage, cluster: Cluster) -> bool:
    """Whether one of the cluster's addons runs it."""
    return any(addon.name in cluster.addons and image in addon.images for addon in addons.ALL)


def _is_wanted(image: AddonImage) -> Callable[[Context], bool]:
    """Whether an addon runs it and the node lacks it. What was added by hand the probe did not ask for: then what the
    node's record says counts."""

    def wanted(context: Context) -> bool:
        known = context.facts.record.did(_id(image))
        is_there = context.facts.checks.get(_answer(image, context.cluster.runtime), known)
        return _is_run(image, context.cluster) and not is_there

    return wanted


def _actions(image: AddonImage) -> Callable[[Context], tuple[Action, ...]]:
    def actions(context: Context) -> tuple[Action, ...]:
        cluster = context.cluster
        if not _is_run(image, cluster):
            return ()
        name = image.reference(cluster.versions, cluster.image_repository)
        upstream = image.reference(cluster.versions)
        path = context.store.get(image.name, "")
        store = path.rpartition("/")[0]
        if cluster.runtime is Runtime.DOCKER:
            check = f"docker image inspect {sh(name)}"
            tagged = f" && docker tag {sh(upstream, name)}" if name != upstream else ""
            do = f"docker load -i {path}{tagged} && {{ {_keep(image, name)} }}"
            undo = f"{_let_go(image)}\n{remove_images((name, upstream))}"
        else:
            check = has_image(name)
            tagged = f" && {CTR} images tag --force {sh(upstream, name)}" if name != upstream else ""
            # Where no registry has it, kubelet must not remove it to make room.
            pin = f" && {CTR} images label {sh(name)} io.cri-containerd.pinned=pinned"
            do, undo = f"{CTR} images import {path}{tagged}{pin}", ""
        title = f"image {name.rpartition('/')[2]}"
        return (
            Action(
                id=_id(image),
                title=title,
                component=f"image-{image.name}",
                check=check,
                apply=f"{do} && rm -rf {store}",
                undo=undo,
                timeout=300,
                asked_as=_answer(image, cluster.runtime),
            ),
        )

    return actions


def _keeper(image: AddonImage) -> str:
    return f"kubeup-{_id(image)}"


def _keep(image: AddonImage, name: str) -> str:
    """Shell that keeps kubelet from removing an image to make room, where no registry has it: Docker removes none that
    a container was made of, be it one that never runs. That an image is pinned cri-dockerd says of pause alone.
    """
    keeper = sh(_keeper(image))
    make = f"docker create --name {keeper} --label io.kubeup.keeps={sh(name)} --network none {sh(name)} kept"
    return f"docker rm -f {keeper} >/dev/null 2>&1; {make};"


def _let_go(image: AddonImage) -> str:
    return f"! systemctl is-active --quiet docker.service || docker rm -f {sh(_keeper(image))} >/dev/null 2>&1 || true"


def _keep_again(image: AddonImage) -> Callable[[Context], tuple[Action, ...]]:
    """For an image that is there already, whose container somebody removed (docker system prune)."""

    def actions(context: Context) -> tuple[Action, ...]:
        cluster = context.cluster
        if not _is_run(image, cluster):
            return ()
        name = image.reference(cluster.versions, cluster.image_repository)
        kept = f"""docker container inspect -f '{{{{.Config.Image}}}}' {sh(_keeper(image))}"""
        return (
            Action(
                id=f"{KEPT}{image.name}",
                title=f"image {name.rpartition('/')[2]} is kept",
                component=f"{KEPT}{image.name}",
                check=f'test "$({kept})" = {sh(name)}',
                apply=_keep(image, name),
                undo=_let_go(image),
            ),
        )

    return actions


def _is_there(image: AddonImage) -> Callable[[Context], bool]:
    def there(context: Context) -> bool:
        is_there = context.facts.checks.get(_answer(image, context.cluster.runtime), False)
        return _is_run(image, context.cluster) and is_there

    return there


def _kept_component(image: AddonImage) -> Component:
    return Component(
        name=f"{KEPT}{image.name}",
        roles=WORKER,
        after=("cri-dockerd",),
        actions=_keep_again(image),
        when=_is_there(image),
        runtime=Runtime.DOCKER,
        has_unit=False,
    )


def _component(image: AddonImage) -> Component:
    return Component(
        name=f"image-{image.name}",
        roles=WORKER,
        release=image.row,
        links={f"image:{image.name}": ""},
        after=("containerd", "cri-dockerd"),
        actions=_actions(image),
        when=_is_wanted(image),
        has_unit=False,
    )


COMPONENTS: tuple[Component, ...] = tuple(
    part for image in addons.IMAGES.values() for part in (_component(image), _kept_component(image))
)
