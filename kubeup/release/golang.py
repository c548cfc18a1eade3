"""Building from Go modules, where a profile names the source ``go``: the same programs, by the user's own Go settings.

Facts about each module were found by building it; see docs/release.md.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubeup import images
from kubeup.errors import ReleaseError
from kubeup.model import Versions
from kubeup.release import cache
from kubeup.release.model import Building, Say, Wanted

LIMIT = 3600.0
SAY_SECONDS = 2.0
STUBS = Path(__file__).parent / "stubs"
BUILT = "built from its Go module"
"""Artifact.source of what comes from here."""


@dataclass(frozen=True)
class Recipe:
    """How the binaries of one module are built.

    module: the Go module. packages: binary name -> its main package. cgo: needs a C compiler, linked statically.
    tags: build tags. requires: further modules of the same version. stub: a folder of ``stubs/`` copied beside the
    build's go.mod. extra: lines of that go.mod. ldflags: of a version, for ``go build -ldflags``.
    """

    module: str
    packages: Mapping[str, str]
    cgo: bool = False
    tags: str = ""
    requires: tuple[str, ...] = ()
    stub: str = ""
    extra: str = ""
    ldflags: Callable[[str], str] = lambda _: ""


def _kubernetes_flags(version: str) -> str:
    major, minor, _ = version.split(".", 2)
    values = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "archive",
        "gitCommit": "unknown",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{name}={value}" for package in packages for name, value in values.items())


_TENCENT = "github.com/tencentcloud/tencentcloud-sdk-go"

RECIPES = {
    "kubernetes": Recipe(
        "k8s.io/kubernetes",
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kubelet",
                "kube-proxy",
                "kubectl",
                "kubeadm",
            )
        },
        ldflags=_kubernetes_flags,
    ),
    "etcd": Recipe(
        "go.etcd.io/etcd/server/v3",
        {
            "etcd": "go.etcd.io/etcd/server/v3",
            "etcdctl": "go.etcd.io/etcd/etcdctl/v3",
            "etcdutl": "go.etcd.io/etcd/etcdutl/v3",
        },
        requires=("go.etcd.io/etcd/etcdctl/v3", "go.etcd.io/etcd/etcdutl/v3"),
    ),
    "flannel": Recipe(
        "github.com/flannel-io/flannel",
        {"flanneld": "github.com/flannel-io/flannel"},
        cgo=True,
        tags="netgo,osusergo",
        # One cloud SDK that a backend nobody here uses imports is not on every proxy: a stub has the names it needs.
        stub="tencent-vpc",
        extra=f"replace {_TENCENT}/tencentcloud/vpc => ./tencent-vpc\nexclude {_TENCENT} v1.0.162\n",
        ldflags=lambda version: f"-X github.com/flannel-io/flannel/pkg/version.Version=v{version}",
    ),
    "containerd": Recipe(
        "github.com/containerd/containerd/v2",
        {
            name: f"github.com/containerd/containerd/v2/cmd/{name}"
            for name in ("containerd", "containerd-shim-runc-v2", "ctr")
        },
        ldflags=lambda version: f"-X github.com/containerd/containerd/v2/version.Version=v{version}",
    ),
    "runc": Recipe(
        "github.com/opencontainers/runc",
        {"runc": "github.com/opencontainers/runc"},
        cgo=True,
        tags="seccomp,netgo,osusergo",
        ldflags=lambda version: f"-X main.version={version}",
    ),
    "cni-plugins": Recipe(
        "github.com/containernetworking/plugins",
        {
            "bridge": "github.com/containernetworking/plugins/plugins/main/bridge",
            "loopback": "github.com/containernetworking/plugins/plugins/main/loopback",
            "host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
            "portmap": "github.com/containernetworking/plugins/plugins/meta/portmap",
        },
        ldflags=lambda version: (
            f"-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v{version}"
        ),
    ),
}


@dataclass(frozen=True)
class _Workshop:
    """Where one module is built: its folder, the log of all its steps, and who is told."""

    go: str
    folder: Path
    log: Path
    say: Say


def build(module: str, wanted: Sequence[Wanted], root: Path, say: Say) -> Iterator[tuple[Wanted, Path]]:
    """Build files of one module, all of one version and architecture, one by one; each in a folder below root.

    Raises ReleaseError; what was yielded before that is good.
    """
    go = shutil.which("go")
    if go is None:
        raise ReleaseError("Go is not installed here (no `go` on PATH)", fix="install Go, or take `go` out of sources")
    first = wanted[0]
    name = f"{module}-{first.version}-{first.arch}"
    shop = _Workshop(go, root / "build" / name, root / "log" / f"go-{name}.log", say)
    with cache.locked(shop.folder / "lock", f"building {module} {first.version}", say):
        shop.log.parent.mkdir(parents=True, exist_ok=True)
        shop.log.write_bytes(b"")
        if module == "pause":
            yield first, _build_pause(shop, first)
            return
        recipe = RECIPES[module]
        _check_compiler(recipe.cgo, first)
        _write_module(shop, recipe, first.version)
        for number, one in enumerate(wanted, 1):
            yield one, _compile(shop, recipe, one, f"{number} of {len(wanted)}")


def _check_compiler(cgo: bool, wanted: Wanted) -> None:
    if not cgo:
        return
    if shutil.which("cc") is None:
        raise ReleaseError(f"{wanted.title} needs a C compiler", fix="apt-get install gcc libc6-dev libseccomp-dev")
    if wanted.arch != machine_arch():
        raise ReleaseError(
            f"{wanted.title} needs a C compiler for {wanted.arch}, and cannot be built on {machine_arch()}",
            fix="take it from another source",
        )


def machine_arch() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def _write_module(shop: _Workshop, recipe: Recipe, version: str) -> None:
    """A module that requires the real one: ``go install`` refuses modules with replace directives."""
    source = _source(shop, recipe.module, version)
    text = _module_text(recipe, version, (source / "go.mod").read_text())
    ready = shop.folder / "ready"
    if ready.exists() and ready.read_text() == text:
        return
    (shop.folder / "go.mod").write_text(text)
    if (source / "go.sum").exists():
        (shop.folder / "go.sum").write_bytes((source / "go.sum").read_bytes())
    if recipe.stub:
        # Beside go.mod, for Go writes the path of what replaces a module into the binary.
        shutil.copytree(STUBS / recipe.stub, shop.folder / recipe.stub, dirs_exist_ok=True)
    imports = "".join(f'\t_ "{package}"\n' for package in recipe.packages.values())
    (shop.folder / "tools.go").write_text(f"//go:build tools\n\npackage tools\n\nimport (\n{imports})\n")
    _run(shop, ["go", "mod", "tidy"], f"resolving {recipe.module} {version}")
    ready.write_text(text)


def _module_text(recipe: Recipe, version: str, upstream: str) -> str:
    """go and godebug are the main module's to say, and upstream's go.mod is not the main module here."""
    found = re.search(r"^go \S+", upstream, re.MULTILINE)
    text = f"module kubeup.local/build\n\n{found.group(0) if found else 'go 1.24'}\n\n"
    text += "".join(f"{line}\n" for line in re.findall(r"^godebug [^(\n]+$", upstream, re.MULTILINE))
    text += "".join(f"require {module} v{version}\n" for module in (recipe.module, *recipe.requires))
    for module in re.findall(r"^\s*(\S+) => \./staging/", upstream, re.MULTILINE):
        text += f"replace {module} => {module} v0.{version.split('.', 1)[1]}\n"
    return text + recipe.extra


def _source(shop: _Workshop, module: str, version: str) -> Path:
    what = f"fetching {module} {version}"
    output = _run(shop, ["go", "mod", "download", "-json", f"{module}@v{version}"], what, outside=True)
    found = re.search(r'"Dir": "([^"]+)"', output)
    if found is None:
        raise ReleaseError(f"the Go module {module} v{version} is not to be had", evidence=output.split("\n")[-5:])
    return Path(found.group(1))


def _compile(shop: _Workshop, recipe: Recipe, wanted: Wanted, place: str) -> Path:
    target = shop.folder / wanted.name
    flags = f"-s -w {recipe.ldflags(wanted.version)}"
    if recipe.cgo:
        flags += ' -linkmode external -extldflags "-static"'
    argv = ["go", "build", "-trimpath", "-mod=mod", "-buildvcs=false", "-o", str(target), "-ldflags", flags]
    if recipe.tags:
        argv += ["-tags", recipe.tags]
    environment = {"CGO_ENABLED": "1" if recipe.cgo else "0", "GOARCH": wanted.arch, "GOOS": "linux"}
    what = f"building {wanted.title} from its Go module ({place})"
    _run(shop, [*argv, recipe.packages[wanted.name]], what, environment)
    return target


def _build_pause(shop: _Workshop, wanted: Wanted) -> Path:
    """pause has no Go in it: its few lines of C lie inside Kubernetes' module."""
    _check_compiler(True, wanted)
    source = _source(shop, "k8s.io/kubernetes", Versions().kubernetes)
    binary = shop.folder / "pause.bin"
    argv = ["cc", "-Os", "-s", "-static", f"-DVERSION=v{wanted.version}", "-o", str(binary)]
    _run(shop, [*argv, str(source / "build/pause/linux/pause.c")], f"building {wanted.title}")
    target = shop.folder / "pause"
    name = f"registry.k8s.io/pause:{wanted.version}"
    target.write_bytes(images.docker_archive(name, {"pause": binary.read_bytes()}, ("/pause",), wanted.arch))
    return target


