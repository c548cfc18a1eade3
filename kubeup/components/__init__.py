"""Every component, each after those it needs on the same machine: the order in which a node is built."""

from __future__ import annotations

from kubeup.components import (
    addon_images,
    addons,
    containerd,
    cri_dockerd,
    docker,
    etcd,
    flannel,
    kube_apiserver,
    kube_controller_manager,
    kube_proxy,
    kube_scheduler,
    kubectl,
    kubelet,
)
from kubeup.components.base import Component, Context, Template
from kubeup.model.cluster import Cluster, Node
from kubeup.plan.steps import ComponentOrder

ALL: tuple[Component, ...] = (
    kubectl.TOOL,
    kubectl.MASTER_TOOL,
    kubectl.COMPONENT,
    containerd.PAUSE,
    containerd.RUNC,
    containerd.CNI,
    containerd.COMPONENT,
    docker.COMPONENT,
    docker.ADOPTED,
    cri_dockerd.COMPONENT,
    containerd.CRICTL,
    etcd.COMPONENT,
    kube_apiserver.COMPONENT,
    kube_controller_manager.COMPONENT,
    kube_scheduler.COMPONENT,
    flannel.COMPONENT,
    kubelet.COMPONENT,
    kube_proxy.COMPONENT,
    *addon_images.COMPONENTS,
    *addons.DIRECTORIES,
    addons.COMPONENT,
)
BY_NAME = {component.name: component for component in ALL}


def of_node(cluster: Cluster, node: Node) -> tuple[Component, ...]:
    """The components of a machine with these roles, in order."""
    return tuple(component for component in ALL if component.runs_on(node, cluster.runtime))


def level_of(component: Component) -> int:
    """A component that needs one of another kind of machine waits behind a barrier: it is a level further on."""
    levels = [0]
    for name in component.after:
        needed = BY_NAME.get(name)
        if needed is not None:
            levels.append(level_of(needed) + (needed.role is not component.role))
    return max(levels)


def order(cluster: Cluster, node: Node) -> tuple[ComponentOrder, ...]:
    """Where each component of the machine stands, levels ascending."""
    stages = [
        ComponentOrder(component.name, level_of(component), component.after) for component in of_node(cluster, node)
    ]
    return tuple(sorted(stages, key=lambda stage: stage.level))


__all__ = ["ALL", "BY_NAME", "Component", "Context", "Template", "level_of", "of_node", "order"]
