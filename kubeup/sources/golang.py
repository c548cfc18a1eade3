"""Building from Go modules, where a profile names the source ``go``: by the user's own Go settings."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import Artifact, ArtifactRef, ReleaseSink, Remark
from kubeup.sources import cache, image_builds
from kubeup.sources.build_runner import NotPublishedError, Workshop, check_compiler, machine_arch, run, source
from kubeup.sources.go_builds import RECIPES, STAND_INS, Recipe

__all__ = ["BUILT", "build", "is_built", "machine_arch"]

STUBS = Path(__file__).parent / "stubs"
BUILT = "built from its Go module"
"""How Artifact.source of what comes from here begins."""


def is_built(artifact: Artifact) -> bool:
    return artifact.source.startswith(BUILT)


def build(
    module: str, wanted: Sequence[ArtifactRef], root: Path, emit: ReleaseSink
) -> Iterator[tuple[ArtifactRef, Path, str]]:
    """Build files of one module, all of one version and architecture, one by one: each in a folder below root, and its
    Artifact.source.

    Raises ReleaseError; what was yielded before that is good.
    """
    go = shutil.which("go")
    if go is None:
        raise ReleaseError("Go is not installed here (no `go` on PATH)", fix="install Go, or take `go` out of sources")
    first = wanted[0]
    stand_in = STAND_INS.get((module, first.version), "")
    try:
        for one, file in _build(go, module, wanted, first.version, root, emit):
            yield one, file, BUILT
    except NotPublishedError:
        if not stand_in:
            raise
        emit(Remark(first, f"{first.version} is not to be had as a module here: {stand_in} is built in its place"))
        for one, file in _build(go, module, wanted, stand_in, root, emit):
            yield one, file, f"{BUILT}, {stand_in} in place of {first.version}"


def _build(
    go: str, module: str, wanted: Sequence[ArtifactRef], version: str, root: Path, emit: ReleaseSink
) -> Iterator[tuple[ArtifactRef, Path]]:
    first = wanted[0]
    name = f"{module}-{version}-{first.arch}"
    shop = Workshop(go, root / "build" / name, root / "log" / f"go-{name}.log", emit)
    with cache.locked(shop.folder / "lock", f"building {module} {version}", emit):
        shop.log.parent.mkdir(parents=True, exist_ok=True)
        shop.log.write_bytes(b"")
        if module in image_builds.BUILDS:
            yield first, image_builds.BUILDS[module](shop, first, version)
            return
        recipe = RECIPES[module]
        if recipe.cgo:
            check_compiler(first)
        _write_module(shop, recipe, version)
        for number, one in enumerate(wanted, 1):
            binary = _compile(shop, recipe, one, version, f"{number} of {len(wanted)}")
            yield one, image_builds.wrap(shop, one, binary) if one.name in image_builds.SHAPES else binary


def _write_module(shop: Workshop, recipe: Recipe, version: str) -> None:
    """A module that requires the real one: ``go install`` refuses modules with replace directives."""
    folder = source(shop, recipe.module, version)
    text = _module_text(recipe, version, (folder / "go.mod").read_text())
    ready = shop.folder / "ready"
    if ready.exists() and ready.read_text() == text:
        return
    (shop.folder / "go.mod").write_text(text)
    if (folder / "go.sum").exists():
        (shop.folder / "go.sum").write_bytes((folder / "go.sum").read_bytes())
    if recipe.stub:
        # Beside go.mod, for Go writes the path of what replaces a module into the binary.
        shutil.copytree(STUBS / recipe.stub, shop.folder / recipe.stub, dirs_exist_ok=True)
    imports = "".join(f'\t_ "{package}"\n' for package in recipe.packages.values())
    (shop.folder / "tools.go").write_text(f"//go:build tools\n\npackage tools\n\nimport (\n{imports})\n")
    run(shop, ["go", "mod", "tidy"], f"resolving {recipe.module} {version}")
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


def _compile(shop: Workshop, recipe: Recipe, wanted: ArtifactRef, version: str, place: str) -> Path:
    target = shop.folder / wanted.name.replace(":", "_")
    flags = f"-s -w {recipe.ldflags(version)}"
    if recipe.cgo:
        flags += ' -linkmode external -extldflags "-static"'
    argv = ["go", "build", "-trimpath", "-mod=mod", "-buildvcs=false", "-o", str(target), "-ldflags", flags]
    if recipe.tags:
        argv += ["-tags", recipe.tags]
    environment = {"CGO_ENABLED": "1" if recipe.cgo else "0", "GOARCH": wanted.arch, "GOOS": "linux"}
    what = f"building {wanted.title} from its Go module ({place})"
    run(shop, [*argv, recipe.packages[wanted.name]], what, environment)
    return target
