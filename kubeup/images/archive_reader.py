"""Files that hold images: what ``docker save`` writes, and OCI layouts in a tar file (skopeo, buildah, ctr export).

A layer stays where it lies in the file: it is sent from there. Every part is held to the digest that names it.
Formats: https://github.com/moby/docker-image-spec and https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from kubeup.images.names import normal, parse
from kubeup.model.errors import ImageError

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
PACKED = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}
SMALL = 8 << 20
NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


@dataclass(frozen=True)
class Blob:
    """A layer. sha256: of its bytes as they lie at ``start`` in ``path``. media: its type in an OCI manifest."""

    sha256: str
    size: int
    path: Path
    start: int
    media: str


@dataclass(frozen=True)
class Image:
    """One image of one architecture. names: complete ones. config: the bytes that its id is the sha256 of."""

    names: tuple[str, ...]
    config: bytes
    layers: tuple[Blob, ...]

    @property
    def id(self) -> str:
        """Hexadecimal sha256 of its config: the same in every runtime."""
        return hashlib.sha256(self.config).hexdigest()

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.layers)

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        values = json.loads(self.config)
        return values if isinstance(values, dict) else {}

    @property
    def arch(self) -> str:
        return str(self.settings.get("architecture", ""))

    @property
    def diffs(self) -> tuple[str, ...]:
        """sha256 of each layer unpacked, lowest first."""
        return tuple(str(one).removeprefix("sha256:") for one in self.settings["rootfs"]["diff_ids"])

    @property
    def manifest(self) -> bytes:
        """An OCI manifest of it; the same bytes every time."""
        layers = [{"mediaType": one.media, "digest": f"sha256:{one.sha256}", "size": one.size} for one in self.layers]
        config = {"mediaType": CONFIG, "digest": f"sha256:{self.id}", "size": len(self.config)}
        values = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        return json.dumps(values, separators=(",", ":")).encode()


def read(path: Path, arch: str = "", name: str = "", *, trusted: bool = False) -> tuple[Image, ...]:
    """The images of an uncompressed file. arch: only of this one. name: what to call it, whatever it is called there.

    trusted: layers are what their digests say; the file was looked at before.

    Raises ImageError for a file that holds no image, or not the one it says.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            found = _Archive(path, tar, trusted).images()
    except (tarfile.TarError, OSError) as error:
        raise ImageError(f"{path} is no archive of images", evidence=[str(error)], fix=HOW) from error
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ImageError(f"{path} is not laid out as an archive of images", evidence=[repr(error)], fix=HOW) from error
    if name:
        found = tuple(Image((normal(name),), one.config, one.layers) for one in found)
    chosen = tuple(one for one in found if not arch or one.arch == arch)
    if not chosen:
        there = ", ".join(sorted({one.arch for one in found})) or "none"
        raise ImageError(f"{path} holds no image for {arch or 'Linux'}", evidence=[f"it has: {there}"])
    if any(not one.names for one in chosen):
        raise ImageError(f"an image in {path} has no name", fix="say it: kubeup images push --name REPOSITORY:TAG FILE")
    for one in (name for image in chosen for name in image.names):
        if parse(one) is None:
            raise ImageError(f"{path} has an image of the name {one!r}, which is none", fix="say another with --name")
    return chosen


HOW = "take a file that `docker save`, `ctr images export` or `skopeo copy ... oci-archive:FILE` wrote"


