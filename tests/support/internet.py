"""Upstream's sites with all that a cluster needs, laid out as upstream publishes it (see Upstream for the server)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping

from kubeup.release.artifacts import ArtifactRef
from kubeup.release.catalog import fill, row_of
from kubeup.sources.github import API, RELEASE_FILE
from tests.support.archives import sha256, tar
from tests.support.upstream import Upstream, tgz

CDN = "release-assets.githubusercontent.com"
HOSTS = (
    "github.com",
    "api.github.com",
    CDN,
    "download.docker.com",
    "dl.k8s.io",
    "registry.k8s.io",
    "ghcr.io",
    "quay.io",
    "registry-1.docker.io",
)


def publish(internet: Upstream, wanted: Iterable[ArtifactRef]) -> None:
    """Every file at its place, its checksum beside it where upstream has one, else as GitHub's API tells it."""
    places: dict[str, list[ArtifactRef]] = {}
    for one in wanted:
        places.setdefault(fill(row_of(one).url, one), []).append(one)
    for path, group in places.items():
        first, row = group[0], row_of(group[0])
        if row.image:
            put_image(internet, path, {"program": first.title.encode()}, first.arch)
            continue
        members = {fill(row.member, one): one.title.encode() for one in group}
        content = tgz(members) if row.member else first.title.encode()
        put_file(internet, path, content)
        if row.sums:
            internet.put(fill(row.sums, first), f"{sha256(content)}  {path.rpartition('/')[2]}\n".encode())
        elif found := RELEASE_FILE.fullmatch(path):
            repository, tag, file = found.groups()
            publish_digests(internet, API.format(repository, tag), {file: sha256(content)})


def put_file(internet: Upstream, path: str, content: bytes) -> None:
    """GitHub sends on to where its files lie."""
    place = f"{CDN}/{path}" if path.startswith("github.com/") else path
    internet.put(place, content)
    if place != path:
        internet.redirects[f"/{path}"] = f"https://{place}?ticket=s3cret"


def publish_digests(internet: Upstream, api: str, sums: Mapping[str, str]) -> None:
    """A release as GitHub's API tells of it; an empty sum is null."""
    assets = [{"name": name, "digest": f"sha256:{digest}" if digest else None} for name, digest in sums.items()]
    internet.put(api, json.dumps({"tag_name": "v1", "assets": assets}).encode())


def put_image(internet: Upstream, manifest: str, files: Mapping[str, bytes], arch: str = "amd64") -> None:
    """An image of two layers, the files in the upper one. manifest: HOST/v2/REPOSITORY/manifests/TAG."""
    base = manifest.rpartition("/manifests/")[0]
    layers = [tar({"etc/passwd": b"root"}), tar(files)]
    diffs = [f"sha256:{sha256(one)}" for one in layers]
    config = json.dumps({"architecture": arch, "os": "linux", "rootfs": {"diff_ids": diffs}}).encode()
    packed = [gzip.compress(one, 1, mtime=0) for one in layers]
    for blob in (config, *packed):
        internet.put(f"{base}/blobs/sha256:{sha256(blob)}", blob)
    described = [{"digest": f"sha256:{sha256(one)}", "size": len(one)} for one in packed]
    of_config = {"digest": f"sha256:{sha256(config)}", "size": len(config)}
    internet.put(manifest, json.dumps({"config": of_config, "layers": described}).encode())
