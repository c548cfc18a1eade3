"""Images that something is about to run: each node gets what it lacks, and where nothing lacks nothing is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kubeup import addons
from kubeup.execution.job import Job
from kubeup.image_store.fetch import fetch
from kubeup.image_store.push import Pushed, push
from kubeup.image_store.required import RequiredImage, of_addons, required_images
from kubeup.image_store.survey import list_node_images
from kubeup.images.names import normal
from kubeup.model.cluster import Cluster
from kubeup.model.errors import KubeupError
from kubeup.model.facts import Facts


@dataclass(frozen=True)
class Provided:
    """nodes: what came to each, by node.endpoint. failures: by node.endpoint, or by the name of an image."""

    nodes: Mapping[str, Pushed] = field(default_factory=dict)
    failures: Mapping[str, KubeupError] = field(default_factory=dict)


def ensure_images(
    job: Job, cluster: Cluster, names: Iterable[str], facts: Mapping[str, Facts], *, anew: bool = False
) -> Provided:
    """Bring images to all workers that lack them; which may take a while, and one that fails stops no other.

    Out of the profile's sources (addons' images) or their registry (others) by way of this machine; what it cannot get
    one node pulls for all. One trip a node where nothing lacks, no trip without names, one more where something is
    brought. cluster: with its runtime decided; it may be living since a moment. facts: by node.endpoint. anew: get them
    even where nothing lacks, for a tag may mean another image by now.
    """
    wanted = chosen(cluster, tuple(names))
    if not wanted:
        return Provided()
    had = list_node_images(job, cluster, facts)
    # A name that means another image somewhere is `kubeup images check`'s affair.
    lacking = [one for one in wanted if anew or not all(one.name in node.images for node in had.values.values())]
    if not lacking:
        return Provided({host: Pushed(()) for host in had.values}, had.failures)
    got = fetch(job, cluster, lacking, facts, had.values)
    results = push(job, cluster, got.images, facts, got.had)
    return Provided(results.values, {**had.failures, **results.failures, **got.failures})


def chosen(cluster: Cluster, names: Sequence[str]) -> tuple[RequiredImage, ...]:
    """What is known of some images: whether the release sources have them, above all."""
    known = {one.name: one for one in (*of_addons(cluster, addons.BY_NAME), *required_images(cluster))}
    return tuple(known.get(normal(name)) or RequiredImage(normal(name), "images") for name in dict.fromkeys(names))
