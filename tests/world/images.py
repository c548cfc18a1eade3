"""The images of the world's registries: indexes, manifests and blobs, out of a release cache's archives."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tarfile
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.world import packing, table
from tests.world.packing import CHUNK, LEVEL
from tests.world.shelf import Shelf
from tests.world.table import MACHINES, PublishedImage


@dataclass(frozen=True)
class Manifest:
    """What a registry has at a tag or digest. kind: its media type."""

    kind: str
    content: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"


@dataclass(frozen=True)
class Kinds:
    """Media types of an image's parts."""

    index: str
    manifest: str
    config: str
    layer: str


OCI = Kinds(
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.layer.v1.tar+gzip",
)
DOCKER = Kinds(
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)


class Images:
    """folder: of one's own, for what is packed. Thread-safe; one of a repository is packed at a time."""

    def __init__(self, shelf: Shelf, folder: Path) -> None:
        self._shelf, self._folder = shelf, folder
        self._locks = packing.Locks()
        self._manifests: dict[tuple[str, str], Manifest] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """repository: HOST/PATH. reference: a tag, or the digest of what a tag led to."""
        with self._locks.of(repository):
            if (repository, reference) not in self._manifests and not reference.startswith("sha256:"):
                for row in table.IMAGES:
                    fields = table.matched(row.tag, reference) if row.repository == repository else None
                    if fields:
                        self._build(row, fields["v"], reference)
            return self._manifests.get((repository, reference))

    def blob(self, digest: str) -> Path | None:
        path = self._folder / digest.removeprefix("sha256:")
        return path if re.fullmatch(r"sha256:[0-9a-f]{64}", digest) and path.is_file() else None

    def _build(self, row: PublishedImage, version: str, tag: str) -> None:
        kinds = OCI if row.oci else DOCKER
        described = []
        for arch in MACHINES:
            image = self._of_arch(row, version, arch, kinds)
            if image is None:
                continue
            self._manifests[row.repository, image.digest] = image
            platform = {"architecture": arch, "os": "linux"}
            entry = {"mediaType": image.kind, "digest": image.digest, "size": len(image.content), "platform": platform}
            described.append(entry)
        if described:
            content = {"schemaVersion": 2, "mediaType": kinds.index, "manifests": described}
            index = Manifest(kinds.index, json.dumps(content).encode())
            self._manifests |= {(row.repository, tag): index, (row.repository, index.digest): index}

    def _of_arch(self, row: PublishedImage, version: str, arch: str, kinds: Kinds) -> Manifest | None:
        archive = self._shelf.program(row.archive, version, arch, row.stand_in) if row.archive else None
        if archive and tarfile.is_tarfile(archive):
            config, layers = self._unpacked(archive)
        else:
            # Around a program; or, of the other architecture, around what says that it is not the image.
            holds = {path: self._shelf.program(name, version, arch) for path, name in row.holds.items()} or {
                "is": archive
            }
            there = {path: found for path, found in holds.items() if found}
            if not there:
                return None
            config, layers = self._made(arch, there)
        described = [{"mediaType": kinds.layer, **self._described(digest)} for digest in layers]
        of_config = {"mediaType": kinds.config, **self._described(self._keep(lambda out: out.write(config)))}
        content = {"schemaVersion": 2, "mediaType": kinds.manifest, "config": of_config, "layers": described}
        return Manifest(kinds.manifest, json.dumps(content).encode())

    def _unpacked(self, archive: Path) -> tuple[bytes, list[str]]:
        """(config, digests of the packed layers) of an archive as ``docker save`` writes it."""
        with tarfile.open(archive) as tar:
            said = json.loads(_member(tar, "manifest.json").read())[0]
            config = _member(tar, said["Config"]).read()
            layers = [self._layer(_member(tar, path))[0] for path in said["Layers"]]
        return config, layers

    def _made(self, arch: str, files: Mapping[str, Path]) -> tuple[bytes, list[str]]:
        """The same of an image that is one layer with some files."""
        with tempfile.TemporaryFile(dir=self._folder) as plain:
            with tarfile.open(fileobj=plain, mode="w") as archive:
                packing.fill(archive, (), files)
            plain.seek(0)
            packed, inside = self._layer(plain)
        config = {"architecture": arch, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [inside]}}
        return json.dumps(config).encode(), [packed]

    def _layer(self, plain: IO[bytes]) -> tuple[str, str]:
        """(digest of the packed layer, digest of what is in it)."""
        digest = hashlib.sha256()

        def pack(out: IO[bytes]) -> None:
            with gzip.GzipFile("", "wb", LEVEL, out, mtime=0) as packed:
                while chunk := plain.read(CHUNK):
                    digest.update(chunk)
                    packed.write(chunk)

        return self._keep(pack), f"sha256:{digest.hexdigest()}"

    def _keep(self, write: Callable[[IO[bytes]], object]) -> str:
        """A blob under its own digest."""
        partial = self._folder / f"blob.{threading.get_ident()}"
        packing.put(partial, write)
        digest = packing.sum_of(partial)
        partial.rename(self._folder / digest)
        return f"sha256:{digest}"

    def _described(self, digest: str) -> dict[str, object]:
        return {"digest": digest, "size": (self._folder / digest.removeprefix("sha256:")).stat().st_size}


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    assert file is not None, name
    return file
