"""Bringing images to nodes: what a node lacks of layers goes over the wire once, in pieces that need not come again.

On the node an OCI layout is put together of what came; layers that its runtime has already are named in there, and not
sent. containerd takes such a layout (``ctr images import``), for the content store has the rest, and so does a Docker
that keeps its images there; one with a store of its own looks a layer up by the stack it lies on before it reads it
from the archive (moby, image/tarexport/load.go).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kubeup.components.base import sh
from kubeup.components.containerd import CTR, has_image
from kubeup.components.docker import remove_images
from kubeup.execution import trip as trips
from kubeup.execution.job import Job
from kubeup.execution.results import Results, tell_failures
from kubeup.image_store.survey import NodeImages, chain_ids
from kubeup.images.archive_reader import MANIFEST, Blob, Image
from kubeup.model.cluster import Cluster, Node, Runtime
from kubeup.model.events import Event, Finished, Phase, Working
from kubeup.model.facts import Facts
from kubeup.model.resources import STORE, Action, Binary
from kubeup.node.wire.packing import Packer, Piece
from kubeup.node.wire.payload import Payload, finished
from kubeup.node.wire.step_lines import Writer
from kubeup.node.wire.transport import NodeConnection
from kubeup.plan.steps import PUSHED
from kubeup.sources import cache

NAME = "blob"
SLOWEST = 100_000
"""Bytes a second: a slower connection has its trip ended."""
LOAD_SECONDS = 900


@dataclass(frozen=True)
class Pushed:
    """What came to one node. names: the images it lacked. bytes: sent, all told. seconds: from the first byte until
    its runtime had them unpacked. sending: until the last byte was on its way."""

    names: tuple[str, ...]
    bytes: int = 0
    seconds: float = 0.0
    sending: float = 0.0


def push(
    job: Job,
    cluster: Cluster,
    images: Sequence[Image],
    facts: Mapping[str, Facts],
    had: Mapping[str, NodeImages],
    packer: Packer | None = None,
) -> Results[Pushed]:
    """Bring to every worker that answered what it lacks of these images, all at once; one that fails stops no other.

    facts, had: by node.endpoint, what ``survey`` found. Images of another architecture than a node's are not for it.
    """
    job.emit(Phase("pushing images"))
    packer = packer or Packer(cache.cache_root() / "packed")
    runtime = cluster.runtime or Runtime.CONTAINERD

    def bring(node: Node, connection: NodeConnection) -> Pushed:
        lacking = lacks(images, facts[node.endpoint].arch, had[node.endpoint])
        if not lacking:
            return Pushed(())
        trip = trip_of(lacking, runtime, had[node.endpoint], facts[node.endpoint])
        return _carry(job, node, connection, trip, packer, tuple(name for one in lacking for name in one.names))

    results = job.fleet.each([node for node in cluster.workers if node.endpoint in had], bring)
    tell_failures(results, cluster.nodes, job.emit)
    return results


def _carry(
    job: Job, node: Node, connection: NodeConnection, trip: Payload, packer: Packer, names: tuple[str, ...]
) -> Pushed:
    """One trip, with as much time as its bytes need on a slow line; and what it took."""
    size = sum(piece.binary.size for piece in trip.pieces)
    trip = replace(trip, timeout=LOAD_SECONDS + size / SLOWEST)
    begin, before = time.monotonic(), connection.sent
    last = begin

    def watched(event: Event) -> None:
        nonlocal last
        if isinstance(event, Working) and event.bytes:
            last = time.monotonic()
        job.emit(event)

    trips.carry_out(node, connection, trip, job.operator, watched, packer)
    seconds = time.monotonic() - begin
    job.emit(Finished(node.title, "pushing images", seconds))
    return Pushed(names, connection.sent - before, seconds, last - begin)


def lacks(images: Sequence[Image], arch: str, had: NodeImages) -> tuple[Image, ...]:
    """Those of its architecture of which a name is missing, or means another image."""
    return tuple(one for one in images if one.arch == arch and not has(one, had))


def has(image: Image, had: NodeImages) -> bool:
    idents = (image.id, hashlib.sha256(image.manifest).hexdigest())
    return all(had.images.get(name) in idents for name in image.names)


def trip_of(images: Sequence[Image], runtime: Runtime, had: NodeImages, facts: Facts) -> Payload:
    """One trip that brings some images to a node. Its last use of a layer removes it from kubeup's store."""
    # A Docker with containerd's store has blobs, one with its own has stacks of layers.
    by_stack = runtime is Runtime.DOCKER and not had.blobs
    writer, known = Writer(), set(had.chains if by_stack else had.blobs)
    parts: list[tuple[Image, list[Blob]]] = []
    for image in images:
        keys = chain_ids(f"sha256:{one}" for one in image.diffs)
        if not by_stack:
            keys = tuple(one.sha256 for one in image.layers)
        parts.append((image, [layer for layer, key in zip(image.layers, keys, strict=True) if key not in known]))
        known.update(keys)
    needed = {layer.sha256: layer for _, layers in parts for layer in layers}
    pieces = []
    # Small ones first: by the time of the large ones the connection's speed is known.
    for layer in sorted(needed.values(), key=lambda one: one.size):
        if layer.sha256 not in facts.store:
            pieces.append(_piece(layer, facts.pieces))
            writer.line("storing a layer", "store-binary", layer.sha256, NAME)
    for number, (image, layers) in enumerate(parts):
        later = {layer.sha256 for _, others in parts[number + 1 :] for layer in others}
        done = [layer.sha256 for layer in layers if layer.sha256 not in later]
        writer.action(_load(writer, image, runtime, layers, done, had))
    return finished(writer, pieces)