class _Archive:
    """An open file and its members."""

    def __init__(self, path: Path, tar: tarfile.TarFile, trusted: bool) -> None:
        self._path, self._tar, self._trusted = path, tar, trusted
        self._members = {posixpath.normpath(info.name): info for info in tar}
        self._digests: dict[int, str] = {}

    def images(self) -> tuple[Image, ...]:
        if "index.json" in self._members:
            return self._of_index(self._json(self._small("index.json")), ())
        return tuple(self._of_docker(one) for one in json.loads(self._small("manifest.json")))

    def _of_docker(self, values: Mapping[str, Any]) -> Image:
        names = tuple(normal(name) for name in values.get("RepoTags") or ())
        image = Image(names, self._small(values["Config"]), ())
        pairs = zip(values["Layers"], image.diffs, strict=True)
        image = replace(image, layers=tuple(self._blob(path, diff) for path, diff in pairs))
        for layer, diff in zip(image.layers, image.diffs, strict=True):
            if layer.media == LAYER and layer.sha256 != diff:
                raise self._damaged("a layer", diff, layer.sha256)
        return image

    def _of_index(self, index: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Image, ...]:
        found: list[Image] = []
        for entry in index["manifests"]:
            member = self._place(entry["digest"])
            # An archive of one platform still lists the others, and attestations are no images.
            if member not in self._members or (entry.get("platform") or {}).get("os") == "unknown":
                continue
            given = entry.get("annotations") or {}
            own = next((normal(given[key]) for key in NAMES if _is_name(given.get(key, ""))), "")
            mine = (own,) if own else names
            values = self._json(self._checked(entry["digest"]))
            found += self._of_index(values, mine) if "manifests" in values else [self._of_manifest(values, mine)]
        return _merged(found)

    def _of_manifest(self, values: Mapping[str, Any], names: tuple[str, ...]) -> Image:
        layers = []
        for one in values["layers"]:
            blob = self._blob(self._place(one["digest"]), one["digest"].removeprefix("sha256:"))
            if f"sha256:{blob.sha256}" != one["digest"]:
                raise self._damaged("a layer", one["digest"], blob.sha256)
            layers.append(blob)
        return Image(names, self._checked(values["config"]["digest"]), tuple(layers))

    def _place(self, digest: str) -> str:
        return f"blobs/{digest.replace(':', '/')}"

    def _checked(self, digest: str) -> bytes:
        content = self._small(self._place(digest))
        got = hashlib.sha256(content).hexdigest()
        if f"sha256:{got}" != digest:
            raise self._damaged("a part", digest, got)
        return content

    def _damaged(self, what: str, expected: str, got: str) -> ImageError:
        return ImageError(
            f"{self._path} is damaged",
            evidence=[f"{what} should have sha256 {expected.removeprefix('sha256:')}", f"and has {got}"],
            fix="make or fetch the file again",
        )

    def _json(self, content: bytes) -> Mapping[str, Any]:
        values = json.loads(content)
        if not isinstance(values, dict):
            raise TypeError("not a mapping")
        return values

    def _info(self, name: str) -> tarfile.TarInfo:
        info = self._members[posixpath.normpath(name)]
        # Older Dockers write a layer once, and links to it.
        for _ in range(8):
            if not (info.issym() or info.islnk()):
                return info
            base = posixpath.dirname(info.name) if info.issym() else ""
            info = self._members[posixpath.normpath(posixpath.join(base, info.linkname))]
        raise ValueError(f"{name} is a link to itself")

    def _small(self, name: str) -> bytes:
        info = self._info(name)
        file = self._tar.extractfile(info)
        if file is None or info.size > SMALL:
            raise ValueError(f"{name} is no description of an image")
        return file.read()

    def _blob(self, name: str, said: str) -> Blob:
        """said: its sha256, if it is not packed beside its description."""
        info = self._info(name)
        with self._path.open("rb") as file:
            file.seek(info.offset_data)
            head = file.read(2)
        if info.offset_data not in self._digests:
            # A packed layer of Docker's is described by what it is unpacked.
            sure = self._trusted and (head not in PACKED or "index.json" in self._members)
            self._digests[info.offset_data] = said if sure else _sha256(self._path, info.offset_data, info.size)
        return Blob(
            self._digests[info.offset_data], info.size, self._path, info.offset_data, LAYER + PACKED.get(head, "")
        )


def _sha256(path: Path, start: int, size: int) -> str:
    digest, left = hashlib.sha256(), size
    with path.open("rb") as file:
        file.seek(start)
        while left and (chunk := file.read(min(left, 1 << 20))):
            digest.update(chunk)
            left -= len(chunk)
    if left:
        raise tarfile.TarError(f"the file ends {left} bytes too early")
    return digest.hexdigest()


def _is_name(text: object) -> bool:
    """A reference, and not a tag alone as skopeo writes it."""
    return isinstance(text, str) and ("/" in text or ":" in text)


def _merged(images: list[Image]) -> tuple[Image, ...]:
    """An image that is listed once a name, once with all its names."""
    found: dict[bytes, Image] = {}
    for one in images:
        known = found.get(one.config)
        names = tuple(dict.fromkeys((*known.names, *one.names))) if known else one.names
        found[one.config] = Image(names, one.config, one.layers)
    return tuple(found.values())
