"""Building from Go modules, where a profile names the source ``go``: the same programs, by the user's own Go settings.

Facts about each module were found by building it; see docs/release.md.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubeup import images
from kubeup.errors import ReleaseError
from kubeup.release.model import Building, Say, Wanted

LIMIT = 3600.0
STUBS = Path(__file__).parent / "stubs"


@dataclass(frozen=True)
class Recipe:
    """How the binaries of one module are built.

    module: the Go module. packages: binary name -> its main package. cgo: needs a C compiler, linked statically.
    tags. requires: further modules of the same version. build: instead of all that, a function of its own.
    """

    module: str
    packages: Mapping[str, str]
    cgo: bool = False
    tags: str = ""
    requires: tuple[str, ...] = ()
    extra: Callable[[str], str] = lambda _: ""
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


def _flannel_extra(_: str) -> str:
    """One cloud SDK that a backend nobody here uses imports is not on every proxy: a stub with the names it needs."""
    sdk = "github.com/tencentcloud/tencentcloud-sdk-go"
    return f"replace {sdk}/tencentcloud/vpc => {STUBS / 'tencent-vpc'}\nexclude {sdk} v1.0.162\n"


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
        extra=_flannel_extra,
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


def build(module: str, wanted: Sequence[Wanted], root: Path, say: Say) -> dict[Wanted, Path]:
    """Build files of one module, all of one version and architecture; finished files in a folder below root."""
    go = shutil.which("go")
    if go is None:
        raise ReleaseError("Go is not installed here (no `go` on PATH)", fix="install Go, or take `go` out of sources")
    first = wanted[0]
    folder = root / "build" / f"{module}-{first.version}-{first.arch}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if module == "pause":
            return {first: _build_pause(go, first, folder, say)}
        recipe = RECIPES[module]
        _check_compiler(recipe, first)
        _write_module(go, recipe, first.version, folder, say)
        return {one: _compile(go, recipe, one, folder, say) for one in wanted}


def _check_compiler(recipe: Recipe, wanted: Wanted) -> None:
    if not recipe.cgo:
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


def _write_module(go: str, recipe: Recipe, version: str, folder: Path, say: Say) -> None:
    """A module that requires the real one: ``go install`` refuses modules with replace directives."""
    if (folder / "go.sum").exists() and (folder / "ready").exists():
        return
    source = _source(go, recipe.module, version, folder, say)
    upstream = (source / "go.mod").read_text()
    found = re.search(r"^go \S+", upstream, re.MULTILINE)
    text = f"module kubeup.local/build\n\n{found.group(0) if found else 'go 1.24'}\n\n"
    text += "".join(f"require {module} v{version}\n" for module in (recipe.module, *recipe.requires))
    for module in re.findall(r"^\s*(\S+) => \./staging/", upstream, re.MULTILINE):
        text += f"replace {module} => {module} v0.{version.split('.', 1)[1]}\n"
    text += recipe.extra(version)
    (folder / "go.mod").write_text(text)
    if (source / "go.sum").exists():
        (folder / "go.sum").write_bytes((source / "go.sum").read_bytes())
    imports = "".join(f'\t_ "{package}"\n' for package in recipe.packages.values())
    (folder / "tools.go").write_text(f"//go:build tools\n\npackage tools\n\nimport (\n{imports})\n")
    _go([go, "mod", "tidy"], folder, {}, f"resolving {recipe.module} {version}", say)
    (folder / "ready").touch()


def _source(go: str, module: str, version: str, folder: Path, say: Say) -> Path:
    output = _go([go, "mod", "download", "-json", f"{module}@v{version}"], folder, {}, f"fetching {module}", say)
    found = re.search(r'"Dir": "([^"]+)"', output)
    if found is None:
        raise ReleaseError(f"the Go module {module} v{version} is not to be had", evidence=output.split("\n")[-5:])
    return Path(found.group(1))


def _compile(go: str, recipe: Recipe, wanted: Wanted, folder: Path, say: Say) -> Path:
    target = folder / wanted.name
    flags = f"-s -w {recipe.ldflags(wanted.version)}"
    if recipe.cgo:
        flags += ' -linkmode external -extldflags "-static"'
    argv = [go, "build", "-trimpath", "-o", str(target), "-ldflags", flags]
    if recipe.tags:
        argv += ["-tags", recipe.tags]
    environment = {"CGO_ENABLED": "1" if recipe.cgo else "0", "GOARCH": wanted.arch, "GOOS": "linux"}
    _go([*argv, recipe.packages[wanted.name]], folder, environment, f"building {wanted.title} from its Go module", say)
    return target


def _build_pause(go: str, wanted: Wanted, folder: Path, say: Say) -> Path:
    """pause has no Go in it: its few lines of C lie inside Kubernetes' module."""
    from kubeup.model import Versions

    _check_compiler(Recipe("", {}, cgo=True), wanted)
    source = _source(go, "k8s.io/kubernetes", Versions().kubernetes, folder, say)
    binary = folder / "pause.bin"
    argv = ["cc", "-Os", "-static", f"-DVERSION=v{wanted.version}", "-o", str(binary)]
    _go([*argv, str(source / "build/pause/linux/pause.c")], folder, {}, f"building {wanted.title}", say)
    subprocess.run(["strip", str(binary)], check=False)
    target = folder / "pause"
    name = f"registry.k8s.io/pause:{wanted.version}"
    target.write_bytes(images.docker_archive(name, {"pause": binary.read_bytes()}, ("/pause",), wanted.arch))
    return target


def _go(argv: Sequence[str], folder: Path, environment: Mapping[str, str], what: str, say: Say) -> str:
    """Run one step of a build, saying every few seconds that it is still at work; returns what it printed."""
    begin = time.monotonic()
    log = folder / "log"
    full = {**os.environ, "GOFLAGS": "-mod=mod", "GOWORK": "off", **environment}
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=full)
        try:
            while True:
                say(Building(what, time.monotonic() - begin))
                try:
                    status = process.wait(timeout=2)
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() - begin > LIMIT:
                        raise ReleaseError(f"{what} took more than {LIMIT:.0f} s", evidence=[str(log)]) from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    output = log.read_text(errors="replace")
    if status:
        raise ReleaseError(f"{what} failed", evidence=[*output.split("\n")[-12:], f"the whole log: {log}"])
    return output
