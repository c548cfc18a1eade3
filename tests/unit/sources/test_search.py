"""Where binaries come from, held to real HTTP servers on loopback with upstream's layout."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubeup import components
from kubeup.model.cluster import Proxy, Source
from kubeup.model.errors import ReleaseError
from kubeup.model.resources import sha256
from kubeup.release.artifacts import (
    Artifact,
    ArtifactRef,
    Building,
    Downloading,
    Got,
    ReleaseEvent,
    Remark,
    Tried,
    Without,
)
from kubeup.sources import site
from kubeup.sources.cache import path_of
from kubeup.sources.go_builds import STAND_INS
from kubeup.sources.proxies import is_exempt
from kubeup.sources.search import resolve
from tests.support.polling import settle
from tests.support.upstream import Upstream, serving, tgz

K8S = "dl.k8s.io/release/v1.37.2/bin/linux/amd64"
KUBELET = components.artifact("kubelet", "1.37.2", "amd64")
KUBECTL = components.artifact("kubectl", "1.37.2", "amd64")
FLANNELD = components.artifact("flanneld", "0.28.10", "amd64")
CRICTL = components.artifact("crictl", "1.37.0", "amd64")
ETCD = tuple(components.artifact(name, "3.6.16", "amd64") for name in ("etcd", "etcdctl", "etcdutl"))
ETCD_TGZ = "github.com/etcd-io/etcd/releases/download/v3.6.16/etcd-v3.6.16-linux-amd64.tar.gz"
BYTES = bytes(range(256)) * 4096
CACHE, GO = Source("cache"), Source("go")


@dataclass
class Operator:
    """Someone who wants files, with a cache of their own."""

    root: Path
    events: list[ReleaseEvent] = field(default_factory=list)

    def get(
        self, wanted: Sequence[ArtifactRef], *sources: Source | Upstream, pins: Mapping[str, str] | None = None
    ) -> tuple[Artifact, ...]:
        named = [Source("mirror", one.url) if isinstance(one, Upstream) else one for one in sources]
        return resolve(wanted, named, pins=pins, root=self.root, emit=self.events.append)

    def refusal(
        self, wanted: Sequence[ArtifactRef], *sources: Source | Upstream, pins: Mapping[str, str] | None = None
    ) -> ReleaseError:
        with pytest.raises(ReleaseError) as caught:
            self.get(wanted, *sources, pins=pins)
        return caught.value

    def put(self, wanted: ArtifactRef, content: bytes) -> Path:
        path = path_of(self.root, wanted)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def told(self, kind: type[ReleaseEvent]) -> list[ReleaseEvent]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path / "cache")


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with serving(Upstream(tmp_path / "upstream")) as site:
        site.put(f"{K8S}/kubelet", BYTES, ".sha256")
        site.put(f"{K8S}/kubectl", BYTES[::-1], ".sha256")
        members = {f"etcd-v3.6.16-linux-amd64/{one.name}": one.name.encode() * 1000 for one in ETCD}
        site.put(ETCD_TGZ, tgz({"etcd-v3.6.16-linux-amd64/README.md": b"words", **members}), "SHA256SUMS")
        yield site


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_file_is_fetched_checked_and_kept(operator: Operator, upstream: Upstream) -> None:
    (artifact,) = operator.get([KUBELET], CACHE, upstream)
    assert artifact.path == operator.root / "release/kubelet/1.37.2/amd64/kubelet"
    assert artifact.path.read_bytes() == BYTES
    assert os.access(artifact.path, os.X_OK)
    assert (artifact.sha256, artifact.size, artifact.source) == (sha256(BYTES), len(BYTES), upstream.url)
    assert [(one.url, one.sha256, one.member) for one in artifact.downloads] == [
        (f"{upstream.url}/{K8S}/kubelet", sha256(BYTES), "")
    ]
    assert Got(KUBELET, upstream.url, len(BYTES)) in operator.events
    assert operator.told(Downloading)[-1] == Downloading(KUBELET, len(BYTES), len(BYTES))


def test_what_is_in_the_cache_asks_no_site_and_hashes_nothing(operator: Operator, upstream: Upstream) -> None:
    (first,) = operator.get([KUBELET], CACHE, upstream)
    upstream.requests.clear()
    # Other bytes of the same size and time: reading them would be seen.
    stat = first.path.stat()
    first.path.write_bytes(b"x" * stat.st_size)
    os.utime(first.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert operator.get([KUBELET], CACHE, upstream) == (first,)
    assert upstream.requests == []


def test_a_file_of_the_cache_that_changed_is_refused(operator: Operator, upstream: Upstream) -> None:
    (artifact,) = operator.get([KUBELET], CACHE, upstream)
    artifact.path.write_bytes(b"something else")
    error = operator.refusal([KUBELET], CACHE, upstream)
    assert error.message == "kubelet 1.37.2 (amd64) in the cache is not what it was"
    assert error.evidence[1:] == (f"sha256 now:  {sha256(b'something else')}", f"sha256 then: {sha256(BYTES)}")
    assert f"rm {artifact.path}" in error.fix


def test_a_touched_file_of_the_cache_is_taken_again(operator: Operator, upstream: Upstream) -> None:
    (artifact,) = operator.get([KUBELET], CACHE, upstream)
    os.utime(artifact.path, (1, 1))
    assert operator.get([KUBELET], CACHE) == (artifact,)


def test_a_wrong_checksum_is_refused_and_both_sums_are_named(operator: Operator, upstream: Upstream) -> None:
    (upstream.folder / f"{K8S}/kubelet").write_bytes(b"not kubelet")
    error = operator.refusal([KUBELET], CACHE, upstream)
    assert error.message == "kubelet 1.37.2 (amd64) is not what it should be"
    assert error.evidence == (
        f"{upstream.url}/{K8S}/kubelet",
        f"sha256 of what came: {sha256(b'not kubelet')}",
        f"sha256 expected:     {sha256(BYTES)}",
    )
    assert not path_of(operator.root, KUBELET).exists()
    assert not list((operator.root / "download").glob("*.part"))


def test_what_was_refused_is_not_sought_elsewhere_in_silence(
    operator: Operator, upstream: Upstream, tmp_path: Path
) -> None:
    (upstream.folder / f"{K8S}/kubelet").write_bytes(b"not kubelet")
    with serving(Upstream(tmp_path / "second")) as second:
        second.put(f"{K8S}/kubelet", BYTES, ".sha256")
        assert "is not what it should be" in operator.refusal([KUBELET], upstream, second).message
        assert second.requests == []


def test_the_next_source_is_tried_when_one_is_not_reachable(operator: Operator, upstream: Upstream) -> None:
    dead = closed_port()
    wanted = [KUBELET, KUBECTL, *ETCD]
    assert len(operator.get(wanted, CACHE, Source("mirror", dead), upstream)) == 5
    told = {event.wanted: event.reason for event in operator.events if isinstance(event, Tried)}
    assert set(told) == set(wanted)
    assert set(told.values()) == {f"{dead.removeprefix('http://')} is not reachable (Connection refused)"}


def test_a_site_that_never_answers_costs_one_time_limit(
    operator: Operator, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "CONNECT_SECONDS", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        # With its queue full, the kernel answers nobody any more.
        address = silent.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        begin = time.monotonic()
        operator.get([KUBELET, KUBECTL, *ETCD], Source("mirror", f"http://127.0.0.1:{address[1]}"), upstream)
        assert time.monotonic() - begin < 3
        for one in waiting:
            one.close()
    assert any("is not reachable" in event.reason for event in operator.events if isinstance(event, Tried))


def test_a_source_that_lacks_a_file_is_told_and_passed_over(operator: Operator, upstream: Upstream) -> None:
    newer = components.artifact("kubelet", "1.99.0", "amd64")
    error = operator.refusal([newer], CACHE, upstream)
    assert error.message == f"1 file could not be had from any source (cache, {upstream.url})"
    url = f"{upstream.url}/dl.k8s.io/release/v1.99.0/bin/linux/amd64/kubelet.sha256"
    assert error.evidence == (
        "kubelet 1.99.0 (amd64):",
        "  cache: it is not there",
        f"  {upstream.url}: {url} answered 404 Not Found",
    )
    assert "release/kubelet/1.99.0/amd64/kubelet" in error.fix


def test_a_half_file_is_gone_on_with(operator: Operator, upstream: Upstream) -> None:
    partial = operator.root / "download" / (re.sub(r"[^A-Za-z0-9._-]+", "_", f"{upstream.url}/{K8S}/kubelet") + ".part")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(BYTES[:700_000])
    (artifact,) = operator.get([KUBELET], upstream)
    assert artifact.path.read_bytes() == BYTES
    assert upstream.asked("/kubelet bytes=") == [f"GET /{K8S}/kubelet bytes=700000-"]
    assert isinstance(first := operator.told(Downloading)[0], Downloading)
    assert first.done > 700_000
    assert first.total == len(BYTES)


@pytest.mark.parametrize(
    ("left", "ranges"),
    [(BYTES, True), (BYTES + b"more", True), (b"of another file" * 9, True), (BYTES[:9], False)],
    ids=["whole", "too long", "of another file", "from a server without ranges"],
)
def test_whatever_an_earlier_run_left_the_file_comes_right(
    operator: Operator, upstream: Upstream, left: bytes, ranges: bool
) -> None:
    upstream.ranges = ranges
    partial = operator.root / "download" / (re.sub(r"[^A-Za-z0-9._-]+", "_", f"{upstream.url}/{K8S}/kubelet") + ".part")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(left)
    assert operator.get([KUBELET], upstream)[0].path.read_bytes() == BYTES
    assert not partial.exists()


def test_a_line_that_breaks_is_taken_up_where_it_broke(operator: Operator, upstream: Upstream) -> None:
    upstream.breaks[f"/{K8S}/kubelet"] = 600_000
    assert operator.get([KUBELET], upstream)[0].path.read_bytes() == BYTES
    assert upstream.asked("/kubelet bytes=") == [f"GET /{K8S}/kubelet bytes=600000-"]


def test_ctrl_c_waits_for_no_site(operator: Operator, upstream: Upstream) -> None:
    upstream.holds = f"/{K8S}/kubelet"
    interrupting(lambda: bool(operator.told(Downloading)))
    with pytest.raises(KeyboardInterrupt):
        operator.get([KUBELET], upstream)
    assert list((operator.root / "download").glob("*kubelet.part"))


def interrupting(when: Callable[[], bool]) -> None:
    """Press Ctrl-C as soon as something is so."""
    # A process that was started in the background is born deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def press() -> None:
        limit = time.monotonic() + 10
        while not when() and time.monotonic() < limit:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()


def test_members_come_out_of_one_archive_fetched_once(operator: Operator, upstream: Upstream) -> None:
    found = operator.get(ETCD, CACHE, upstream)
    assert [one.path.read_bytes() for one in found] == [one.name.encode() * 1000 for one in ETCD]
    assert [one.downloads[0].member for one in found] == [f"etcd-v3.6.16-linux-amd64/{one.name}" for one in ETCD]
    archive = (upstream.folder / ETCD_TGZ).read_bytes()
    assert {one.downloads[0].sha256 for one in found} == {sha256(archive)}
    assert len(upstream.asked(".tar.gz")) == 1
    assert not list((operator.root / "download").glob("*.tar.gz"))


def test_where_nodes_can_fetch_it_is_remembered_with_it(operator: Operator, upstream: Upstream) -> None:
    first = operator.get(ETCD, upstream)
    assert operator.get(ETCD, CACHE) == first


def test_an_archive_without_the_member_is_told(operator: Operator, upstream: Upstream) -> None:
    upstream.put(ETCD_TGZ, tgz({"etcd-v3.6.16-linux-amd64/etcd": b"etcd"}), "SHA256SUMS")
    assert operator.refusal(ETCD, upstream).message.endswith(
        "etcd-v3.6.16-linux-amd64.tar.gz has no etcd-v3.6.16-linux-amd64/etcdctl, etcd-v3.6.16-linux-amd64/etcdutl"
    )


def test_what_upstream_publishes_no_sum_of_asks_for_a_pin(operator: Operator, upstream: Upstream) -> None:
    path = "github.com/flannel-io/flannel/releases/download/v0.28.10/flanneld-amd64"
    upstream.put(path, b"flanneld")
    error = operator.refusal([FLANNELD], upstream)
    assert error.fix.startswith("pins: {flanneld-0.28.10-amd64: SHA256} in the profile; or ")
    api = f"{upstream.url}/api.github.com/repos/flannel-io/flannel/releases/tags/v0.28.10"
    assert f"{api} answered 404 Not Found" in error.evidence[-1]
    assert upstream.asked("/releases/download/") == []
    pins = {"flanneld-0.28.10-amd64": sha256(b"flanneld")}
    assert operator.get([FLANNELD], upstream, pins=pins)[0].path.read_bytes() == b"flanneld"


def test_one_pin_speaks_for_all_of_an_archive(operator: Operator, upstream: Upstream) -> None:
    names = ("docker:dockerd", "docker:docker-proxy")
    wanted = [components.artifact(name, "28.5.2", "arm64") for name in names]
    path = "download.docker.com/linux/static/stable/aarch64/docker-28.5.2.tgz"
    archive = upstream.put(path, tgz({"docker/dockerd": b"d", "docker/docker-proxy": b"p"}))
    assert "pins: {docker-28.5.2-arm64: SHA256}" in operator.refusal(wanted, upstream).fix
    found = operator.get(wanted, CACHE, upstream, pins={"docker-28.5.2-arm64": sha256(archive)})
    assert [one.path.name for one in found] == ["docker_dockerd", "docker_docker-proxy"]
    error = operator.refusal(wanted, CACHE, upstream, pins={"docker-28.5.2-arm64": "0" * 64})
    assert error.message == "2 files had to be refused"
    assert f"  sha256 in the cache: {sha256(archive)}" in error.evidence


def test_a_pin_weighs_more_than_what_a_site_publishes(operator: Operator, upstream: Upstream) -> None:
    error = operator.refusal([KUBELET], upstream, pins={"kubelet-1.37.2": "a" * 64})
    assert error.evidence[1:] == (f"sha256 of what came: {sha256(BYTES)}", f"sha256 expected:     {'a' * 64}")


def test_a_page_instead_of_a_checksum_is_no_checksum(operator: Operator, upstream: Upstream) -> None:
    (upstream.folder / f"{K8S}/kubelet.sha256").write_text(f"<html>{sha256(BYTES)} please log in</html>")
    assert operator.refusal([KUBELET], upstream).evidence[-1].endswith("kubelet.sha256 has no sha256 of kubelet")


def test_a_file_put_there_by_hand_is_taken_and_said_so_once(operator: Operator) -> None:
    path = operator.put(FLANNELD, b"\x7fELF" + bytes(14) + (62).to_bytes(2, "little") + b"my own")
    (artifact,) = operator.get([FLANNELD], CACHE)
    assert artifact.source == "put there by hand"
    assert operator.events == [Got(FLANNELD, "the cache, put there by hand", path.stat().st_size)]
    operator.events.clear()
    assert operator.get([FLANNELD], CACHE) == (artifact,)
    assert operator.events == []


@pytest.mark.parametrize(
    ("content", "oddity"),
    [
        (tgz({"cri-dockerd/cri-dockerd": b"x"}), "it is packed: put there what is inside"),
        (b"<!DOCTYPE html>", "it is a page of text or empty: the download went wrong"),
        (b"", "it is a page of text or empty: the download went wrong"),
        (b"\x7fELF" + bytes(14) + (183).to_bytes(2, "little"), "it is a program for arm64"),
    ],
)
def test_the_usual_slips_by_hand_are_told(operator: Operator, content: bytes, oddity: str) -> None:
    path = operator.put(FLANNELD, content)
    assert operator.refusal([FLANNELD], CACHE).evidence == (str(path), oddity)


def test_a_folder_is_a_mirror_as_well(operator: Operator, upstream: Upstream) -> None:
    (artifact,) = operator.get([KUBELET], Source("mirror", upstream.folder.as_uri()))
    assert artifact.path.read_bytes() == BYTES
    assert artifact.downloads == ()
    assert upstream.requests == []
    error = operator.refusal(
        [FLANNELD], Source("mirror", "file:///no/such/folder"), pins={"flanneld-0.28.10": "a" * 64}
    )
    assert "cannot be read (No such file or directory)" in error.evidence[-1]


def test_all_that_is_wrong_is_told_at_once(operator: Operator, upstream: Upstream) -> None:
    (upstream.folder / f"{K8S}/kubelet").write_bytes(b"not kubelet")
    (upstream.folder / f"{K8S}/kubectl").write_bytes(b"not kubectl")
    proxy = components.artifact("kube-proxy", "1.37.2", "amd64")
    error = operator.refusal([KUBELET, KUBECTL, proxy, FLANNELD], CACHE, upstream)
    assert error.message.startswith("2 files could not be had from any source (cache, http://")
    assert error.message.endswith("and 2 files had to be refused")
    for part in (
        "kubelet 1.37.2 (amd64) is not",
        "kubectl 1.37.2 (amd64) is not",
        "kube-proxy 1.37.2",
        "flanneld 0.28",
    ):
        assert any(line.startswith(part) for line in error.evidence), part
    assert "pins: {flanneld-0.28.10-amd64: SHA256}" in error.fix


def test_what_clusters_run_without_is_no_failure_and_not_sought_every_time(
    operator: Operator, upstream: Upstream
) -> None:
    assert operator.get([CRICTL, KUBELET], CACHE, upstream)[0].wanted == KUBELET
    assert Without(CRICTL) in operator.events
    upstream.requests.clear()
    operator.events.clear()
    operator.get([CRICTL, KUBELET], CACHE, upstream)
    assert (upstream.requests, operator.events) == ([], [])


def test_two_clusters_with_sources_of_their_own_do_not_make_each_other_ask_again(
    operator: Operator, upstream: Upstream
) -> None:
    operator.get([CRICTL], CACHE, upstream)
    operator.get([CRICTL], CACHE)
    upstream.requests.clear()
    operator.get([CRICTL], CACHE, upstream)
    assert upstream.requests == []


def test_what_clusters_run_without_is_sought_again_with_another_source(operator: Operator, upstream: Upstream) -> None:
    operator.get([CRICTL], CACHE)
    path = "github.com/kubernetes-sigs/cri-tools/releases/download/v1.37.0/crictl-v1.37.0-linux-amd64.tar.gz"
    upstream.put(path, tgz({"crictl": b"crictl"}), ".sha256")
    assert operator.get([CRICTL], CACHE, upstream)[0].path.read_bytes() == b"crictl"


def test_sum_and_size_alone_where_nodes_fetch_by_themselves(operator: Operator, upstream: Upstream) -> None:
    sources = [CACHE, Source("mirror", upstream.url)]
    first, *rest = resolve([KUBELET, *ETCD], [sources[1]], root=operator.root, need_file=False)
    assert (first.sha256, first.size, first.in_cache) == (sha256(BYTES), len(BYTES), False)
    assert first.downloads[0].url == f"{upstream.url}/{K8S}/kubelet"
    assert upstream.asked("GET /dl.k8s.io") == [f"GET /{K8S}/kubelet.sha256"]
    assert not first.path.exists()
    assert all(one.in_cache and one.path.exists() for one in rest)
    assert resolve([KUBELET], sources, root=operator.root)[0].in_cache


def test_go_is_never_run_where_the_profile_does_not_name_it(
    operator: Operator, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = fake_go(tmp_path, monkeypatch, "exit 1")
    error = operator.refusal([components.artifact("kubelet", "1.36.3", "amd64")], CACHE, upstream)
    assert not ran.exists()
    assert "add `go` there, which builds them on this machine" in error.fix


def test_a_machine_without_go_says_so(operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = operator.refusal([KUBELET], CACHE, GO)
    assert error.evidence[-1] == "  go: Go is not installed here (no `go` on PATH)"


def test_a_build_that_fails_shows_its_end_and_where_all_of_it_is(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path, monkeypatch, "echo no space left on device >&2; exit 1")
    error = operator.refusal([KUBELET, KUBECTL], CACHE, GO)
    log = operator.root / "log/go-kubernetes-1.37.2-amd64.log"
    assert (
        f"building kubelet 1.37.2 (amd64) from its Go module (1 of 2) failed; no space left on device; all of it: {log}"
        in (error.evidence[2])
    )
    assert "$ go build -trimpath" in log.read_text()


def test_a_build_by_the_users_own_settings(operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "-p=1")
    monkeypatch.setenv("GOPROXY", "https://goproxy.example.com")
    fake_go(tmp_path, monkeypatch, 'while [ "$1" != -o ]; do shift; done; echo "$GOFLAGS $GOPROXY" >"$2"')
    kubelet, kubectl = operator.get([KUBELET, KUBECTL], CACHE, GO)
    assert kubelet.path.read_text() == "-p=1 https://goproxy.example.com\n"
    assert kubectl.source == "built from its Go module"
    said = [event.what for event in operator.events if isinstance(event, Building)]
    assert "building kubectl 1.37.2 (amd64) from its Go module (2 of 2)" in said
    module = (operator.root / "build/kubernetes-1.37.2-amd64/go.mod").read_text()
    assert "go 1.26.0\n\ngodebug default=go1.26\n" in module
    assert "require k8s.io/kubernetes v1.37.2\nreplace k8s.io/api => k8s.io/api v0.37.2\n" in module


def test_a_version_that_no_module_proxy_has_is_stood_in_for_and_said_so(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STAND_INS, ("kubernetes", "1.37.2"), "1.37.1")
    fake_go(tmp_path, monkeypatch, 'while [ "$1" != -o ]; do shift; done; echo built >"$2"', lacks="1.37.2")
    (kubelet,) = operator.get([KUBELET], CACHE, GO)
    assert kubelet.wanted == KUBELET
    assert kubelet.source == "built from its Go module, 1.37.1 in place of 1.37.2"
    (remark,) = operator.told(Remark)
    assert isinstance(remark, Remark)
    assert remark.text == "1.37.2 is not to be had as a module here: 1.37.1 is built in its place"
    assert "require k8s.io/kubernetes v1.37.1" in (operator.root / "build/kubernetes-1.37.1-amd64/go.mod").read_text()


def test_ctrl_c_ends_the_compilers_too(operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = tmp_path / "pid"
    fake_go(tmp_path, monkeypatch, f"sleep 60 & echo $! >{pid}.new; mv {pid}.new {pid}; wait")
    interrupting(pid.exists)
    with pytest.raises(KeyboardInterrupt):
        operator.get([KUBELET], GO)
    settle(lambda: not alive(int(pid.read_text())), 15, "the build to end")


def test_a_build_ends_with_a_kubeup_that_is_killed(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting asserts it: ``settle`` fails when its time is over."""
    pid = tmp_path / "pid"
    fake_go(tmp_path, monkeypatch, f"echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 60")
    code = (
        "from pathlib import Path; from kubeup.model.cluster import Source; "
        "from kubeup import components; from kubeup.sources.search import resolve; "
        f"wanted = [components.artifact('kubelet', '1.37.2', 'amd64')]; "
        f"resolve(wanted, [Source('go')], root=Path({str(operator.root)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as kubeup:
        settle(pid.exists, 15, "the build to begin")
        kubeup.kill()
    settle(lambda: not alive(int(pid.read_text())), 15, "the build to end")


def alive(pid: int) -> bool:
    """A zombie that nobody reaps yet is dead."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_build_that_is_running_elsewhere_is_waited_for(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubeup.sources import cache

    fake_go(tmp_path, monkeypatch, 'while [ "$1" != -o ]; do shift; done; echo built >"$2"')
    lock = operator.root / "build/kubernetes-1.37.2-amd64/lock"
    with cache.locked(lock, "building", operator.events.append):
        other = threading.Thread(target=operator.get, args=([KUBELET], GO))
        other.start()
        settle(lambda: bool(operator.told(Building)), 15, "a word of the other build")
        assert not path_of(operator.root, KUBELET).exists()
    other.join(20)
    waiting = operator.told(Building)[0]
    assert isinstance(waiting, Building)
    assert waiting.what == "waiting for another kubeup that is building kubernetes 1.37.2"
    assert path_of(operator.root, KUBELET).read_text() == "built\n"


def fake_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: str, lacks: str = "none") -> Path:
    """A `go` that knows Kubernetes' module and does ``build`` for `go build`. The file it leaves when it ran."""
    module = tmp_path / "module"
    module.mkdir()
    staging = "replace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n)\n"
    (module / "go.mod").write_text(f"module k8s.io/kubernetes\n\ngo 1.26.0\n\ngodebug default=go1.26\n\n{staging}")
    folder, ran = tmp_path / "bin", tmp_path / "ran"
    folder.mkdir()
    (folder / "go").write_text(
        f"#!/bin/sh\ntouch {ran}\ncase $*-$1-$2 in\n*@v{lacks}-*) exit 1 ;;\nesac\n"
        f'case $1-$2 in\nmod-download) echo \'"Dir": "{module}"\' ;;\nmod-tidy) : ;;\n'
        f"*) {build} ;;\nesac\n"
    )
    (folder / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return ran


def test_downloads_go_through_the_profiles_proxy(operator: Operator, upstream: Upstream) -> None:
    upstream.put(f"mirror.invalid/{K8S}/kubelet", BYTES, ".sha256")
    proxy = Proxy(http=upstream.url, no_proxy=("example.com",))
    source = Source("mirror", "http://mirror.invalid")
    (artifact,) = resolve([KUBELET], [source], proxy=proxy, root=operator.root)
    assert artifact.path.read_bytes() == BYTES
    assert f"GET http://mirror.invalid/{K8S}/kubelet" in upstream.requests


def test_no_proxy_is_honoured_and_a_dead_proxy_is_named(operator: Operator, upstream: Upstream) -> None:
    dead = closed_port().removeprefix("http://")
    proxy = Proxy(http=f"http://me:secret@{dead}", no_proxy=("127.0.0.0/8",))
    assert resolve([KUBELET], [Source("mirror", upstream.url)], proxy=proxy, root=operator.root)
    with pytest.raises(ReleaseError) as caught:
        resolve([KUBECTL], [Source("mirror", "http://mirror.invalid")], proxy=proxy, root=operator.root)
    assert caught.value.evidence[-1].endswith(f"the proxy {dead} is not reachable (Connection refused)")
    assert "secret" not in str((caught.value.message, caught.value.evidence, caught.value.fix))


@pytest.mark.parametrize(
    ("host", "word", "exempt"),
    [
        ("example.com", "example.com", True),
        ("dl.example.com", ".example.com", True),
        ("notexample.com", "example.com", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "fd00::/8", False),
        ("anything", "*", True),
        ("example.com", "", False),
    ],
)
def test_what_no_proxy_means(host: str, word: str, exempt: bool) -> None:
    assert is_exempt(host, (word,)) is exempt


def test_a_mirrors_password_is_used_and_never_shown(operator: Operator, upstream: Upstream) -> None:
    upstream.login = "me:s3cret"
    source = Source("mirror", upstream.url.replace("http://", "http://me:s3cret@"))
    (artifact,) = operator.get([KUBELET], source)
    assert artifact.source == upstream.url
    assert artifact.downloads == ()
    error = operator.refusal([components.artifact("kubelet", "1.99.0", "amd64")], source)
    wrong = operator.refusal([KUBECTL], upstream)
    assert "answered 401" in wrong.evidence[-1]
    shown = str((operator.events, error.message, error.evidence, error.fix, artifact.path.parent.glob("*.json")))
    assert "s3cret" not in shown + (artifact.path.parent / "kubelet.json").read_text()


def test_a_cache_without_access_is_told(operator: Operator, upstream: Upstream) -> None:
    operator.root.write_text("a file where the folder should be")
    error = operator.refusal([KUBELET], upstream)
    assert error.message.startswith("the cache cannot be used")
    assert "KUBEUP_CACHE" in error.fix


def test_an_unknown_name_is_refused(operator: Operator) -> None:
    assert (
        operator.refusal([components.artifact("kublet", "1.37.2", "amd64")], CACHE).message
        == "kubeup knows no release of `kublet`"
    )
