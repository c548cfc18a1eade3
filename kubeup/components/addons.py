"""Addons as a component: their objects are files on every control-plane node, one action of the lead's brings them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kubeup import addons
from kubeup.addons import manifests
from kubeup.components.base import CONTROL_PLANE, WORKER, Component, Context, Template, sh
from kubeup.model.cluster import Manifest, Value
from kubeup.model.resources import Action, File

ACTION = addons.APPLIED
OF_ADDON = "addon-"
"""What the names of components begin with that are one addon's."""
PATIENCE, LIMIT = 30, 240
CHECK, SCRIPT = ((Path(addons.__file__).parent / name).read_text() for name in ("check.sh", "apply.sh"))


def in_use(context: Context) -> bool:
    """There are addons, or there were: also where another node, or an attempt that failed, brought them."""
    known = ACTION in context.facts.record.actions or context.cluster_facts.had_addons
    return bool(context.cluster.addons or known)


def values(context: Context) -> Mapping[str, Value]:
    cluster = context.cluster
    found: dict[str, Value] = {
        "images": {
            name: one.reference(cluster.versions, cluster.image_repository) for name, one in addons.IMAGES.items()
        }
    }
    for addon in addons.ALL:
        found.update(addon.values(cluster))
    return found


def files(context: Context) -> tuple[File, ...]:
    """The user's own addons."""
    found = []
    for name in context.cluster.addons:
        texts = [_own(one, context) for one in context.cluster.own_addons.get(name, ())]
        if texts:
            found.append(File(manifests.path_of(name), manifests.joined(texts, name).encode()))
    return tuple(found)


def _own(manifest: Manifest, context: Context) -> str:
    text = manifest.text
    if manifest.template:
        text = context.render_text(text, manifest.path, values(context))
    return manifests.labelled(text, Path(manifest.path).parent.name, manifest.path)


def listing(context: Context, found: Sequence[File]) -> tuple[File, ...]:
    """What is in all of them together."""
    cluster, by_path = context.cluster, {file.path: file for file in found}
    every = {name: by_path[path] for name in cluster.addons if (path := manifests.path_of(name)) in by_path}
    versions = {one.name: cluster.versions.of(one.program) for one in addons.ALL}
    return (File(manifests.INVENTORY, manifests.inventory(every, versions)),)


def actions(context: Context) -> tuple[Action, ...]:
    files = (*map(manifests.path_of, context.cluster.addons), manifests.INVENTORY)
    variables = {
        "FOLDER": manifests.FOLDER,
        "INVENTORY": manifests.INVENTORY,
        "LABEL": manifests.LABEL,
        "PATIENCE": PATIENCE,
        "LIMIT": LIMIT,
        # Also of addons that the cluster has no more: they may be what is taken away.
        "AWAITS": "\n".join(
            f"{addon.name} {one.object} {one.condition}"
            for addon in addons.ALL
            if addon.name in context.cluster.addons
            for one in addon.awaits
        ),
        "MAKES": "\n".join(f"{addon.name} {made}" for addon in addons.ALL for made in addon.makes),
    }
    return (
        Action(
            id=ACTION,
            title="addons",
            component="addons",
            check=f"FOLDER={manifests.FOLDER}\nINVENTORY={manifests.INVENTORY}\n{CHECK}",
            apply="".join(f"{name}={sh(str(value))}\n" for name, value in variables.items()) + SCRIPT,
            timeout=LIMIT + 120,
            reads=files,
            due=None if context.leads else False,
        ),
    )


def _wanted(name: str) -> Template:
    return Template(
        f"addons/{name}.yaml",
        manifests.path_of(name),
        when=lambda context: name in context.cluster.addons,
        addon=name,
    )


COMPONENT = Component(
    name="addons",
    roles=CONTROL_PLANE,
    after=("kubelet", "kube-proxy", "flannel"),
    templates=tuple(_wanted(addon.name) for addon in addons.ALL),
    asks=lambda cluster: (manifests.INVENTORY, *map(manifests.path_of, cluster.own_addons)),
    values=values,
    files=files,
    listing=listing,
    actions=actions,
    when=in_use,
    has_unit=False,
)


def _keeps(addon: addons.Addon) -> Callable[[Context], bool]:
    """Whether a node has the addon's directories: once there, they stay as long as the cluster does."""

    def keeps(context: Context) -> bool:
        wanted = addon.name in context.cluster.addons and addon.directories_wanted(context.cluster)
        return wanted or any(one.path in context.facts.record.owned for one in addon.directories)

    return keeps


DIRECTORIES = tuple(
    Component(
        name=f"{OF_ADDON}{addon.name}",
        roles=WORKER,
        directories=addon.directories,
        when=_keeps(addon),
        has_unit=False,
    )
    for addon in addons.ALL
    if addon.directories
)
COMPONENTS = (*DIRECTORIES, COMPONENT)