def _piece(layer: Blob, arrived: Mapping[str, int]) -> Piece:
    offset = arrived.get(layer.sha256, 0)
    binary = Binary(NAME, "", layer.sha256, layer.size)
    packed = arrived.get(f"{layer.sha256}.gz", 0)
    return Piece(binary, layer.path, offset if offset < layer.size else 0, packed, layer.start)


def _load(
    writer: Writer, image: Image, runtime: Runtime, layers: Sequence[Blob], done: Sequence[str], had: NodeImages
) -> Action:
    """The step that hands an image to the runtime."""
    script = [
        "set -e",
        "rm -rf image",
        "mkdir -p image/blobs/sha256",
        'printf \'{"imageLayoutVersion":"1.0.0"}\' >image/oci-layout',
    ]
    script += [f"cp blob/{writer.blob(content)} image/{path}" for path, content in _parts(image).items()]
    script += [f"ln {STORE}/{one.sha256}/{NAME} image/blobs/sha256/{one.sha256}" for one in layers]
    send = "tar -C image -cf - oci-layout index.json manifest.json blobs"
    if runtime is Runtime.DOCKER:
        script.append(f"{send} | docker load")
        script += [f"docker image inspect {sh(name)} >/dev/null" for name in image.names]
    else:
        script.append(f"{send} | {CTR} images import -")
        script += map(has_image, image.names)
        # Where no registry has it, kubelet must not remove it to make room.
        script += [f"{CTR} images label {sh(name)} io.cri-containerd.pinned=pinned >/dev/null" for name in image.names]
    script += ["rm -rf image", *(f"rm -rf {STORE}/{one}" for one in done)]
    ours = [name for name in image.names if name not in had.images]
    undo = remove_images(ours) if runtime is Runtime.DOCKER and ours else ""
    ident = PUSHED + hashlib.sha256(" ".join(image.names).encode()).hexdigest()[:16]
    title = f"image {image.names[0]}"
    return Action(ident, title, "images", check="", apply="\n".join(script), undo=undo, timeout=LOAD_SECONDS)


def _parts(image: Image) -> Mapping[str, bytes]:
    """The small files of an OCI layout, with manifest.json for Docker: path -> content."""
    manifest = image.manifest
    digest = hashlib.sha256(manifest).hexdigest()
    entries = [
        {
            "mediaType": MANIFEST,
            "digest": f"sha256:{digest}",
            "size": len(manifest),
            "annotations": {"io.containerd.image.name": name},
        }
        for name in image.names
    ]
    config = f"blobs/sha256/{image.id}"
    listed = {
        "Config": config,
        "RepoTags": list(image.names),
        "Layers": [f"blobs/sha256/{one.sha256}" for one in image.layers],
    }
    return {
        "index.json": json.dumps({"schemaVersion": 2, "manifests": entries}).encode(),
        "manifest.json": json.dumps([listed]).encode(),
        f"blobs/sha256/{digest}": manifest,
        config: image.config,
    }
