"""Every component: one file each, and a line in MODULES, which is the order in which a node is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module

from kubeup.components.base import Component, Context, Template
from kubeup.model.cluster import KUBERNETES, Cluster, Node, Program, Runtime
from kubeup.plan.steps import ComponentOrder
from kubeup.release.artifacts import ArtifactRef

MODULES = (
    "kubectl",
    "pause",
    "runc",
    "cni_plugins",
    "containerd",
    "docker",
    "cri_dockerd",
    "crictl",
    "api_balancer",
    "etcd",
    "kube_apiserver",
    "kube_controller_manager",
    "kube_scheduler",
    "flannel",
    "kubelet",
    "kube_proxy",
    "images",
    "addons",
)
"""Every component, by its file beside this one, each after those it needs on the same machine."""


def _of(module: str) -> tuple[Component, ...]:
    """Of a file that has several, ``COMPONENTS``."""
    found = import_module(f"{__name__}.{module}")
    several: tuple[Component, ...] = getattr(found, "COMPONENTS", ()) or (found.COMPONENT,)
    return several


ALL: tuple[Component, ...] = tuple(component for module in MODULES for component in _of(module))
BY_NAME = {component.name: component for component in ALL}


def programs() -> Mapping[str, Program]:
    """What a profile may choose the version of, by its word there."""
    found = [part.release.program for part in ALL if part.release]
    return {program.key: program for program in (KUBERNETES, *found)}


def artifact(name: str, version: str, arch: str) -> ArtifactRef:
    """One file by the name of its binary or image; without a row where no component has it."""
    rows = {binary: part.release for part in ALL for binary in part.binaries}
    return ArtifactRef(name, version, arch, rows.get(name))


def choices(cluster: Cluster) -> tuple[Cluster, ...]:
    """The cluster in every way in which what its profile leaves to the machines may be decided."""
    return (cluster,) if cluster.runtime else tuple(replace(cluster, runtime=one) for one in Runtime)


def of_node(cluster: Cluster, node: Node) -> tuple[Component, ...]:
    """What a machine may carry, in order; known before it was asked anything."""
    return tuple(component for component in ALL if component.may_run(cluster, node))


def wanted(context: Context) -> tuple[Component, ...]:
    """What a machine is to carry, in order, now that it answered."""
    return tuple(part for part in of_node(context.cluster, context.node) if part.when(context))


def lost(component: Component, context: Context) -> tuple[str, ...]:
    """What it had made on a machine and is gone, in words; nothing where the machine was not asked about it."""
    checks = context.facts.checks
    gone = (one.gone for one in component.presence(context.cluster) if not checks.get(one.id, True))
    return (*gone, *component.lost(context))


def level_of(component: Component) -> int:
    """A component that needs one which not every machine of its own kinds carries waits for other machines: it is a
    level further on."""
    levels = [0]
    for name in component.after:
        needed = BY_NAME.get(name)
        if needed is not None:
            levels.append(level_of(needed) + (not component.roles <= needed.roles))
    return max(levels)


def order(cluster: Cluster, node: Node) -> tuple[ComponentOrder, ...]:
    """Where each component of the machine stands, levels ascending."""
    stages = [
        ComponentOrder(component.name, level_of(component), component.after) for component in of_node(cluster, node)
    ]
    return tuple(sorted(stages, key=lambda stage: stage.level))


__all__ = [
    "ALL",
    "BY_NAME",
    "Component",
    "Context",
    "Template",
    "artifact",
    "choices",
    "level_of",
    "lost",
    "of_node",
    "order",
    "programs",
    "wanted",
]