def _run(
    shop: _Workshop, argv: Sequence[str], what: str, environment: Mapping[str, str] | None = None, outside: bool = False
) -> str:
    """Run one step, saying every few seconds that it is still at work; returns what it printed.

    The user's own Go settings hold. outside: not within the build's module.
    """
    begin = time.monotonic()
    full = {**os.environ, "GOWORK": "off", **(environment or {})}
    real = [*_mortal(), shop.go if argv[0] == "go" else argv[0], *argv[1:]]
    where = shop.log.parent if outside else shop.folder
    with shop.log.open("ab") as out:
        out.write(f"$ {shlex.join(argv)}\n".encode())
        out.flush()
        start = out.tell()
        # A session of its own: Ctrl-C reaches the compilers through us, all of them.
        process = subprocess.Popen(
            real, cwd=where, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=full, start_new_session=True
        )
        try:
            status = _wait(process, what, begin, shop)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    with shop.log.open("rb") as log:
        log.seek(start)
        output = log.read().decode("utf-8", "replace")
    if status:
        raise ReleaseError(f"{what} failed", evidence=[*output.rstrip().split("\n")[-12:], f"all of it: {shop.log}"])
    return output


def _mortal() -> list[str]:
    """A build ends with kubeup even where kubeup is killed; util-linux has the command on every Debian and Ubuntu."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _wait(process: subprocess.Popen[bytes], what: str, begin: float, shop: _Workshop) -> int:
    while True:
        spent = time.monotonic() - begin
        shop.say(Building(what, spent))
        if spent > LIMIT:
            raise ReleaseError(f"{what} took more than {LIMIT:.0f} s", evidence=[f"all of it: {shop.log}"])
        try:
            return process.wait(timeout=SAY_SECONDS)
        except subprocess.TimeoutExpired:
            continue
