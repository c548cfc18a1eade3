"""Image archives: one written around a binary, byte for byte the same every time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence


def docker_archive(name: str, files: Mapping[str, bytes], entrypoint: Sequence[str], arch: str) -> bytes:
    """A docker-archive of one layer. name: REPOSITORY:TAG; files: path without leading slash -> content, all 0755.

    Format: https://github.com/moby/docker-image-spec (v1.2, "Combined Image JSON + Filesystem Changeset").
    """
    layer = _tar(files)
    config = {
        "architecture": arch,
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint), "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    config_bytes = json.dumps(config, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config_bytes).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    return _tar({config_name: config_bytes, "layer.tar": layer, "manifest.json": json.dumps(manifest).encode()})


def _tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(content), 0o755, 0
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()
