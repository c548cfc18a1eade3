"""Nodes that fetch their binaries by themselves, from a mirror on their own network."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubeup.lab import state
from kubeup.model.cluster import Versions
from kubeup.sources.cache import cache_root
from kubeup.sources.golang import machine_arch
from tests.lab.conftest import Cluster

OF_THE_MIRROR = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubelet", "kube-proxy")


@dataclass
class Mirror:
    """Upstream's layout. refused: (client, file) that is answered 404. asked: (client, method, file)."""

    address: str
    root: Path
    refused: set[tuple[str, str]] = field(default_factory=set)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""

    def serve(self) -> http.server.ThreadingHTTPServer:
        mirror = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def send_head(self) -> object:  # type: ignore[override]
                client, name = self.client_address[0], Path(self.path).name
                mirror.asked.append((client, self.command, name))
                if (client, name) in mirror.refused:
                    self.send_error(404)
                    return None
                return super().send_head()

            def translate_path(self, path: str) -> str:
                return str(mirror.root / path.lstrip("/"))

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer((self.address, 0), Handler)
        self.url = f"http://{self.address}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture
def mirror(cluster: Cluster, tmp_path: Path) -> Iterator[Mirror]:
    found = state.find(cluster.name)
    assert found is not None
    arch = machine_arch()
    version = Versions().kubernetes
    folder = tmp_path / f"mirror/dl.k8s.io/release/v{version}/bin/linux/{arch}"
    folder.mkdir(parents=True)
    for name in OF_THE_MIRROR:
        path = cache_root() / "release" / name / version / arch / name
        (folder / name).symlink_to(path)
        (folder / f"{name}.sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    mirror = Mirror(found.host_address, tmp_path / "mirror")
    server = mirror.serve()
    yield mirror
    server.shutdown()
    server.server_close()


def without(folder: Path, names: tuple[str, ...]) -> None:
    """A cache of one's own that has everything but these."""
    skip = shutil.ignore_patterns("*.part", "download", "build", "log", "packed", *names)
    shutil.copytree(cache_root(), folder, ignore=skip, copy_function=os.symlink)


@pytest.mark.parametrize("cluster", ["debian"], indirect=True)
def test_nodes_download_by_themselves_and_what_one_does_not_get_is_pushed(
    cluster: Cluster, mirror: Mirror, tmp_path: Path
) -> None:
    own = tmp_path / "cache"
    without(own, OF_THE_MIRROR)
    cluster.extra["KUBEUP_CACHE"] = str(own)
    cluster.profile(sources=f"[cache, {mirror.url}]")
    first, second = cluster.addresses
    mirror.refused.add((second, "kube-proxy"))
    outcome = cluster.json("up")
    assert outcome["health"]["healthy"] is True  # type: ignore[index]
    fetched = {(client, name) for client, method, name in mirror.asked if method == "GET"}
    assert {(first, name) for name in OF_THE_MIRROR} <= fetched
    assert (second, "kubelet") in fetched
    # The operator asked for sums, and fetched the one file that a node could not get.
    mine = {name for client, name in fetched if client not in (first, second) and not name.endswith(".sha256")}
    assert mine == {"kube-proxy"}
    assert not (own / "release/kubelet" / Versions().kubernetes / machine_arch() / "kubelet").exists()
    sent = {node["name"]: node["bytes"] for node in outcome["nodes"]}  # type: ignore[attr-defined]
    kubelet = (cache_root() / "release/kubelet" / Versions().kubernetes / machine_arch() / "kubelet").stat().st_size
    assert sent["node4"] < 388_000_000 - kubelet
    asked = len(mirror.asked)
    again = cluster.json("up")
    assert again["changed"] is False
    assert len(mirror.asked) == asked, "an unchanged up asks no site"
    assert cluster.kubeup("down", "--yes", "--no-snapshot").returncode == 0
