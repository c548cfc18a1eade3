"""By what a file is known to be the right one, held to upstream's sites as they are: TLS, redirects, GitHub's API."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubeup import components
from kubeup.model.cluster import Proxy, Source
from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import Artifact, ArtifactRef, ReleaseEvent, Remark
from kubeup.sources.cache import path_of
from kubeup.sources.search import resolve
from tests.support.archives import sha256
from tests.support.authority import Authority
from tests.support.internet import CDN, HOSTS, publish_digests, put_file, put_image
from tests.support.upstream import Upstream, serving, tgz

FLANNELD = components.artifact("flanneld", "0.28.10", "amd64")
CRI_DOCKERD = components.artifact("cri-dockerd", "0.4.3", "amd64")
DOCKERD = components.artifact("docker:dockerd", "28.5.2", "amd64")
DOCKER = components.artifact("docker:docker", "28.5.2", "amd64")
KUBELET = components.artifact("kubelet", "1.37.2", "amd64")
FLANNEL_FILE = "github.com/flannel-io/flannel/releases/download/v0.28.10/flanneld-amd64"
CRI_FILE = "github.com/Mirantis/cri-dockerd/releases/download/v0.4.3/cri-dockerd-0.4.3.amd64.tgz"
DOCKER_FILE = "download.docker.com/linux/static/stable/x86_64/docker-28.5.2.tgz"
KUBELET_FILE = "dl.k8s.io/release/v1.37.2/bin/linux/amd64/kubelet"
API = "api.github.com/repos/{}/releases/tags/v{}"
FLANNEL_API = API.format("flannel-io/flannel", "0.28.10")
PROGRAM = b"flanneld" * 5000
OFFICIAL = (Source("cache"), Source("official"))
USED_UP = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102495500"}
"""Until 14:05 UTC of a day that is far away."""


@dataclass
class Operator:
    """Someone whose machine has a cache of its own and reaches the sites through ``internet``."""

    root: Path
    internet: Upstream
    ca: str
    events: list[ReleaseEvent] = field(default_factory=list)

    def get(
        self,
        *wanted: ArtifactRef,
        sources: tuple[Source, ...] = OFFICIAL,
        pins: Mapping[str, str] | None = None,
        recorded: Mapping[str, str] | None = None,
        require_pins: bool = False,
        need_file: bool = True,
    ) -> tuple[Artifact, ...]:
        return resolve(
            wanted,
            sources,
            pins=pins,
            recorded=recorded,
            require_pins=require_pins,
            proxy=Proxy(https=self.internet.url),
            ca=self.ca,
            root=self.root,
            emit=self.events.append,
            need_file=need_file,
        )

    def remarks(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Remark))


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "ssl_cert_file", "github_token"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def internet(tmp_path: Path) -> Iterator[Upstream]:
    with serving(Upstream(tmp_path / "internet")) as found:
        put_file(found, FLANNEL_FILE, PROGRAM)
        put_file(found, CRI_FILE, tgz({"cri-dockerd/cri-dockerd": b"cri-dockerd"}))
        put_file(found, DOCKER_FILE, tgz({"docker/dockerd": b"dockerd", "docker/docker": b"docker"}))
        found.put(KUBELET_FILE, b"kubelet", ".sha256")
        publish_digests(found, FLANNEL_API, {"flanneld-amd64": sha256(PROGRAM), "flanneld-arm64": "a" * 64})
        yield found


@pytest.fixture
def operator(tmp_path: Path, internet: Upstream) -> Operator:
    authority = Authority("Example Root")
    internet.tls = authority.server(tmp_path, *HOSTS)
    return Operator(tmp_path / "cache", internet, authority.pem)


def forget(operator: Operator, wanted: ArtifactRef) -> None:
    """The file is gone, and with it all that is known of it."""
    shutil.rmtree(path_of(operator.root, wanted).parent)


def test_flanneld_is_held_to_the_sum_that_github_publishes(operator: Operator, internet: Upstream) -> None:
    (found,) = operator.get(FLANNELD)
    assert found.path.read_bytes() == PROGRAM
    assert [(one.url, one.sha256) for one in found.downloads] == [(f"https://{FLANNEL_FILE}", sha256(PROGRAM))]
    assert internet.asked("GET /") == [
        f"GET /{FLANNEL_API}",
        f"GET /{FLANNEL_FILE}",
        f"GET /{CDN}/{FLANNEL_FILE}?ticket=s3cret",
    ]


def test_nodes_that_download_by_themselves_are_told_githubs_sum(operator: Operator, internet: Upstream) -> None:
    (found,) = operator.get(FLANNELD, need_file=False)
    assert (found.sha256, found.size, found.in_cache) == (sha256(PROGRAM), len(PROGRAM), False)
    assert internet.asked(f"/{CDN}") == [f"HEAD /{CDN}/{FLANNEL_FILE}?ticket=s3cret"]


def test_one_request_a_release_for_all_time(operator: Operator, internet: Upstream) -> None:
    operator.get(FLANNELD)
    forget(operator, FLANNELD)
    operator.get(FLANNELD)
    assert internet.asked("api.github.com/repos") == [f"GET /{FLANNEL_API}"]


def test_another_file_than_github_says_is_refused(operator: Operator, internet: Upstream) -> None:
    internet.put(f"{CDN}/{FLANNEL_FILE}", b"something else")
    with pytest.raises(ReleaseError) as caught:
        operator.get(FLANNELD)
    assert caught.value.message == "flanneld 0.28.10 (amd64) is not what it should be"
    assert f"sha256 expected:     {sha256(PROGRAM)}" in caught.value.evidence


def test_a_token_is_told_to_githubs_api_and_to_nobody_else(
    operator: Operator, internet: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_s3cret")
    operator.get(FLANNELD)
    told = {heard["Host"] for heard in internet.heard if "Authorization" in heard}
    assert told == {"api.github.com"}
    kept = b"".join(path.read_bytes() for path in operator.root.rglob("*") if path.is_file())
    assert b"ghp_s3cret" not in kept
    assert "ghp_s3cret" not in str(operator.events)


def test_a_token_that_is_no_longer_good_is_done_without(
    operator: Operator, internet: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "old")
    internet.refusals[f"/{FLANNEL_API}"] = [(401, {})]
    assert operator.get(FLANNELD)[0].path.read_bytes() == PROGRAM


def test_requests_that_are_used_up_are_said_with_the_time_of_new_ones(operator: Operator, internet: Upstream) -> None:
    internet.refusals[f"/{API.format('Mirantis/cri-dockerd', '0.4.3')}"] = [(403, USED_UP)]
    with pytest.raises(ReleaseError) as caught:
        operator.get(CRI_DOCKERD)
    reason = caught.value.evidence[-1]
    assert "GitHub's requests of this hour are used up until 14:05 UTC; with GITHUB_TOKEN in the environment" in reason
    assert "pins: {cri-dockerd-0.4.3-amd64: SHA256}" in reason


@pytest.mark.parametrize(
    ("registry", "repository"), [("ghcr.io", "flannel-io/flannel"), ("registry-1.docker.io", "flannel/flannel")]
)
def test_flanneld_comes_out_of_the_official_image_where_github_cannot_be_asked(
    operator: Operator, internet: Upstream, registry: str, repository: str
) -> None:
    internet.refusals[f"/{FLANNEL_API}"] = [(429, USED_UP)]
    put_image(
        internet, f"{registry}/v2/{repository}/manifests/v0.28.10", {"opt/bin/flanneld": PROGRAM, "opt/bin/other": b"x"}
    )
    (found,) = operator.get(FLANNELD)
    assert found.path.read_bytes() == PROGRAM
    assert found.downloads == ()
    assert "taken out of the image" in operator.remarks()
    assert "used up until 14:05 UTC" in operator.remarks()


def test_what_github_has_no_sum_of_is_taken_once_and_kept(operator: Operator, internet: Upstream) -> None:
    publish_digests(internet, API.format("Mirantis/cri-dockerd", "0.4.3"), {"cri-dockerd-0.4.3.amd64.tgz": ""})
    (found,) = operator.get(CRI_DOCKERD)
    assert found.first_sum == sha256((internet.folder / CDN / CRI_FILE).read_bytes())


def test_dockers_first_download_is_taken_and_said_aloud(operator: Operator, internet: Upstream) -> None:
    archive = sha256((internet.folder / DOCKER_FILE).read_bytes())
    found = operator.get(DOCKERD, DOCKER)
    assert {one.first_sum for one in found} == {archive}
    assert f"nobody publishes a checksum of https://{DOCKER_FILE}" in operator.remarks()
    assert archive in operator.remarks()
    operator.events.clear()
    assert operator.get(DOCKERD, DOCKER) == found
    assert operator.events == []


def test_a_changed_docker_is_refused_by_the_clusters_record(operator: Operator, internet: Upstream) -> None:
    recorded = {"docker-28.5.2-amd64": sha256(b"what was there once")}
    with pytest.raises(ReleaseError) as caught:
        operator.get(DOCKERD, recorded=recorded)
    assert caught.value.evidence[-1].endswith(f"{sha256(b'what was there once')} (the first download was that)")
    assert not path_of(operator.root, DOCKERD).exists()


def test_a_changed_docker_is_refused_by_what_the_cache_remembers(operator: Operator, internet: Upstream) -> None:
    (first,) = operator.get(DOCKERD)
    first.path.unlink()
    internet.put(DOCKER_FILE, tgz({"docker/dockerd": b"another", "docker/docker": b"docker"}))
    for wanted in (DOCKERD, DOCKER):
        with pytest.raises(ReleaseError, match="is not what it should be"):
            operator.get(wanted)


def test_another_operators_first_download_is_not_taken_for_a_living_cluster(operator: Operator) -> None:
    operator.get(DOCKERD)
    with pytest.raises(ReleaseError) as caught:
        operator.get(DOCKERD, recorded={"docker-28.5.2-amd64": "b" * 64})
    assert "is not what this cluster was built with" in caught.value.message


def test_a_mirrors_first_download_is_not_trusted(operator: Operator, internet: Upstream) -> None:
    internet.put(f"mirror/{DOCKER_FILE}", (internet.folder / DOCKER_FILE).read_bytes())
    with pytest.raises(ReleaseError) as caught:
        operator.get(DOCKERD, sources=(Source("mirror", f"{internet.url}/mirror"),))
    assert "pins: {docker-28.5.2-amd64: SHA256}" in caught.value.fix


def test_a_mirror_serves_githubs_answer_at_the_same_path(operator: Operator, internet: Upstream) -> None:
    internet.put(f"mirror/{FLANNEL_FILE}", PROGRAM)
    publish_digests(internet, f"mirror/{FLANNEL_API}", {"flanneld-amd64": sha256(PROGRAM)})
    (found,) = operator.get(FLANNELD, sources=(Source("mirror", f"{internet.url}/mirror"),))
    assert found.path.read_bytes() == PROGRAM


def test_who_requires_pins_gets_nothing_without(operator: Operator, internet: Upstream) -> None:
    with pytest.raises(ReleaseError) as caught:
        operator.get(KUBELET, FLANNELD, DOCKERD, require_pins=True)
    assert internet.requests == []
    assert "kubelet-1.37.2-amd64: SHA256" in str(caught.value.evidence)
    pins = {"kubelet-1.37.2-amd64": sha256(b"kubelet"), "flanneld-0.28.10-amd64": sha256(PROGRAM)}
    assert len(operator.get(KUBELET, FLANNELD, pins=pins, require_pins=True)) == 2
    with pytest.raises(ReleaseError) as caught:
        operator.get(KUBELET, require_pins=True)
    assert "in the cache has no pin, and the profile requires one" in caught.value.message
