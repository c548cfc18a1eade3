"""Reading archives of images: those that people have, and those that are broken, wrong or made to deceive."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kubeup.images import decompress
from kubeup.images.archive_reader import read
from kubeup.model.errors import ImageError
from tests.support import archives
from tests.support.archives import IMAGE, OTHER, Made, Write, contents, layer, sha256


@pytest.mark.parametrize("kind", [archives.docker, archives.oci])
def test_both_formats_are_the_same_image(write: Write, kind: Callable[..., bytes]) -> None:
    path = write(kind(IMAGE, OTHER))
    found = read(path)
    assert [one.names for one in found] == [(IMAGE.name,), (OTHER.name,)]
    assert [one.id for one in found] == [IMAGE.id, OTHER.id]
    low = found[0].layers[0]
    assert path.read_bytes()[low.start :][: low.size] == IMAGE.layers[0], "it is sent from where it lies"
    assert found[0].layers[0] == found[1].layers[0]


def test_packed_layers_are_known_by_what_they_are_packed(write: Write) -> None:
    (found,) = read(write(archives.oci(IMAGE, packed=True)))
    assert found.id == IMAGE.id
    assert found.diffs == tuple(sha256(one) for one in IMAGE.layers)
    assert found.layers[0].sha256 == sha256(gzip.compress(IMAGE.layers[0], 1, mtime=0))
    assert found.layers[0].media.endswith("+gzip")


def test_a_tag_alone_is_no_name(write: Write) -> None:
    path = write(archives.oci(IMAGE, names=["latest"]))
    with pytest.raises(ImageError) as caught:
        read(path)
    assert "--name" in caught.value.fix
    assert read(path, name="mine:2")[0].names == ("docker.io/library/mine:2",)


def test_one_architecture_of_several_is_chosen(write: Write) -> None:
    path = write(archives.oci(IMAGE, Made(IMAGE.name, OTHER.layers, arch="arm64")))
    assert read(path, "arm64")[0].diffs == tuple(sha256(one) for one in OTHER.layers)
    with pytest.raises(ImageError, match="no image for s390x") as caught:
        read(path, "s390x")
    assert caught.value.evidence == ("it has: amd64, arm64",)


def test_older_dockers_link_to_a_layer_they_wrote_before(write: Write) -> None:
    files = contents(archives.docker(OTHER))
    shared, link = f"{sha256(OTHER.layers[0])}/layer.tar", "there/layer.tar"
    listed = [{"Config": f"{OTHER.id}.json", "RepoTags": [OTHER.name], "Layers": [link, *json_layers(files)[1:]]}]
    archive = archives.tar({**files, "manifest.json": json.dumps(listed).encode()}, {link: f"../{shared}"})
    assert read(write(archive))[0].layers[0].sha256 == sha256(OTHER.layers[0])


def json_layers(files: dict[str, bytes]) -> list[str]:
    layers = json.loads(files["manifest.json"])[0]["Layers"]
    assert isinstance(layers, list)
    return layers


def broken(**changes: bytes | None) -> bytes:
    """An OCI layout of which some files are changed, or gone; by the beginning of their names."""
    files = contents(archives.oci(IMAGE))
    for start, content in changes.items():
        name = next(name for name in files if name.rpartition("/")[2].startswith(start.removeprefix("x")))
        files.pop(name)
        if content is not None:
            files[name] = content
    return archives.tar(files)


LOW = f"x{sha256(IMAGE.layers[0])}"
BROKEN = {
    "nothing": (b"", "no archive of images"),
    "text": (b"<html>404 not found</html>" * 100, "no archive of images"),
    "another tar": (archives.tar({"README": b"hello"}), "not laid out"),
    "cut off": (archives.oci(IMAGE)[:3000], "no archive of images|not laid out"),
    "a missing layer": (broken(**{LOW: None}), "not laid out"),
    "a changed layer": (broken(**{LOW: layer("changed", 5000)}), "is damaged"),
    "a changed config": (broken(**{f"x{IMAGE.id}": IMAGE.config + b" "}), "is damaged"),
    "a missing config": (broken(**{f"x{IMAGE.id}": None}), "not laid out"),
    "an index of text": (broken(index=b"what?"), "not laid out"),
    "an index of lists": (broken(index=b"[[[]]]"), "not laid out"),
    "a manifest of numbers": (archives.tar({"manifest.json": b"[1, 2]"}), "not laid out"),
    "lists without end": (broken(index=b"[" * 100_000), "not laid out"),
    "nothing listed": (broken(index=b'{"manifests": []}'), "no image for"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused_in_words(write: Write, name: str) -> None:
    content, message = BROKEN[name]
    with pytest.raises(ImageError, match=message) as caught:
        read(write(content))
    assert "archive" in caught.value.message


@pytest.mark.parametrize("place", ["/etc/passwd", "../../../../etc/passwd", "blobs/sha256/../../../../../etc/passwd"])
def test_paths_in_an_archive_lead_nowhere_else(write: Write, place: str) -> None:
    """A name is looked up among the archive's own members, and a link too: no file of this machine is ever read."""
    for config, links in ((place, {}), ("config.json", {"config.json": place})):
        listed = [{"Config": config, "RepoTags": ["a:1"], "Layers": []}]
        with pytest.raises(ImageError, match="not laid out"):
            read(write(archives.tar({"manifest.json": json.dumps(listed).encode()}, links)))


def test_a_link_to_itself_ends(write: Write) -> None:
    listed = b'[{"Config": "c", "RepoTags": ["a:1"], "Layers": []}]'
    with pytest.raises(ImageError, match="not laid out"):
        read(write(archives.tar({"manifest.json": listed}, {"c": "c"})))


@pytest.mark.parametrize("name", ["$(touch /tmp/x):1", "a b:1", "'; reboot; '", "a\nb:1", "-rm:1", "UPPER/x:1"])
def test_what_is_no_name_never_reaches_a_node(write: Write, name: str) -> None:
    path = write(archives.docker(Made(name, IMAGE.layers)))
    with pytest.raises(ImageError, match="which is none"):
        read(path)
    assert read(path, name="mine:1")[0].names == ("docker.io/library/mine:1",)


def test_pipes_and_packed_files_are_unpacked_once_and_leave_nothing(tmp_path: Path) -> None:
    plain, folder = archives.docker(IMAGE), tmp_path / "spool"
    packed = tmp_path / "archive.tar.gz"
    packed.write_bytes(gzip.compress(plain))
    for source in (packed, io.BytesIO(plain), io.BytesIO(packed.read_bytes())):
        with decompress.to_plain_tar(source, folder) as path:
            assert path.read_bytes() == plain
    assert list(folder.iterdir()) == []
    packed.write_bytes(gzip.compress(plain)[:-20])
    with pytest.raises(ImageError, match="cannot be read"), decompress.to_plain_tar(packed, folder):
        pass
    assert list(folder.iterdir()) == []
    packed.write_bytes(b"\x28\xb5\x2f\xfd....")
    with pytest.raises(ImageError) as caught, decompress.to_plain_tar(packed, folder):
        pass
    assert f"zstd -dc {packed} |" in caught.value.fix
