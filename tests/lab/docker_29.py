"""Docker 29, which Ubuntu has and Debian has not yet: its engine built from its Go module, containerd beside it.

The engine's module has versions of its own: 2.0.0-beta.24 asks for the API (1.56) that Docker's command line of 29.8
does (vendor.mod of github.com/docker/cli v29.8.2). Debian 13's command line, of API 1.45, talks to it: 29 takes 1.44
and newer (https://docs.docker.com/engine/release-notes/29/). It gives containers a time namespace, which Debian 13's
runc 1.1 does not know: runc is the release's, too.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from kubeup import components
from kubeup.lab import life
from kubeup.release.artifacts import ArtifactRef
from kubeup.sources import cache, golang
from kubeup.sources.go_builds import RECIPES, Recipe
from tests.lab.conftest import Cluster

MODULE = "2.0.0-beta.24"
VERSION = "29.8.0-beta.24"
ENGINE = Recipe(
    "github.com/moby/moby/v2",
    {name: f"github.com/moby/moby/v2/cmd/{name}" for name in ("dockerd", "docker-proxy")},
    ldflags=lambda _: f"-X github.com/moby/moby/v2/dockerversion.Version={VERSION}",
)
CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")
# The lab's wrapper around runc, where there is one, calls runc.real.
INSTALL = """
systemctl disable -q --now docker docker.socket containerd
cd /root/docker29
if [ -e /usr/sbin/runc.real ]; then mv runc runc.real; fi
for name in *; do install -m 755 "$name" "$(readlink -f "$(command -v "$name")")"; done
rm -rf /root/docker29 /var/lib/docker/* /var/lib/containerd/*
systemctl start containerd docker && docker info --format '{{.ServerVersion}} {{.DriverStatus}}'
"""


def build() -> Mapping[str, Path]:
    """Name -> file. The engine is built in the cache, which keeps it; the rest lies there."""
    RECIPES["docker-engine"] = ENGINE
    root, arch = cache.cache_root(), golang.machine_arch()
    wanted = [ArtifactRef(name, MODULE, arch) for name in ENGINE.packages]
    built = {one.name: path for one, path, _ in golang.build("docker-engine", wanted, root, lambda _: None)}
    versions = {name: components.programs()["containerd"].version for name in CONTAINERD}
    versions["runc"] = components.programs()["runc"].version
    return built | {name: cache.path_of(root, ArtifactRef(name, its, arch)) for name, its in versions.items()}


def install(cluster: Cluster, node: str) -> str:
    """In the place of the node's Docker, whose data goes; what the new one says of itself."""
    cluster.on(node, "mkdir -p /root/docker29")
    for name, path in build().items():
        argv = ["scp", "-q", "-F", str(life.ssh_config(cluster.name)), str(path), f"{node}:/root/docker29/{name}"]
        subprocess.run(argv, check=True, timeout=120)
    return cluster.on(node, INSTALL, limit=180)
