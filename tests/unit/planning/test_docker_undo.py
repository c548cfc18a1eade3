"""Pods in Docker go before the images they run, and nothing else of `down`'s order changes for that."""

from __future__ import annotations

from kubeup.model.facts import Facts, Owned, Record
from kubeup.plan.steps import RestorePath, RevertSideEffect, Step, Stop, Undo
from kubeup.planning.removals import empty_diff


def told(step: Step) -> str:
    match step:
        case Stop(unit=name) | Undo(action=name):
            return name
        case RevertSideEffect(kind=kind):
            return kind
        case RestorePath(owned=owned):
            return owned.path
        case _:
            return type(step).__name__


def test_an_image_is_undone_when_no_pod_uses_it_any_more() -> None:
    record = Record(
        meta={"cluster": "demo"},
        units={"cri-dockerd.service": "absent", "kubelet.service": "absent"},
        actions=("pause-image", "image-coredns"),
        side_effects={
            ("link", "cni0"): "no=>",
            ("docker-pods", "io.kubernetes.pod.uid"): "=>",
            ("cgroup", "kubepods"): "no=>",
        },
        owned={"/etc/default/kubelet": Owned("file", "/etc/default/kubelet", "x", False)},
    )
    order = [told(step) for step in empty_diff("node3", Facts(record=record)).steps]
    assert order == [
        # That down began is noted before anything goes.
        "SetMeta",
        "kubelet.service",
        "cri-dockerd.service",
        "docker-pods",
        "image-coredns",
        "pause-image",
        "cgroup",
        "link",
        "/etc/default/kubelet",
        "DeleteState",
    ]
