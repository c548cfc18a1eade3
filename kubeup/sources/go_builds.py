"""How the programs of each Go module are built. Facts about each were found by building it; see docs/release.md.

A module has a row here where a release row or an image of an addon names it; what is only downloaded or pulled: none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How the binaries of one module are built.

    module: the Go module. packages: binary or image name -> its main package. cgo: needs a C compiler, linked
    statically. tags: build tags. requires: further modules of the same version. stub: a folder of ``stubs/`` copied
    beside the build's go.mod. extra: lines of that go.mod. ldflags: of a version, for ``go build -ldflags``.
    """

    module: str
    packages: Mapping[str, str]
    cgo: bool = False
    tags: str = ""
    requires: tuple[str, ...] = ()
    stub: str = ""
    extra: str = ""
    ldflags: Callable[[str], str] = lambda _: ""


def _kubernetes_flags(version: str) -> str:
    major, minor, _ = version.split(".", 2)
    values = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "archive",
        "gitCommit": "unknown",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{name}={value}" for package in packages for name, value in values.items())


_TENCENT = "github.com/tencentcloud/tencentcloud-sdk-go"

RECIPES = {
    "kubernetes": Recipe(
        "k8s.io/kubernetes",
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kubelet",
                "kube-proxy",
                "kubectl",
                "kubeadm",
            )
        },
        ldflags=_kubernetes_flags,
    ),
    "etcd": Recipe(
        "go.etcd.io/etcd/server/v3",
        {
            "etcd": "go.etcd.io/etcd/server/v3",
            "etcdctl": "go.etcd.io/etcd/etcdctl/v3",
            "etcdutl": "go.etcd.io/etcd/etcdutl/v3",
        },
        requires=("go.etcd.io/etcd/etcdctl/v3", "go.etcd.io/etcd/etcdutl/v3"),
    ),
    "flannel": Recipe(
        "github.com/flannel-io/flannel",
        {"flanneld": "github.com/flannel-io/flannel"},
        cgo=True,
        tags="netgo,osusergo",
        # One cloud SDK that a backend nobody here uses imports is not on every proxy: a stub has the names it needs.
        stub="tencent-vpc",
        extra=f"replace {_TENCENT}/tencentcloud/vpc => ./tencent-vpc\nexclude {_TENCENT} v1.0.162\n",
        ldflags=lambda version: f"-X github.com/flannel-io/flannel/pkg/version.Version=v{version}",
    ),
    "containerd": Recipe(
        "github.com/containerd/containerd/v2",
        {
            name: f"github.com/containerd/containerd/v2/cmd/{name}"
            for name in ("containerd", "containerd-shim-runc-v2", "ctr")
        },
        ldflags=lambda version: f"-X github.com/containerd/containerd/v2/version.Version=v{version}",
    ),
    "runc": Recipe(
        "github.com/opencontainers/runc",
        {"runc": "github.com/opencontainers/runc"},
        cgo=True,
        tags="seccomp,netgo,osusergo",
        ldflags=lambda version: f"-X main.version={version}",
    ),
    "cni-plugins": Recipe(
        "github.com/containernetworking/plugins",
        {
            "bridge": "github.com/containernetworking/plugins/plugins/main/bridge",
            "loopback": "github.com/containernetworking/plugins/plugins/main/loopback",
            "host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
            "portmap": "github.com/containernetworking/plugins/plugins/meta/portmap",
        },
        ldflags=lambda version: (
            f"-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v{version}"
        ),
    ),
    "coredns": Recipe("github.com/coredns/coredns", {"image:coredns": "github.com/coredns/coredns"}),
    "metrics-server": Recipe(
        "sigs.k8s.io/metrics-server",
        {"image:metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"},
        ldflags=lambda version: f"-X k8s.io/client-go/pkg/version.gitVersion=v{version}",
    ),
    "contour": Recipe(
        "github.com/projectcontour/contour",
        {"image:contour": "github.com/projectcontour/contour/cmd/contour"},
        tags="oidc,gcp,osusergo,netgo",
        ldflags=lambda version: f"-X github.com/projectcontour/contour/internal/build.Version=v{version}",
    ),
    "metallb": Recipe(
        "go.universe.tf/metallb",
        {
            "image:metallb-controller": "go.universe.tf/metallb/controller",
            "image:metallb-speaker": "go.universe.tf/metallb/speaker",
        },
        # FRR-K8s, one of its ways to speak BGP, is not on every proxy; layer 2 does without.
        stub="frr-k8s",
        extra="replace github.com/metallb/frr-k8s => ./frr-k8s\n",
    ),
    "local-path-provisioner": Recipe(
        "github.com/rancher/local-path-provisioner",
        {"image:local-path-provisioner": "github.com/rancher/local-path-provisioner"},
        ldflags=lambda version: f"-X main.VERSION=v{version}",
    ),
    "registry": Recipe(
        "github.com/distribution/distribution/v3",
        {"image:registry": "github.com/distribution/distribution/v3/cmd/registry"},
        ldflags=lambda version: f"-X github.com/distribution/distribution/v3/version.version=v{version}",
    ),
}
STAND_INS: Mapping[tuple[str, str], str] = {
    ("local-path-provisioner", "0.0.36"): "0.0.30",
    ("envoy", "1.38.9"): "1.38.3",
}
"""(module, version) that not every Go module proxy, or the Python package index, has -> the nearest that they have. It
is built in its place where the version itself cannot be fetched; said at each such build, and in docs/release.md."""
