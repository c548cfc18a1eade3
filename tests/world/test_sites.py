"""The world answers as upstream does, as far as those it was written from tell."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from tests.world import names
from tests.world.conftest import World
from tests.world.exchange import Answer, Asked
from tests.world.images import Images
from tests.world.shelf import Shelf
from tests.world.sites import Sites

BUILT = {"kubelet": "1.37.2", "runc": "1.5.2", "flanneld": "0.28.10", "bridge": "1.9.1"}
CNI = ("host-local", "loopback", "portmap")


class Clock:
    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sites(tmp_path: Path, clock: Clock) -> Sites:
    for name, version in (BUILT | dict.fromkeys(CNI, "1.9.1")).items():
        path = tmp_path / "built/release" / name / version / "amd64" / name
        path.parent.mkdir(parents=True)
        path.write_text(f"the bytes of {name}")
    shelf = Shelf(tmp_path / "built", tmp_path / "shelf")
    return Sites(shelf, Images(shelf, tmp_path / "blobs"), api_left=2, now=clock)


def ask(sites: Sites, url: str, headers: Mapping[str, str] | None = None) -> Answer:
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    return sites.answer(Asked("GET", parts.netloc, parts.path, query, headers or {}, "192.0.2.7"))


def text(answer: Answer) -> str:
    return (answer.body.read_bytes() if isinstance(answer.body, Path) else answer.body).decode()


def test_kubernetes_is_at_a_cdn_and_nothing_else_is_there(sites: Sites) -> None:
    first = ask(sites, "https://dl.k8s.io/release/v1.37.2/bin/linux/amd64/kubelet")
    assert (first.status, first.headers["Location"]) == (
        302,
        "https://cdn.dl.k8s.io/release/v1.37.2/bin/linux/amd64/kubelet",
    )
    assert text(ask(sites, first.headers["Location"])) == "the bytes of kubelet"
    assert len(text(ask(sites, f"{first.headers['Location']}.sha256"))) == 64
    assert text(ask(sites, "https://cdn.dl.k8s.io/release/stable-1.37.txt")) == "v1.37.2"
    for path in ("v1.37.3/bin/linux/amd64/kubelet", "v1.37.2/bin/linux/amd64/kubeadm", "stable-1.36.txt"):
        assert ask(sites, f"https://cdn.dl.k8s.io/release/{path}").status == 404


def test_a_file_on_github_is_behind_a_ticket_that_expires(sites: Sites, clock: Clock) -> None:
    page = "https://github.com/opencontainers/runc/releases/download/v1.5.2/runc.amd64"
    place = ask(sites, page).headers["Location"]
    assert place.startswith("https://release-assets.githubusercontent.com/github-production-release-asset/")
    assert text(ask(sites, place)) == "the bytes of runc"
    assert ask(sites, place, {"authorization": "Bearer x"}).status == 400
    assert ask(sites, place.replace("sig=", "sig=0")).status == 403
    assert ask(sites, place.partition("?")[0]).status == 403
    clock.time += 301
    assert ask(sites, place).status == 403
    assert ask(sites, ask(sites, page).headers["Location"]).status == 200


def test_sums_are_written_as_each_project_writes_them(sites: Sites) -> None:
    release = "https://github.com/{}/releases/download/{}"
    runc = ask(sites, ask(sites, release.format("opencontainers/runc", "v1.5.2/runc.sha256sum")).headers["Location"])
    lines = text(runc).split("\n")
    assert lines[:3] == ["-----BEGIN PGP SIGNED MESSAGE-----", "Hash: SHA256", ""]
    assert [line.split()[1] for line in lines[3:5]] == ["runc.amd64", "runc.arm64"]
    archive = "v1.9.1/cni-plugins-linux-amd64-v1.9.1.tgz"
    cni = ask(sites, ask(sites, release.format("containernetworking/plugins", archive)).headers["Location"])
    assert isinstance(cni.body, Path)
    with tarfile.open(cni.body) as tar:
        assert [one.rstrip("/") for one in tar.getnames()] == [".", "./bridge", *(f"./{name}" for name in CNI)]
    beside = ask(sites, release.format("containernetworking/plugins", f"{archive}.sha256")).headers["Location"]
    summed = subprocess.run(
        ["sha256sum", cni.body.name], cwd=cni.body.parent, capture_output=True, text=True, check=True
    )
    assert text(ask(sites, beside)) == summed.stdout


def test_the_api_tells_digests_until_its_limit(sites: Sites, clock: Clock) -> None:
    url, agent = "https://api.github.com/repos/flannel-io/flannel/releases/tags/v0.28.10", {"user-agent": "test"}
    assert ask(sites, url).status == 403
    told = ask(sites, url, agent)
    assert told.headers["x-ratelimit-remaining"] == "1"
    digests = {one["name"]: one["digest"] for one in json.loads(text(told))["assets"]}
    assert set(digests) == {"flanneld-amd64", "flanneld-arm64"}
    assert all(digest.startswith("sha256:") for digest in digests.values())
    assert ask(sites, url.replace("v0.28.10", "v0.1.1"), agent).status == 404
    refused = ask(sites, url, agent)
    assert (refused.status, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert int(refused.headers["x-ratelimit-reset"]) == int(clock.time) + 3600
    clock.time += 3600
    assert ask(sites, url, agent).status == 200


@pytest.mark.parametrize("host", ["ghcr.io/flannel-io", "registry-1.docker.io/flannel"])
def test_a_registry_gives_nothing_without_the_token_for_that_repository(sites: Sites, host: str) -> None:
    host, owner = host.split("/")
    base = f"https://{host}/v2/{owner}/flannel"
    refused = ask(sites, f"{base}/manifests/v0.28.10")
    assert refused.status == 401
    challenge = dict(part.split("=", 1) for part in refused.headers["WWW-Authenticate"][len("Bearer ") :].split(","))
    realm, service = challenge["realm"].strip('"'), challenge["service"].strip('"')
    other = json.loads(text(ask(sites, f"{realm}?service={service}&scope=repository:someone/else:pull")))["token"]
    assert ask(sites, f"{base}/manifests/v0.28.10", {"authorization": f"Bearer {other}"}).status == 401
    token = json.loads(text(ask(sites, f"{realm}?service={service}&scope=repository:{owner}/flannel:pull")))["token"]
    mine = {"authorization": f"Bearer {token}"}
    assert ask(sites, f"{base}/manifests/v0.28.10", {**mine, "accept": "application/json"}).status == 404
    index = json.loads(text(ask(sites, f"{base}/manifests/v0.28.10", mine)))
    assert [one["platform"]["architecture"] for one in index["manifests"]] == ["amd64", "arm64"]
    manifest = json.loads(text(ask(sites, f"{base}/manifests/{index['manifests'][0]['digest']}", mine)))
    away = ask(sites, f"{base}/blobs/{manifest['layers'][0]['digest']}", mine)
    assert away.status == 307
    assert urllib.parse.urlsplit(away.headers["Location"]).netloc not in (host, "")
    blob = ask(sites, away.headers["Location"])
    assert isinstance(blob.body, Path)
    with tarfile.open(fileobj=io.BytesIO(blob.body.read_bytes()), mode="r:gz") as layer:
        file = layer.extractfile("opt/bin/flanneld")
        assert file is not None
        assert file.read() == b"the bytes of flanneld"


def test_kubernetes_registry_keeps_nothing_itself(sites: Sites) -> None:
    manifest = ask(sites, "https://registry.k8s.io/v2/pause/manifests/3.10.2")
    assert manifest.status == 307
    assert "-docker.pkg.dev/v2/k8s-artifacts-prod/images/pause/manifests/3.10.2" in manifest.headers["Location"]
    blob = ask(sites, f"https://registry.k8s.io/v2/pause/blobs/sha256:{'a' * 64}")
    assert blob.status == 307
    assert ".amazonaws.com/containers/images/sha256:aaa" in blob.headers["Location"]
    assert ask(sites, blob.headers["Location"]).status == 404
    assert ask(sites, "https://registry.k8s.io/v2/").status == 401


def test_only_its_own_names_lead_anywhere() -> None:
    def asked(name: str, kind: str) -> dns.message.Message:
        known = frozenset(("github.com",))
        return dns.message.from_wire(names.answer(dns.message.make_query(name, kind).to_wire(), known, "192.0.2.1"))

    assert [str(one) for one in asked("GitHub.com", "A").answer[0]] == ["192.0.2.1"]
    no_ipv6 = asked("github.com", "AAAA")
    assert (no_ipv6.rcode(), no_ipv6.answer) == (dns.rcode.NOERROR, [])
    assert asked("example.com", "A").rcode() == dns.rcode.NXDOMAIN


def test_curl_trusts_it_goes_on_where_it_broke_off_and_finds_no_other_host(world: World, tmp_path: Path) -> None:
    """A client of somebody else's, as nodes have it."""
    path = world.cache / "release/runc/1.5.2/amd64/runc"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"the bytes of runc")
    common = ["curl", "-sSfL", "--proxy", world.proxy, "--cacert", str(world.authority)]
    url = "https://github.com/opencontainers/runc/releases/download/v1.5.2/runc.amd64"
    (tmp_path / "part").write_bytes(b"the bytes")
    subprocess.run([*common, "-C", "-", "-o", tmp_path / "part", url], check=True, timeout=20)
    assert (tmp_path / "part").read_bytes() == b"the bytes of runc"
    last = world.log.requests()[-1]
    assert (last.host, last.status, last.size) == ("release-assets.githubusercontent.com", 206, len(b" of runc"))
    other = subprocess.run([*common, "https://example.com/"], capture_output=True, text=True, check=False, timeout=20)
    assert other.returncode != 0
    assert "502" in other.stderr
