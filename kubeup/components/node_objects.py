"""Node objects: each worker's, with its pods' subnet, made once the API answers, so that flannel waits for nobody.

One that the cluster has is left alone while it carries the hash of what is wanted of it: who joins is one object. None
is ever deleted here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from kubeup.components.base import PATIENT, Context
from kubeup.model.cluster import Node
from kubeup.model.facts import NodeObject, Unknown
from kubeup.model.listing import listed
from kubeup.model.resources import Action, sha256

ACTION = "node-objects"
REVISION = "kubeup.io/revision"
"""Annotation with the hash of what was wanted when it was applied."""
SECONDS, SECONDS_EACH = 90, 2


def action(context: Context) -> Action:
    """Applies those that are missing or different, all in one call; of the lead, for every node that may be changed.

    Where nobody could say which there are, as before the first API server runs, it is all of them.
    """
    objects = _due(context) if context.leads else {}
    return Action(
        id=ACTION,
        title=f"Node object{'s' if len(objects) > 1 else ''} {listed(tuple(objects))}",
        component="kube-apiserver",
        check="",
        apply=_apply(tuple(objects.values())),
        timeout=SECONDS + SECONDS_EACH * len(objects),
        due=bool(objects),
    )


def _due(context: Context) -> Mapping[str, Mapping[str, object]]:
    """Name -> the object that is to be applied."""
    told = context.cluster_facts.nodes
    living = {} if isinstance(told, Unknown) else {one.name: one for one in told}
    may_change = (node for node in context.cluster.workers if context.may_change(node))
    wanted = {node.name: _wanted(node, context.pod_cidrs[node.name]) for node in may_change}
    return {name: _with_revision(one) for name, one in wanted.items() if _revision(one) != _applied(living.get(name))}


def _applied(living: NodeObject | None) -> str:
    return living.annotations.get(REVISION, "") if living else ""


def _wanted(node: Node, subnet: str) -> Mapping[str, object]:
    """subnet: the one that its object has, if it has one: the API refuses another."""
    role = {"node-role.kubernetes.io/control-plane": ""} if node.is_control_plane else {}
    taints = [{"key": one.key, "value": one.value, "effect": one.effect} for one in node.taints]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": {"kubernetes.io/hostname": node.name, **role, **node.labels}},
        "spec": {"podCIDR": subnet, "podCIDRs": [subnet], **({"taints": taints} if taints else {})},
    }


def _revision(wanted: Mapping[str, object]) -> str:
    return sha256(json.dumps(wanted, sort_keys=True).encode())[:16]


def _with_revision(wanted: Mapping[str, object]) -> Mapping[str, object]:
    meta = wanted["metadata"]
    assert isinstance(meta, dict)
    return {**wanted, "metadata": {**meta, "annotations": {REVISION: _revision(wanted)}}}


def _apply(objects: Sequence[Mapping[str, object]]) -> str:
    listing = {"apiVersion": "v1", "kind": "List", "items": objects}
    return (
        f"{PATIENT} apply --server-side --force-conflicts --field-manager=kubeup -f - <<'end'\n"
        f"{json.dumps(listing)}\nend"
    )
