"""What a node is asked, from the Cluster alone: the question does not depend on the answer."""

from __future__ import annotations

from collections.abc import Sequence

from kubeup import components
from kubeup.components.base import FOLDERS, Component, Context
from kubeup.model import resources
from kubeup.model.cluster import Cluster, Node
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.model.resources import Directory, ProbeRequest
from kubeup.pki import certificates
from kubeup.planning import render


def probe_request(cluster: Cluster, node: Node) -> ProbeRequest:
    """What the probe must read on this node; needs no fact, not even the node's name.

    The question does not depend on the answer: where the profile leaves a choice to the machines, they are asked what
    every one of the choices would ask.
    """
    parts = [
        _component_request(component, Context(one, node, Facts(), ClusterFacts(), {}))
        for one in components.choices(cluster)
        for component in components.of_node(one, node)
    ]
    every, public = certificates.paths(cluster, node)
    parts.append(ProbeRequest(files=every, contents=public))
    parts.append(_folders_request(FOLDERS))
    return resources.merge_requests(parts)


def _component_request(component: Component, context: Context) -> ProbeRequest:
    texts = tuple(template.path for template in component.all_templates)
    if component.has_settings:
        texts = (*texts, component.defaults_path)
    folders = _folders_request(component.directories)
    asked = (*component.asks(context.cluster), *component.reads)
    return ProbeRequest(
        files=(
            *texts,
            *asked,
            *component.certificates,
            *folders.files,
            *filter(None, render.links(component).values()),
        ),
        contents=(*texts, *asked),
        units=(component.unit,) if component.has_unit else (),
        checks=(
            *((action.answer, action.check) for action in component.actions(context) if action.check),
            *((one.id, one.check) for one in component.presence(context.cluster)),
        ),
        ports=component.ports,
        folders=folders.folders,
        asks=component.questions,
    )


def _folders_request(folders: Sequence[Directory]) -> ProbeRequest:
    whole = tuple(folder.path for folder in folders if folder.owned_recursively)
    return ProbeRequest(files=tuple(folder.path for folder in folders), folders=whole)
