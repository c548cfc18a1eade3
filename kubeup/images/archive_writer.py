"""Image archives: written around a binary, or pulled from a registry, byte for byte the same every time.

An archive is what ``docker save`` writes and ``docker load`` and ``ctr images import`` read: config, layers as plain
tar files, and manifest.json.
Format: https://github.com/moby/docker-image-spec (v1.2, "Combined Image JSON + Filesystem Changeset").
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubeup.model.errors import ReleaseError

LISTS = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
ACCEPT = ", ".join((*LISTS, *MANIFESTS))
"""What a registry is asked for; it answers with one of them."""

Fetch = Callable[[str], bytes]
"""``manifests/TAG``, ``manifests/DIGEST`` or ``blobs/DIGEST`` of one repository -> its bytes. Digests: sha256:HEX."""


@dataclass(frozen=True)
class LayerEntry:
    """One thing in a layer that is more than a program. target: of a symbolic link. is_dir: a folder.

    capabilities: file capabilities, as bits (linux/capability.h), permitted and effective as ``setcap X=+ep`` has them.
    """

    content: bytes = b""
    mode: int = 0o644
    target: str = ""
    is_dir: bool = False
    capabilities: int = 0


Files = Mapping[str, "bytes | LayerEntry"]
"""What is in a layer: path without leading slash -> a program (0755, root's), or a LayerEntry."""


@dataclass(frozen=True)
class Settings:
    """How an image's processes start. user: UID:GID. env: beside PATH."""

    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = "65535:65535"
    env: Sequence[str] = field(default=())


def docker_archive(name: str, files: Files, entrypoint: Sequence[str], arch: str, user: str = "65535:65535") -> bytes:
    """An archive of one layer. name: REPOSITORY:TAG. user: UID:GID the image's processes have."""
    return archive(name, files, Settings(entrypoint, user=user), arch)


def archive(name: str, files: Files, settings: Settings, arch: str) -> bytes:
    """An archive of one layer, with all that an image can say of its processes."""
    layer = _tar(files)
    process: dict[str, Any] = {
        "Entrypoint": list(settings.entrypoint),
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *settings.env],
        "User": settings.user,
    }
    if settings.command:
        process["Cmd"] = list(settings.command)
    config = {
        "architecture": arch,
        "os": "linux",
        "config": process,
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    return pack(name, json.dumps(config, sort_keys=True).encode(), [layer])


def pack(name: str, config: bytes, layers: Sequence[bytes]) -> bytes:
    """An archive of a config and its uncompressed layers, lowest first; the image keeps its id."""
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    named = {f"{hashlib.sha256(layer).hexdigest()}.tar": layer for layer in layers}
    order = [f"{hashlib.sha256(layer).hexdigest()}.tar" for layer in layers]
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": order}]
    return _tar({config_name: config, **named, "manifest.json": json.dumps(manifest).encode()})


def pull(fetch: Fetch, name: str, tag: str, arch: str) -> bytes:
    """An image of a registry as an archive. name: the REPOSITORY:TAG it gets.

    Every part is checked against the digest by which another one names it. Raises ReleaseError.
    Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull
    """
    config, layers = _layers(fetch, name, tag, arch)
    return pack(name, config, layers)


def pull_file(fetch: Fetch, name: str, tag: str, arch: str, path: str) -> bytes:
    """One file of a registry's image, as its processes see it. path: without leading slash. Raises ReleaseError."""
    for layer in reversed(_layers(fetch, name, tag, arch)[1]):
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            for info in tar:
                if info.name.removeprefix("./").removeprefix("/") == path and (file := tar.extractfile(info)):
                    return file.read()
    raise ReleaseError(f"{name} holds no /{path}", fix="has upstream's layout changed? take another version")


def _layers(fetch: Fetch, name: str, tag: str, arch: str) -> tuple[bytes, list[bytes]]:
    """(config, layers as plain tar files, lowest first), each held to its digest."""
    found = describe(fetch, name, tag, arch)
    blobs = [_checked(fetch, "blobs", digest) for digest, _ in found.layers]
    layers = [_plain(blob, name) for blob in blobs]
    described = _json(found.config, f"{name}: its config").get("rootfs")
    wanted = described.get("diff_ids") if isinstance(described, dict) else None
    if [_digest(layer) for layer in layers] != wanted:
        raise ReleaseError(
            f"{name}: the registry's layers are not those of its config",
            evidence=[f"layers: {[_digest(layer) for layer in layers]}", f"config: {wanted}"],
            fix="take another source",
        )
    return found.config, layers


@dataclass(frozen=True)
class Described:
    """What a registry says of an image. layers: (digest, size) as they lie there, lowest first."""

    config: bytes
    layers: tuple[tuple[str, int], ...]


def describe(fetch: Fetch, name: str, tag: str, arch: str) -> Described:
    """The image of a tag for one architecture. Raises ReleaseError."""
    manifest = _json(fetch(f"manifests/{tag}"), f"{name}: the manifest of {tag}")
    if "manifests" in manifest:
        digest = _of_arch(manifest, name, arch)
        manifest = _json(_checked(fetch, "manifests", digest), f"{name}: the manifest {digest}")
    try:
        config = _checked(fetch, "blobs", manifest["config"]["digest"])
        return Described(config, tuple((str(one["digest"]), int(one.get("size", 0))) for one in manifest["layers"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReleaseError(f"{name}: a manifest of the registry lacks {error}", fix="take another source") from error


def _of_arch(index: Mapping[str, Any], name: str, arch: str) -> str:
    found = index["manifests"]
    platforms = [
        (str(one.get("digest", "")), one.get("platform") or {})
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict)
    ]
    for digest, platform in platforms:
        if platform.get("os") == "linux" and platform.get("architecture") == arch:
            return digest
    others = sorted({f"{platform.get('os')}/{platform.get('architecture')}" for _, platform in platforms})
    raise ReleaseError(f"{name} is not there for linux/{arch}", evidence=[f"there is: {', '.join(others)}"])


def _checked(fetch: Fetch, kind: str, digest: str) -> bytes:
    content = fetch(f"{kind}/{digest}")
    if _digest(content) != digest:
        raise ReleaseError(
            "what a registry sent is not what it should be",
            evidence=[f"{kind}/{digest}", f"sha256 of what came: {_digest(content)}", f"sha256 expected:     {digest}"],
            fix="something on the way changes it: take another source",
        )
    return content


def _json(content: bytes, what: str) -> dict[str, Any]:
    try:
        values = json.loads(content)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ReleaseError(f"{what} is no manifest", evidence=[repr(content[:80])], fix="take another source")
    return values


def _plain(blob: bytes, name: str) -> bytes:
    if not blob.startswith(b"\x1f\x8b"):
        return blob
    try:
        return gzip.decompress(blob)
    except (OSError, EOFError, zlib.error) as error:
        raise ReleaseError(f"{name}: a layer cannot be unpacked ({error})", fix="take another source") from error


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _tar(files: Files) -> bytes:
    out = io.BytesIO()
    plain = not any(isinstance(entry, LayerEntry) and entry.capabilities for entry in files.values())
    kind = tarfile.USTAR_FORMAT if plain else tarfile.PAX_FORMAT
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for path, found in sorted(files.items()):
            entry = found if isinstance(found, LayerEntry) else LayerEntry(found, 0o755)
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(entry.content), entry.mode, 0
            if entry.is_dir or entry.target:
                info.type = tarfile.DIRTYPE if entry.is_dir else tarfile.SYMTYPE
                info.linkname = entry.target
            if entry.capabilities:
                info.pax_headers = {"SCHILY.xattr.security.capability": _vfs_cap(entry.capabilities)}
            tar.addfile(info, io.BytesIO(entry.content))
    return out.getvalue()


def _vfs_cap(bits: int) -> str:
    """struct vfs_cap_data, revision 2 with the effective bit: https://man7.org/linux/man-pages/man7/capabilities.7.html

    tarfile writes text; all its bytes are below 0x80 for capabilities whose number modulo 8 is not 7.
    """
    words = (0x02000001, bits & 0xFFFFFFFF, 0, bits >> 32, 0)
    return b"".join(word.to_bytes(4, "little") for word in words).decode("ascii")
