"""From one file to a cluster: no cache, no Go, no pip, no proxy that answers, on nodes that reach nothing."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from kubeup import addons
from kubeup.model.cluster import Versions
from kubeup.sources import bundle
from kubeup.sources.cache import cache_root
from tests.lab.conftest import CTR, Cluster, kubelet
from tests.support import archives
from tests.support.archives import Made, layer

pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)
READY = Path(__file__).parents[2] / "profiles/air-gapped.yaml"
OWN = Made("registry.example.com/team/app:1.4", (layer("own", 1_000_000),))
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def made(cluster: Cluster) -> Path:
    """A bundle of the ready profile with an image of the user's, made where the release cache is."""
    text = READY.read_text().replace("images: []", f"images: [{OWN.name}]")
    nodes = ", ".join(f"root@{address}" for address in cluster.addresses)
    text = re.sub(r"^nodes:.*$", f"nodes: [{nodes}]", text, flags=re.MULTILINE)
    text += f"lab: {cluster.name}\nsources: [cache, go]\nkubelet: {kubelet()}\n"
    (cluster.home / "profile.yaml").write_text(text)
    own = cache_root() / "images/registry.example.com%2Fteam%2Fapp%3A1.4/amd64.tar"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_bytes(archives.docker(OWN))
    done = cluster.kubeup("release", "bundle", "profile.yaml", "-o", "kubeup.tar")
    own.unlink()
    own.parent.rmdir()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"kubeup\.tar: \d+ files, ", done.stdout)
    alone(cluster)
    return cluster.home / "kubeup.tar"


def alone(cluster: Cluster) -> None:
    """Nothing of this machine helps from here on."""
    tools = cluster.home / "bin"
    tools.mkdir()
    for name in ("ssh", "ssh-keygen", "env", "sh"):
        path = next(path for folder in ("/usr/bin", "/bin") if (path := Path(folder, name)).exists())
        (tools / name).symlink_to(path)
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
    cache = {"XDG_CACHE_HOME": str(cluster.home / "elsewhere"), "KUBEUP_CACHE": ""}
    cluster.extra.update({**proxies, **cache, "PATH": str(tools), "GOPROXY": "off", "PIP_INDEX_URL": NOWHERE})


def test_without_the_bundle_nothing_can_be_had(cluster: Cluster, made: Path) -> None:
    done = cluster.kubeup("plan")
    assert done.returncode == 1
    assert "Go is not installed here" in done.stderr


def test_a_bundle_that_was_cut_off_is_refused_before_any_node_is_touched(cluster: Cluster, made: Path) -> None:
    half = made.with_name("half.tar")
    with made.open("rb") as file:
        half.write_bytes(file.read(200_000_000))
    done = cluster.kubeup("up", "--bundle", str(half))
    half.unlink()
    assert done.returncode == 1
    assert "damaged" in done.stderr
    assert "copy or make the bundle again" in done.stderr
    assert cluster.on("node3", "ls /var/lib/kubeup 2>/dev/null").replace("incoming\nlock\n", "") == ""


def test_a_bundle_for_another_version_says_what_it_has(cluster: Cluster, made: Path) -> None:
    other = cluster.home / "other.yaml"
    other.write_text((cluster.home / "profile.yaml").read_text() + "versions: {kubernetes: 1.36.3}\n")
    done = cluster.kubeup("plan", str(other), "--bundle", str(made))
    assert done.returncode == 1
    assert "kubelet 1.36.3 (amd64):" in done.stderr
    assert f"bundle: it has {Versions().kubernetes} (amd64) instead" in done.stderr
    assert "kubeup release bundle PROFILE -o" in done.stderr


def test_up_needs_nothing_but_the_bundle(cluster: Cluster, made: Path) -> None:
    begin = time.monotonic()
    done = cluster.kubeup("up", "--bundle", str(made))
    print(f"up --bundle: {time.monotonic() - begin:.1f} s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Cluster validation succeeded" in done.stdout
    names = [addons.IMAGES[name].reference(Versions()) for name in ("coredns", "metrics-server")]
    for node in ("node3", "node4"):
        there = cluster.on(node, f"{CTR} images ls -q").split()
        assert [name for name in names if name not in there] == []
    # Those who unpacked it once need it no longer.
    assert cluster.json("up", "--no-validate", "--bundle", str(made))["changed"] is False


def test_the_users_own_images_come_out_of_it_too(cluster: Cluster, made: Path) -> None:
    done = cluster.kubeup("images", "pull", "--bundle", str(made))
    assert done.returncode == 0, done.stdout + done.stderr
    checked = cluster.kubeup("images", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert OWN.name in cluster.on("node4", f"{CTR} images ls -q")
    refused = cluster.kubeup("images", "pull", "registry.example.com/other:1", "--bundle", str(made))
    assert refused.returncode == 1
    assert "registry.example.com/other:1 (amd64) is not in the bundle" in refused.stderr


def test_the_same_profile_makes_the_same_bundle(cluster: Cluster, made: Path) -> None:
    """Out of the cache that it filled, this time."""
    text = (cluster.home / "profile.yaml").read_text().replace("sources: [cache, go]", "sources: [cache]")
    (cluster.home / "cached.yaml").write_text(text)
    done = cluster.kubeup("release", "bundle", "cached.yaml", "-o", "again.tar")
    assert done.returncode == 0, done.stdout + done.stderr
    with bundle.opened(made) as one, bundle.opened(cluster.home / "again.tar") as two:
        assert {key: entry.sha256 for key, entry in one.entries.items()} == {
            key: entry.sha256 for key, entry in two.entries.items()
        }
    assert made.read_bytes() == (cluster.home / "again.tar").read_bytes()
    assert cluster.kubeup("down", "--yes", "--no-snapshot").returncode == 0
