"""Which paths upstream's sites have and what lies there.

This is the world's own table. It was written from the sources below, two for each layout that do not copy each other,
and never from kubeup's: had both one origin, they would agree whatever upstream has. What kubeup asks for and this
table lacks is a 404, and a fault of one of the two.

* Kubernetes: kubernetes.io/docs/tasks/tools/install-kubectl-linux (the file and its bare ``.sha256``), and kubespray's
  roles/kubespray_defaults/defaults/main/download.yml. ``stable-1.X.txt``: the same page, and kubernetes/k8s.io#7447.
* etcd: etcd-io/etcd scripts/release.sh (``shasum -a 256`` of every archive into SHA256SUMS), kubespray's
  scripts/component_hash_update (SHA256SUMS by its lines), and the install page on etcd.io.
* containerd: its .github/workflows/release.yml (``bin/`` in the archive, ``sha256sum`` of it beside it) with the notes
  of its releases ("which file should I download"), and kubespray: the one for glibc, and ``-static-``.
* runc: script/release_sign.sh and kubespray's download.py, which skips the three lines of a clear-signed message.
* CNI plugins: containernetworking/plugins scripts/release.sh (``tar -C bin .``: members begin with ``./``), kubespray.
* crictl: cri-tools docs/crictl.md and kubespray.
* flannel: flannel-io/flannel Makefile (``dist/flanneld-$(ARCH)``) with .github/workflows/release.yml (``gh release
  upload dist/flannel*``), and sysoperator/kubernetes-formula, pillar/flannel.sls. No checksum is among the files. Its
  images: images/Dockerfile (/opt/bin/flanneld), the same workflow (docker.io/flannel/flannel and
  ghcr.io/flannel-io/flannel) and kubespray.
* cri-dockerd: Mirantis/cri-dockerd packaging/static/Makefile and kubespray. No checksum either.
* Docker: docs.docker.com/engine/install/binaries and docker/docker-install rootless-install.sh. No checksum.
* Images: each project's own manifests for its release, and kubespray's download.yml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
FIELDS = {"v": r"[0-9]+(?:\.[0-9]+)+", "arch": "amd64|arm64", "machine": "x86_64|aarch64"}
GITHUB = "github.com/{}/releases/download/v{{v}}/"


@dataclass(frozen=True)
class Published:
    """A file that upstream has in every version, for both architectures.

    url: HOST/PATH with {v}, {arch} and {machine}. holds: member of the archive -> the program's name in the release
    cache; the one member "" is the file itself. folders: those that the archive names. sums: where its checksum is, and
    sums_as, how: a key of shelf.SUMS. stand_in: nothing here builds it, a script takes its place.
    """

    url: str
    holds: Mapping[str, str]
    folders: tuple[str, ...] = ()
    sums: str = ""
    sums_as: str = "line"
    stand_in: bool = False

    def at(self, version: str, arch: str) -> str:
        return self.url.format(v=version, arch=arch, machine=MACHINES[arch])


@dataclass(frozen=True)
class PublishedImage:
    """An image that a registry has, as an index of both architectures.

    repository: with the host that answers for it. archive: its name in the release cache; else it is made around
    ``holds``, path -> program. oci: media types of OCI, else Docker's. stand_in: as above.
    """

    repository: str
    archive: str = ""
    tag: str = "v{v}"
    holds: Mapping[str, str] = field(default_factory=dict)
    oci: bool = True
    stand_in: bool = False


def _kubernetes(name: str) -> Published:
    url = f"dl.k8s.io/release/v{{v}}/bin/linux/{{arch}}/{name}"
    return Published(url, {"": name}, sums=f"{url}.sha256", sums_as="bare")


def _beside(url: str, suffix: str, holds: Mapping[str, str], folder: str, *, stand_in: bool = False) -> Published:
    """An archive with its sum beside it, as ``sha256sum`` prints it."""
    return Published(url, holds, (folder,) if folder else (), f"{url}{suffix}", stand_in=stand_in)


_ETCD = GITHUB.format("etcd-io/etcd")
_RUNC = GITHUB.format("opencontainers/runc")
_CNI = GITHUB.format("containernetworking/plugins") + "cni-plugins-linux-{arch}-v{v}.tgz"
_CONTAINERD = GITHUB.format("containerd/containerd")
_IN_CONTAINERD = {f"bin/{name}": name for name in ("containerd", "containerd-shim-runc-v2", "ctr")}
_CRICTL = GITHUB.format("kubernetes-sigs/cri-tools") + "crictl-v{v}-linux-{arch}.tar.gz"
_IN_ETCD = "etcd-v{v}-linux-{arch}"
_IN_DOCKER = (
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "docker",
    "docker-init",
    "docker-proxy",
    "dockerd",
    "runc",
)

FILES = (
    *map(
        _kubernetes, ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
    ),
    Published(
        f"{_ETCD}{_IN_ETCD}.tar.gz",
        {f"{_IN_ETCD}/{name}": name for name in ("etcd", "etcdctl", "etcdutl")},
        (_IN_ETCD,),
        f"{_ETCD}SHA256SUMS",
        "list",
    ),
    _beside(f"{_CONTAINERD}containerd-{{v}}-linux-{{arch}}.tar.gz", ".sha256sum", _IN_CONTAINERD, "bin"),
    _beside(f"{_CONTAINERD}containerd-static-{{v}}-linux-{{arch}}.tar.gz", ".sha256sum", _IN_CONTAINERD, "bin"),
    Published(f"{_RUNC}runc.{{arch}}", {"": "runc"}, (), f"{_RUNC}runc.sha256sum", "signed"),
    _beside(_CNI, ".sha256", {f"./{name}": name for name in ("bridge", "host-local", "loopback", "portmap")}, "."),
    _beside(_CRICTL, ".sha256", {"crictl": "crictl"}, "", stand_in=True),
    Published(GITHUB.format("flannel-io/flannel") + "flanneld-{arch}", {"": "flanneld"}),
    Published(
        GITHUB.format("Mirantis/cri-dockerd") + "cri-dockerd-{v}.{arch}.tgz",
        {"cri-dockerd/cri-dockerd": "cri-dockerd"},
        ("cri-dockerd",),
    ),
    Published(
        "download.docker.com/linux/static/stable/{machine}/docker-{v}.tgz",
        {f"docker/{name}": f"docker:{name}" for name in _IN_DOCKER},
        ("docker",),
        stand_in=True,
    ),
)

_FLANNELD = {"opt/bin/flanneld": "flanneld"}
IMAGES = (
    PublishedImage("registry.k8s.io/pause", "pause", "{v}", oci=False),
    PublishedImage("registry.k8s.io/coredns/coredns", "image:coredns", oci=False),
    PublishedImage("registry.k8s.io/metrics-server/metrics-server", "image:metrics-server", oci=False),
    PublishedImage("registry.k8s.io/networking/kube-network-policies", "image:kube-network-policies", stand_in=True),
    PublishedImage("ghcr.io/flannel-io/flannel", holds=_FLANNELD),
    PublishedImage("ghcr.io/projectcontour/contour", "image:contour"),
    PublishedImage("ghcr.io/headlamp-k8s/headlamp", "image:headlamp", stand_in=True),
    PublishedImage("registry-1.docker.io/flannel/flannel", holds=_FLANNELD),
    PublishedImage("registry-1.docker.io/envoyproxy/envoy", "image:envoy", "distroless-v{v}"),
    PublishedImage("registry-1.docker.io/rancher/local-path-provisioner", "image:local-path-provisioner"),
    PublishedImage("quay.io/metallb/controller", "image:metallb-controller", oci=False),
    PublishedImage("quay.io/metallb/speaker", "image:metallb-speaker", oci=False),
)


def matched(pattern: str, text: str) -> dict[str, str] | None:
    """The fields of a text that is of a pattern's form; arch also where the pattern says {machine}."""
    seen: set[str] = set()

    def group(found: re.Match[str]) -> str:
        name = found.group(1)
        again = name in seen
        seen.add(name)
        return f"(?P={name})" if again else f"(?P<{name}>{FIELDS[name]})"

    expression = re.sub(r"\\\{(\w+)\\\}", group, re.escape(pattern))
    found = re.fullmatch(expression, text)
    if found is None:
        return None
    fields = found.groupdict()
    if "machine" in fields:
        fields["arch"] = next(arch for arch, machine in MACHINES.items() if machine == fields["machine"])
    return fields


def of_release(repository: str, tag: str) -> Iterator[tuple[Published, str]]:
    """The files of a release on GitHub, and its version. repository: OWNER/NAME."""
    for row in FILES:
        if row.url.startswith(f"github.com/{repository}/releases/download/") and (found := matched("v{v}", tag)):
            yield row, found["v"]
