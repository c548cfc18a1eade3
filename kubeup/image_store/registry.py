"""Pulling from a registry into an archive, layer by layer: only what describes the image is ever in memory.

Layers stay packed as the registry has them, so that a node which has one of another image's is not sent it again.
Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from kubeup.images import archive_writer
from kubeup.images.archive_reader import CONFIG, LAYER, MANIFEST
from kubeup.images.names import Reference
from kubeup.model.errors import ReleaseError
from kubeup.model.events import EventSink, Working
from kubeup.sources.site import Site

SMALL = 8 << 20
CHUNK = 1 << 20


def pull(site: Site, reference: Reference, arch: str, target: Path, emit: EventSink) -> None:
    """An OCI archive at ``target``, whole or not at all; layers that lie there from an earlier time are kept.

    Raises UnavailableError where the site cannot provide it, ReleaseError where what came must be refused.
    """
    base = f"{site.base}/v2/{reference.path}"
    title = f"pulling {reference}"
    emit(Working("this machine", title))

    def small(part: str) -> bytes:
        headers = {"Accept": archive_writer.ACCEPT} if part.startswith("manifests/") else {}
        return site.read(f"{base}/{part}", SMALL, headers)

    found = archive_writer.describe(small, str(reference), reference.wanted, arch)
    layers = dict.fromkeys(found.layers)
    had, total, done = _members(target), sum(size for _, size in layers), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with partial.open("wb") as out:
            for path, content in _descriptions(found, str(reference)).items():
                out.write(_header(path, len(content)) + content + bytes(-len(content) % 512))
            for digest, size in layers:
                out.write(_header(_place(digest), size))
                place = had.get(_place(digest))
                kept = place is not None and place[1] == size
                chunks = _lying(target, *place) if place and kept else site.open(f"{base}/blobs/{digest}").chunks()
                for chunk in _held(chunks, str(reference), digest, size):
                    out.write(chunk)
                    done += len(chunk)
                    emit(Working("this machine", title, done, total, bytes=True))
                out.write(bytes(-size % 512))
            out.write(bytes(1024))
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def _descriptions(found: archive_writer.Described, name: str) -> Mapping[str, bytes]:
    """The small files of an OCI layout."""
    config = {"mediaType": CONFIG, "digest": _digest(found.config), "size": len(found.config)}
    layers = [{"mediaType": LAYER, "digest": digest, "size": size} for digest, size in found.layers]
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()
    entry = {"mediaType": MANIFEST, "digest": _digest(manifest), "size": len(manifest)}
    named = {**entry, "annotations": {"io.containerd.image.name": name}}
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [named]}).encode(),
        _place(_digest(manifest)): manifest,
        _place(_digest(found.config)): found.config,
    }


def _members(path: Path) -> Mapping[str, tuple[int, int]]:
    """Path inside -> (where it begins, size) of an archive that may be there."""
    try:
        with tarfile.open(path, "r:") as tar:
            return {info.name: (info.offset_data, info.size) for info in tar}
    except (OSError, tarfile.TarError):
        return {}


def _lying(path: Path, start: int, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while size and (chunk := file.read(min(size, CHUNK))):
            size -= len(chunk)
            yield chunk


def _held(chunks: Iterator[bytes], name: str, digest: str, size: int) -> Iterator[bytes]:
    """The bytes of a layer; raises where they are more or others than its name says."""
    got, left = hashlib.sha256(), size
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            break
        got.update(chunk)
        yield chunk
    if left or f"sha256:{got.hexdigest()}" != digest:
        raise ReleaseError(
            f"{name}: a layer that came is not what it should be",
            evidence=[f"{size - left} of {size} bytes", f"sha256 of them: {got.hexdigest()}", f"expected: {digest}"],
            fix="something on the way changes it: take another source",
        )


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o644, 0
    return info.tobuf(format=tarfile.GNU_FORMAT)
