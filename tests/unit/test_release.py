"""Where binaries come from: a real HTTP server on loopback with upstream's layout."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeup import images, release
from kubeup.errors import ReleaseError
from kubeup.model import Source
from kubeup.release import Building, Tried, Wanted, cache
from kubeup.release.model import ReleaseEvent

KUBELET = Wanted("kubelet", "1.37.2", "amd64")
ETCD = Wanted("etcd", "3.6.16", "amd64")
FLANNEL = Wanted("flanneld", "0.28.10", "amd64")
CRICTL = Wanted("crictl", "1.37.0", "amd64")
CONTENT = b"\x7fELF kubelet" * 5000
FOLDER = "dl.k8s.io/release/v1.37.2/bin/linux/amd64"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, honours Range, and counts what was asked for."""

    asked: list[str]

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        type(self).asked.append(f"{self.path} {self.headers.get('Range', '')}".strip())
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """(URL, folder served, requests so far)."""
    folder = tmp_path / "site"
    folder.mkdir()
    asked: list[str] = []

    class Here(Handler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

    Here.asked = asked
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder, asked
    server.shutdown()
    server.server_close()


def publish(folder: Path, path: str, content: bytes, sums: str = "") -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    if sums:
        (folder / sums).parent.mkdir(parents=True, exist_ok=True)
        (folder / sums).write_text(f"{digest(content)}  {target.name}\n")


def mirror(url: str) -> Source:
    return Source("mirror", url)


def test_a_download_is_checked_kept_and_not_fetched_again(site: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    url, folder, asked = site
    publish(folder, f"{FOLDER}/kubelet", CONTENT, f"{FOLDER}/kubelet.sha256")
    sources = (Source("cache"), mirror(url))
    found = release.resolve([KUBELET], sources, root=tmp_path / "cache")[0]
    assert (found.sha256, found.size, found.source) == (digest(CONTENT), len(CONTENT), url)
    assert found.path.read_bytes() == CONTENT
    assert found.downloads[0].sha256 == digest(CONTENT)
    before = len(asked)
    again = release.resolve([KUBELET], sources, root=tmp_path / "cache")[0]
    assert again.path == found.path
    assert len(asked) == before


def test_a_wrong_sum_is_refused_and_names_both(site: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    url, folder, _ = site
    publish(folder, f"{FOLDER}/kubelet", b"evil")
    (folder / f"{FOLDER}/kubelet.sha256").write_text(digest(CONTENT))
    with pytest.raises(ReleaseError) as caught:
        release.resolve([KUBELET], [mirror(url)], root=tmp_path / "cache")
    told = "\n".join(caught.value.evidence)
    assert digest(b"evil") in told
    assert digest(CONTENT) in told
    assert not list((tmp_path / "cache").rglob("kubelet"))


def test_an_unreachable_source_is_said_with_its_reason_and_the_next_is_tried(
    site: tuple[str, Path, list[str]], tmp_path: Path
) -> None:
    url, folder, _ = site
    publish(folder, f"{FOLDER}/kubelet", CONTENT, f"{FOLDER}/kubelet.sha256")
    events: list[ReleaseEvent] = []
    release.resolve([KUBELET], [mirror("http://127.0.0.1:9"), mirror(url)], root=tmp_path, say=events.append)
    tried = [event for event in events if isinstance(event, Tried)]
    assert [event.source for event in tried] == ["http://127.0.0.1:9"]
    assert "Connection refused" in tried[0].reason


def test_a_download_that_broke_off_goes_on_where_it_was(site: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    url, folder, asked = site
    publish(folder, f"{FOLDER}/kubelet", CONTENT, f"{FOLDER}/kubelet.sha256")
    name = f"{url}/{FOLDER}/kubelet".replace("://", "_").replace("/", "_").replace(":", "_")
    partial = tmp_path / "download" / f"{name}.part"
    partial.parent.mkdir()
    partial.write_bytes(CONTENT[:1000])
    found = release.resolve([KUBELET], [mirror(url)], root=tmp_path)[0]
    assert found.sha256 == digest(CONTENT)
    assert any("bytes=1000-" in line for line in asked), asked


def test_a_member_comes_out_of_its_archive(site: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    url, folder, asked = site
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in ("etcd", "etcdctl"):
            info = tarfile.TarInfo(f"etcd-v3.6.16-linux-amd64/{name}")
            info.size = len(name)
            tar.addfile(info, io.BytesIO(name.encode()))
    base = "github.com/etcd-io/etcd/releases/download/v3.6.16"
    publish(folder, f"{base}/etcd-v3.6.16-linux-amd64.tar.gz", out.getvalue(), f"{base}/SHA256SUMS")
    wanted = [ETCD, Wanted("etcdctl", "3.6.16", "amd64")]
    found = release.resolve(wanted, [mirror(url)], root=tmp_path)
    assert [artifact.path.read_bytes() for artifact in found] == [b"etcd", b"etcdctl"]
    assert len([line for line in asked if ".tar.gz" in line]) == 1, "one archive, one download"


def test_what_upstream_publishes_no_sum_of_needs_a_pin(site: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    url, folder, _ = site
    publish(folder, "github.com/flannel-io/flannel/releases/download/v0.28.10/flanneld-amd64", CONTENT)
    with pytest.raises(ReleaseError) as caught:
        release.resolve([FLANNEL], [mirror(url)], root=tmp_path)
    assert "pins: {flanneld-0.28.10-amd64: SHA256}" in "\n".join(caught.value.evidence)
    pins = {"flanneld-0.28.10-amd64": digest(CONTENT)}
    assert release.resolve([FLANNEL], [mirror(url)], pins=pins, root=tmp_path)[0].sha256 == digest(CONTENT)


def test_a_file_mirror_works(tmp_path: Path) -> None:
    publish(tmp_path / "disk", f"{FOLDER}/kubelet", CONTENT, f"{FOLDER}/kubelet.sha256")
    found = release.resolve([KUBELET], [mirror(f"file://{tmp_path}/disk")], root=tmp_path / "cache")
    assert found[0].sha256 == digest(CONTENT)


def test_a_binary_put_into_the_cache_by_hand_is_taken_and_has_to_stay_what_it_is(tmp_path: Path) -> None:
    wanted = Wanted("cri-dockerd", "0.4.3", "amd64")
    path = cache.path_of(tmp_path, wanted)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"by hand")
    found = release.resolve([wanted], [Source("cache")], root=tmp_path)[0]
    assert (found.sha256, found.source) == (digest(b"by hand"), "put there by hand")
    path.write_bytes(b"changed")
    with pytest.raises(ReleaseError, match="is not what it was") as caught:
        release.resolve([wanted], [Source("cache")], root=tmp_path)
    assert digest(b"by hand") in "\n".join(caught.value.evidence)


def test_everything_that_is_missing_is_told_at_once_with_every_source(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError) as caught:
        release.resolve([KUBELET, ETCD], [Source("cache"), mirror("http://127.0.0.1:9")], root=tmp_path)
    told = "\n".join(caught.value.evidence)
    for title in ("kubelet 1.37.2 (amd64):", "etcd 3.6.16 (amd64):", "cache: it is not there", "Connection refused"):
        assert title in told
    assert str(tmp_path) in caught.value.fix


def test_what_clusters_run_without_is_looked_for_once_a_day(tmp_path: Path) -> None:
    events: list[ReleaseEvent] = []
    sources = [Source("cache"), mirror("http://127.0.0.1:9")]
    assert release.resolve([CRICTL], sources, root=tmp_path, say=events.append) == ()
    assert events
    events.clear()
    assert release.resolve([CRICTL], sources, root=tmp_path, say=events.append) == ()
    assert not events


def test_nothing_is_ever_built_unless_the_profile_says_go(tmp_path: Path) -> None:
    events: list[ReleaseEvent] = []
    with pytest.raises(ReleaseError):
        release.resolve([KUBELET], [Source("cache")], root=tmp_path, say=events.append)
    assert not [event for event in events if isinstance(event, Building)]


def test_an_image_archive_is_the_same_bytes_every_time() -> None:
    one = images.docker_archive("registry.k8s.io/pause:3.10.2", {"pause": b"x"}, ("/pause",), "amd64")
    assert one == images.docker_archive("registry.k8s.io/pause:3.10.2", {"pause": b"x"}, ("/pause",), "amd64")
    with tarfile.open(fileobj=io.BytesIO(one)) as tar:
        assert "manifest.json" in tar.getnames()
