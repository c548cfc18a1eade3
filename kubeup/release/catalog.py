"""Where upstream publishes: what rows of releases have in common.

A mirror has the same layout below its own URL, upstream's host name being the first folder:
MIRROR/dl.k8s.io/release/v1.37.2/bin/linux/amd64/kubelet.
"""

from __future__ import annotations

from kubeup.model.cluster import KUBERNETES, Program
from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import ArtifactRef, ReleaseRow

GITHUB = "github.com"
DOCKER_ARCH = {"amd64": "x86_64", "arm64": "aarch64"}
REGISTRIES = {"docker.io": "registry-1.docker.io"}
"""Where a registry's name is not where it answers."""


def kubernetes_binary(name: str) -> ReleaseRow:
    """One of Kubernetes' own programs."""
    return ReleaseRow(
        (name,),
        KUBERNETES,
        "dl.k8s.io/release/v{v}/bin/linux/{arch}/{name}",
        sums="dl.k8s.io/release/v{v}/bin/linux/{arch}/{name}.sha256",
        module="kubernetes",
    )


def manifest_url(image: str) -> str:
    """Where a registry has the manifest of REPOSITORY:TAG, without a scheme."""
    repository, _, tag = image.rpartition(":")
    host, _, path = repository.partition("/")
    return f"{REGISTRIES.get(host, host)}/v2/{path}/manifests/{tag}"


def image(name: str, program: Program, repository: str, tag: str, module: str, *, optional: bool = False) -> ReleaseRow:
    """An image. repository: with its registry's host. tag: with {v} for the version."""
    url = manifest_url(f"{repository}:{tag}")
    return ReleaseRow((name,), program, url, module=module, image=f"{repository}:{tag}", optional=optional)


def row_of(wanted: ArtifactRef) -> ReleaseRow:
    """How upstream publishes it. Raises ReleaseError for what only a name is known of."""
    if wanted.row is None:
        raise ReleaseError(f"kubeup knows no release of `{wanted.name}`", fix="kubeup release list")
    return wanted.row


def fill(pattern: str, wanted: ArtifactRef) -> str:
    """A URL or member with its version, architecture and name."""
    return pattern.format(
        v=wanted.version,
        arch=wanted.arch,
        name=wanted.name,
        plain=wanted.name.rpartition(":")[2],
        docker_arch=DOCKER_ARCH.get(wanted.arch, wanted.arch),
    )
