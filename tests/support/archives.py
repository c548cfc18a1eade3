"""Archives of images as other tools write them: docker save's, and OCI layouts (skopeo's, buildah's)."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OCI = "application/vnd.oci.image"
ARCH = "amd64"
# Puts an archive into a file: the fixture `write`.
Write = Callable[[bytes], Path]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tar(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    """links: symbolic ones, path -> target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return out.getvalue()


def layer(name: str, size: int = 100) -> bytes:
    """One file that does not compress, the same bytes every time."""
    return tar({name: random.Random(name).randbytes(size)})


@dataclass(frozen=True)
class Made:
    """An image of some layers, lowest first."""

    name: str
    layers: tuple[bytes, ...]
    arch: str = ARCH

    @property
    def config(self) -> bytes:
        diffs = [f"sha256:{sha256(one)}" for one in self.layers]
        values = {"architecture": self.arch, "os": "linux", "config": {"Labels": {"is": self.name}}}
        return json.dumps({**values, "rootfs": {"type": "layers", "diff_ids": diffs}}).encode()

    @property
    def id(self) -> str:
        return sha256(self.config)


def docker(*images: Made) -> bytes:
    """What ``docker save`` wrote before Docker 25."""
    files: dict[str, bytes] = {}
    listed = []
    for image in images:
        config, paths = f"{image.id}.json", [f"{sha256(one)}/layer.tar" for one in image.layers]
        files |= {config: image.config, **dict(zip(paths, image.layers, strict=True))}
        listed.append({"Config": config, "RepoTags": [image.name], "Layers": paths})
    return tar({**files, "manifest.json": json.dumps(listed).encode()})


def oci(*images: Made, packed: bool = False, names: Sequence[str] = ()) -> bytes:
    """An OCI layout. packed: its layers are gzipped. names: what the index calls the images, if not their names."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes, kind: str) -> dict[str, object]:
        blobs[f"blobs/sha256/{sha256(content)}"] = content
        return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{sha256(content)}", "size": len(content)}

    entries = []
    for image, name in zip(images, names or [one.name for one in images], strict=True):
        kind = "layer.v1.tar+gzip" if packed else "layer.v1.tar"
        layers = [blob(gzip.compress(one, 1, mtime=0) if packed else one, kind) for one in image.layers]
        values = {"schemaVersion": 2, "config": blob(image.config, "config.v1+json"), "layers": layers}
        entry = blob(json.dumps(values).encode(), "manifest.v1+json")
        entries.append({**entry, "annotations": {"org.opencontainers.image.ref.name": name}})
    index = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    return tar({"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index, **blobs})


def contents(archive: bytes) -> dict[str, bytes]:
    """Every file of an archive by its path."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {info.name: file.read() for info in tar if (file := tar.extractfile(info))}


# Two images that share their lowest layer.
IMAGE = Made("lab.example/app:1", (layer("low", 5000), layer("high")))
OTHER = Made("lab.example/other:1", (IMAGE.layers[0], layer("another")))
