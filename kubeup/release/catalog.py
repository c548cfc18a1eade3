"""What upstream publishes, and under which URL: one row a binary or image.

A mirror has the same layout below its own URL, upstream's host name being the first folder:
MIRROR/dl.k8s.io/release/v1.37.2/bin/linux/amd64/kubelet.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubeup.model.errors import ReleaseError
from kubeup.release.addon_images import ADDON_IMAGES
from kubeup.release.artifacts import ArtifactRef

GITHUB = "github.com"
DOCKER_ARCH = {"amd64": "x86_64", "arm64": "aarch64"}
REGISTRIES = {"docker.io": "registry-1.docker.io"}
"""Where a registry's name is not where it answers."""


@dataclass(frozen=True)
class Row:
    """url, sums, member: formats with {v}, {arch}, {name}, {plain}, {docker_arch}, without a scheme.

    version: the field of model.Versions that speaks of it. sums: the URL of upstream's checksum of what is at ``url``;
    empty where upstream publishes none (sources/trust.py has what is done then). member: the path inside the archive at
    ``url``; empty where the URL is the file itself. module: what builds it (go_builds.RECIPES, image_builds.BUILDS),
    empty where nothing does. optional: clusters run without it, or get it themselves. image: REPOSITORY:TAG of an
    image, as nodes call it; ``url`` is its manifest in a registry then, and what is kept is an image archive. inside:
    official images that hold the same file at ``inside_path``, as REPOSITORY:TAG.
    """

    names: tuple[str, ...]
    version: str
    url: str
    sums: str = ""
    member: str = ""
    module: str = ""
    optional: bool = False
    image: str = ""
    inside: tuple[str, ...] = ()
    inside_path: str = ""


def manifest_url(image: str) -> str:
    """Where a registry has the manifest of REPOSITORY:TAG, without a scheme."""
    repository, _, tag = image.rpartition(":")
    host, _, path = repository.partition("/")
    return f"{REGISTRIES.get(host, host)}/v2/{path}/manifests/{tag}"


def _image(name: str, version: str, repository: str, tag: str, module: str, *, optional: bool = False) -> Row:
    url = manifest_url(f"{repository}:{tag}")
    return Row((name,), version, url, module=module, image=f"{repository}:{tag}", optional=optional)


ROWS = (
    Row(
        # kubeadm is measured beside kubeup (benchmarks/), and no cluster of kubeup's needs it.
        ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl", "kubeadm"),
        "kubernetes",
        "dl.k8s.io/release/v{v}/bin/linux/{arch}/{name}",
        sums="dl.k8s.io/release/v{v}/bin/linux/{arch}/{name}.sha256",
        module="kubernetes",
    ),
    Row(
        ("etcd", "etcdctl", "etcdutl"),
        "etcd",
        GITHUB + "/etcd-io/etcd/releases/download/v{v}/etcd-v{v}-linux-{arch}.tar.gz",
        sums=GITHUB + "/etcd-io/etcd/releases/download/v{v}/SHA256SUMS",
        member="etcd-v{v}-linux-{arch}/{name}",
        module="etcd",
    ),
    Row(
        ("flanneld",),
        "flannel",
        GITHUB + "/flannel-io/flannel/releases/download/v{v}/flanneld-{arch}",
        inside=("ghcr.io/flannel-io/flannel:v{v}", "docker.io/flannel/flannel:v{v}"),
        inside_path="opt/bin/flanneld",
        module="flannel",
    ),
    Row(
        ("containerd", "containerd-shim-runc-v2", "ctr"),
        "containerd",
        GITHUB + "/containerd/containerd/releases/download/v{v}/containerd-static-{v}-linux-{arch}.tar.gz",
        sums=GITHUB
        + "/containerd/containerd/releases/download/v{v}/containerd-static-{v}-linux-{arch}.tar.gz.sha256sum",
        member="bin/{name}",
        module="containerd",
    ),
    Row(
        ("runc",),
        "runc",
        GITHUB + "/opencontainers/runc/releases/download/v{v}/runc.{arch}",
        sums=GITHUB + "/opencontainers/runc/releases/download/v{v}/runc.sha256sum",
        module="runc",
    ),
    Row(
        ("bridge", "host-local", "loopback", "portmap"),
        "cni_plugins",
        GITHUB + "/containernetworking/plugins/releases/download/v{v}/cni-plugins-linux-{arch}-v{v}.tgz",
        sums=GITHUB + "/containernetworking/plugins/releases/download/v{v}/cni-plugins-linux-{arch}-v{v}.tgz.sha256",
        member="./{name}",
        module="cni-plugins",
    ),
    Row(
        ("cri-dockerd",),
        "cri_dockerd",
        GITHUB + "/Mirantis/cri-dockerd/releases/download/v{v}/cri-dockerd-{v}.{arch}.tgz",
        member="cri-dockerd/cri-dockerd",
    ),
    Row(
        ("crictl",),
        "crictl",
        GITHUB + "/kubernetes-sigs/cri-tools/releases/download/v{v}/crictl-v{v}-linux-{arch}.tar.gz",
        sums=GITHUB + "/kubernetes-sigs/cri-tools/releases/download/v{v}/crictl-v{v}-linux-{arch}.tar.gz.sha256",
        member="crictl",
        optional=True,
    ),
    Row(
        (
            "docker:dockerd",
            "docker:docker",
            "docker:containerd",
            "docker:containerd-shim-runc-v2",
            "docker:ctr",
            "docker:runc",
            "docker:docker-init",
            "docker:docker-proxy",
        ),
        "docker",
        "download.docker.com/linux/static/stable/{docker_arch}/docker-{v}.tgz",
        member="docker/{plain}",
    ),
    _image("pause", "pause", "registry.k8s.io/pause", "{v}", "pause"),
    # Where no source has them, nodes may yet be able to pull them.
    *(_image(one.name, one.version, one.repository, one.tag, one.module, optional=True) for one in ADDON_IMAGES),
    # A registry of one's own: no cluster of kubeup's needs it.
    _image("image:registry", "", "docker.io/library/registry", "{v}", "registry"),
)
BY_NAME = {name: row for row in ROWS for name in row.names}


def row_of(wanted: ArtifactRef) -> Row:
    try:
        return BY_NAME[wanted.name]
    except KeyError:
        raise ReleaseError(f"kubeup knows no release of `{wanted.name}`", fix="kubeup release list") from None


def fill(pattern: str, wanted: ArtifactRef) -> str:
    """A URL or member with its version, architecture and name."""
    return pattern.format(
        v=wanted.version,
        arch=wanted.arch,
        name=wanted.name,
        plain=wanted.name.rpartition(":")[2],
        docker_arch=DOCKER_ARCH.get(wanted.arch, wanted.arch),
    )


def version_field(name: str) -> str:
    """Which field of model.Versions speaks of a binary."""
    return BY_NAME[name].version
