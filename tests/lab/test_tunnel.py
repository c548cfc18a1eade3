"""``--proxy-through-me``: a registry that only the operator's machine reaches serves nodes without any way out."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import registry
from tests.lab.conftest import CTR, Cluster
from tests.support import archives
from tests.support.archives import Made, layer
from tests.support.forward_proxy import ForwardProxy
from tests.support.polling import settle

pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)
HUB = "hub.example"
CONFIG = """version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {0}/data}}}}
http: {{addr: "127.0.0.1:{1}"}}
"""
LEFT = """
ss -Hltnp 'src 127.0.0.1' | grep sshd
grep -rl 'http://kubeup:' /etc /run/systemd /var/lib/kubeup --exclude-dir=containerd --exclude-dir=store
"""


@dataclass(frozen=True)
class Hub:
    """image: in the registry. nowhere: not there."""

    image: str
    nowhere: str
    proxy: ForwardProxy


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """On this machine's loopback, under a name that only this machine's own proxy knows."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "config.yml"
    config.write_text(CONFIG.format(tmp_path, port))
    process = subprocess.Popen([registry.unpack(tmp_path), "serve", config], stderr=subprocess.DEVNULL)
    proxy = ForwardProxy("127.0.0.1", "ann:secret", {HUB: "127.0.0.1"})
    try:
        settle(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 20, "a registry")
        made = Made(f"{HUB}:{port}/app:1", (layer("tunnelled", 5_000_000),))
        registry.push(f"http://127.0.0.1:{port}", "app", "1", archives.docker(made))
        yield Hub(made.name, f"{HUB}:{port}/nobody:1", proxy)
    finally:
        proxy.close()
        process.terminate()
        process.wait(10)


def test_nodes_pull_through_the_operator_and_nothing_of_it_is_left(cluster: Cluster, hub: Hub) -> None:
    cluster.profile(
        insecure_registries=f"['{hub.image.partition('/')[0]}']", images=f"['{hub.image}', '{hub.nowhere}']"
    )
    # The operator's own way out.
    cluster.extra = {"http_proxy": hub.proxy.url, "HTTP_PROXY": hub.proxy.url}
    done = cluster.kubeup("up", "--no-validate", "--proxy-through-me")
    assert done.returncode == 0, done.stdout + done.stderr
    for node in ("node3", "node4"):
        assert f"{node}: pulled {hub.image} through this machine" in done.stderr, done.stderr
        assert f"{hub.nowhere} was not pulled: {hub.nowhere.partition('/')[0]} has no" in done.stderr
        assert hub.image in cluster.on(node, f"{CTR} images ls -q")
        assert cluster.on(node, LEFT) == ""
    assert f"through this machine: {hub.image.partition('/')[0]}: " in done.stderr
    assert "secret" not in done.stderr
    # What is there is not pulled again.
    again = cluster.kubeup("up", "--no-validate", "--proxy-through-me")
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"pulled {hub.image}" not in again.stderr
