"""Image archives, written and put together from what a registry sends."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import pytest

from kubeup.images import archive_writer
from kubeup.model.errors import ReleaseError
from tests.support.archives import contents


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_an_archive_is_the_same_every_time_and_says_what_it_is() -> None:
    one = archive_writer.docker_archive("registry.k8s.io/pause:3.10.2", {"pause": b"program"}, ("/pause",), "arm64")
    assert one == archive_writer.docker_archive(
        "registry.k8s.io/pause:3.10.2", {"pause": b"program"}, ("/pause",), "arm64"
    )
    found = contents(one)
    (manifest,) = json.loads(found["manifest.json"])
    assert manifest["RepoTags"] == ["registry.k8s.io/pause:3.10.2"]
    assert manifest["Config"] == f"{hashlib.sha256(found[manifest['Config']]).hexdigest()}.json"
    config = json.loads(found[manifest["Config"]])
    assert (config["architecture"], config["os"]) == ("arm64", "linux")
    assert config["config"]["Entrypoint"] == ["/pause"]
    assert config["rootfs"]["diff_ids"] == [digest(found[layer]) for layer in manifest["Layers"]]
    with tarfile.open(fileobj=io.BytesIO(found[manifest["Layers"][0]])) as layer:
        (file,) = layer.getmembers()
        assert (file.name, file.mode, file.mtime, file.uid) == ("pause", 0o755, 0, 0)


def test_a_layer_keeps_folders_links_and_capabilities() -> None:
    files: archive_writer.Files = {
        "tmp": archive_writer.LayerEntry(is_dir=True, mode=0o1777),
        "bin/sh": archive_writer.LayerEntry(target="/bin/busybox"),
        "coredns": archive_writer.LayerEntry(b"program", 0o755, capabilities=1 << 10),
    }
    found = contents(
        archive_writer.archive("a/b:1", files, archive_writer.Settings(("/coredns",), user="65532:65532"), "amd64")
    )
    (manifest,) = json.loads(found["manifest.json"])
    with tarfile.open(fileobj=io.BytesIO(found[manifest["Layers"][0]])) as layer:
        assert layer.getmember("tmp").isdir()
        assert layer.getmember("tmp").mode == 0o1777
        assert layer.getmember("bin/sh").linkname == "/bin/busybox"
        # What `setcap cap_net_bind_service=+ep` writes.
        capability = layer.getmember("coredns").pax_headers["SCHILY.xattr.security.capability"]
        assert capability.encode() == bytes.fromhex("0100000200040000000000000000000000000000")


def test_layers_that_are_not_the_configs_are_refused() -> None:
    config = json.dumps({"rootfs": {"diff_ids": [digest(b"another")]}}).encode()
    layer = b"layer"
    parts = {
        "manifests/1": json.dumps(
            {"config": {"digest": digest(config)}, "layers": [{"digest": digest(layer)}]}
        ).encode(),
        f"blobs/{digest(config)}": config,
        f"blobs/{digest(layer)}": layer,
    }
    with pytest.raises(ReleaseError, match="are not those of its config"):
        archive_writer.pull(parts.__getitem__, "example.com/x:1", "1", "amd64")
