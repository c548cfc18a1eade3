"""Registries as users have them: plain http, an own authority with a password, mirrors, and a forward proxy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubeup.components.pause import PAUSE
from kubeup.lab import state
from kubeup.release.artifacts import ArtifactRef
from kubeup.sources import cache
from kubeup.sources.cache import cache_root
from kubeup.sources.golang import machine_arch
from tests.lab import registry
from tests.lab.conftest import Cluster
from tests.lab.host_scan import HostScan
from tests.support.forward_proxy import ForwardProxy, certificate
from tests.support.polling import settle

pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)
LOGIN = "ann:registry-secret"
PROXY_LOGIN = "ann:proxy-secret"
SECRETS = ("registry-secret", "proxy-secret")
HTPASSWD = "ann:$2y$05$"


@dataclass
class Site:
    """What stands in the lab's network. plain, secure: HOST:PORT of registries on node4; ca: of the second."""

    plain: str
    secure: str
    ca: str
    proxy: ForwardProxy
    files: Path


def archive() -> bytes:
    """An image with one program in it that runs until it is ended: pause's."""
    wanted = ArtifactRef("pause", PAUSE.version, machine_arch())
    return cache.path_of(cache_root(), wanted).read_bytes()


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("registry")
    registry.install(cluster, "node4", folder)
    address = cluster.addresses[1]
    ca, key = certificate(address)
    for name, text in (("tls.crt", ca), ("tls.key", key)):
        cluster.feed("node4", f"mkdir -p /srv; cat >/srv/{name} <<'END'\n{text}END\n")
    # A bcrypt hash made by the node's own libcrypt.
    hashed = cluster.on("node4", 'perl -e \'print crypt("registry-secret", "\\$2y\\$05\\$abcdefghijklmnopqrstuu")\'')
    assert hashed.startswith(HTPASSWD.partition(":")[2]), hashed
    cluster.feed("node4", f"cat >/srv/htpasswd <<'END'\nann:{hashed}\nEND\n")
    registry.serve(cluster, "node4", 5000)
    tls = "  tls: {certificate: /srv/tls.crt, key: /srv/tls.key}\nauth: {htpasswd: {realm: lab, path: /srv/htpasswd}}\n"
    registry.serve(cluster, "node4", 5443, tls)
    for name in ("direct/sleeper", "library/sleeper", "mirrored/sleeper", "behind/sleeper"):
        registry.push(f"http://{address}:5000", name, "1", archive())
    registry.push(f"https://{address}:5443", "private/sleeper", "1", archive(), LOGIN, ca)
    found = state.find(cluster.name)
    assert found is not None
    proxy = ForwardProxy(found.host_address, PROXY_LOGIN, {"outside.example": address})
    (folder / "ca.pem").write_text(ca)
    (folder / "login").write_text(f"{LOGIN}\n")
    yield Site(f"{address}:5000", f"{address}:5443", ca, proxy, folder)
    proxy.close()


def run_pod(cluster: Cluster, name: str, image: str, node: str) -> None:
    """The image is pulled by the node and runs."""
    spec = f'{{"spec": {{"nodeName": "{node}", "terminationGracePeriodSeconds": 0}}}}'
    said = cluster.kubectl(f"run {name} --image={image} --image-pull-policy=Always --overrides='{spec}'")
    assert "created" in said, said
    jsonpath = "-o jsonpath='{.status.phase}'"
    try:
        settle(lambda: cluster.kubectl(f"get pod {name} {jsonpath}") == "Running", 60, f"{image} to run on {node}")
    except AssertionError as error:
        raise AssertionError(cluster.kubectl(f"describe pod {name}")[-1500:]) from error
    finally:
        cluster.kubectl(f"delete pod {name} --now")


def test_images_come_from_wherever_the_profile_says(cluster: Cluster, site: Site) -> None:
    cluster.profile(
        insecure_registries=f"['{site.plain}', 'outside.example:5000']",
        registry_mirrors=f"{{docker.io: ['http://{site.plain}'], ghcr.io: ['http://{site.plain}']}}",
        registry_ca=f"{{'{site.secure}': {site.files}/ca.pem}}",
        registry_auth=f"{{'{site.secure}': {site.files}/login}}",
        proxy=f"{{http: '{site.proxy.url}'}}",
    )
    with HostScan(SECRETS) as scan:
        planned = cluster.kubeup("plan", "-o", "json"), cluster.kubeup("plan")
        assert planned[1].returncode == 0, planned[1].stderr
        done = cluster.kubeup("up")
        assert done.returncode == 0, done.stdout + done.stderr
    for told in (*planned, done):
        scan.text("what it says", told.stdout + told.stderr)
    for node in ("node3", "node4"):
        scan.text(f"journal of {node}", cluster.on(node, "journalctl --no-pager -o cat"))
        holders = (
            f"grep -rlE '{'|'.join(SECRETS)}' /etc /var/lib/kubeup /var/lib/kubelet /tmp /var/tmp /run 2>/dev/null"
        )
        kept = cluster.on(node, f"{holders} | grep -v -e /srv/ -e '^/run/log' | xargs -r stat -c '%a %n'")
        assert {line.split()[0] for line in kept.split("\n") if line} <= {"600"}, kept
    scan.folder(cluster.home, besides=[cluster.home / "profile.yaml"])
    scan.folder(cache_root() / "log")
    assert scan.looks > 50
    assert scan.found == set()
    for node in ("node3", "node4"):
        run_pod(cluster, f"direct-{node}", f"{site.plain}/direct/sleeper:1", node)
        run_pod(cluster, f"docker-{node}", "sleeper:1", node)
    run_pod(cluster, "ghcr", "ghcr.io/mirrored/sleeper:1", "node3")
    run_pod(cluster, "private", f"{site.secure}/private/sleeper:1", "node3")
    assert site.proxy.seen == [], "the cluster's own machines are not asked through the proxy"
    run_pod(cluster, "behind", "outside.example:5000/behind/sleeper:1", "node3")
    assert "outside.example" in site.proxy.seen
    modes = cluster.on("node3", "stat -c %a /etc/kubeup/containerd-proxy.env /var/lib/kubelet/config.json")
    assert modes == "600\n600\n"


def test_the_scan_finds_what_is_planted(cluster: Cluster, site: Site, tmp_path: Path) -> None:
    (tmp_path / "left").write_text("... registry-secret ...")
    with HostScan(SECRETS) as scan:
        cluster.on("node3", "sh -c 'sleep 0.5; :' proxy-secret")
    scan.folder(tmp_path)
    assert any(place.startswith("process ") and place.endswith("proxy-secret") for place in scan.found)
    assert f"{tmp_path}/left: registry-secret" in scan.found


def test_another_mirror_restarts_nothing(cluster: Cluster, site: Site) -> None:
    before = cluster.on("node3", "systemctl show -p MainPID kube-containerd kubelet")
    text = (cluster.home / "profile.yaml").read_text().replace("ghcr.io:", "quay.io:")
    (cluster.home / "profile.yaml").write_text(text)
    outcome = cluster.json("up", "--no-validate")
    assert outcome["changed"] is True
    assert all(node["units"] == [] for node in outcome["nodes"])  # type: ignore[attr-defined]
    assert cluster.on("node3", "systemctl show -p MainPID kube-containerd kubelet") == before
    run_pod(cluster, "quay", "quay.io/mirrored/sleeper:1", "node3")
    assert cluster.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    assert cluster.on("node3", "ls -d /etc/kubeup /var/lib/kubelet/config.json /etc/docker/certs.d 2>/dev/null") == ""
