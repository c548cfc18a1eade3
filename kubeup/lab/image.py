"""The base images of lab nodes: Debian 13 or an Ubuntu by debootstrap, or one made of another; made once, kept in the
cache."""

from __future__ import annotations

import fcntl
import hashlib
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from kubeup.lab import apt, packages
from kubeup.lab.kinds import IMAGES, Image
from kubeup.lab.model import Lab, cache_root
from kubeup.lab.shell import remove_tree, require, run
from kubeup.model.lab_folder import state_root

SUITE = "trixie"
SUITES = (SUITE, *(image.ubuntu for image in IMAGES.values() if image.ubuntu))
COMMON = (
    "systemd,systemd-sysv,dbus,openssh-server,iproute2,iptables,ipset,ca-certificates,kmod,procps,conntrack,nftables",
    "curl,sudo,ethtool,socat,attr,docker.io,haproxy",
)
OF_DEBIAN = "docker-cli"
"""In packages of its own there; Ubuntu's docker.io has it."""
FOLDER = Path(__file__).parent
BUILD_SECONDS = 1800.0
# Namespaces and pdeathsig: when kubeup is killed, a build ends with all that it mounted.
ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "slave", "--pid", "--fork")


def ensure(lab: Lab, say: Callable[[str], None]) -> Path:
    """The folder of the base image, built when it is not there yet (a minute or two)."""
    cache_root().mkdir(parents=True, exist_ok=True)
    # Labs of another folder have another lock, and build in the same cache.
    with (cache_root() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _ensure(lab.kind.image, say)


def _ensure(name: str, say: Callable[[str], None]) -> Path:
    base = folder(name)
    if base.is_dir():
        _users()
        return base
    image = IMAGES[name]
    partial = base.with_name(f"{base.name}.partial")
    remove_tree(partial)
    if image.over:
        _build_over(_ensure(image.over, say), image, partial, say)
    else:
        _build(name, _included(image), partial, say)
    partial.rename(base)
    prune(keep=base)
    return base


def folder(name: str) -> Path:
    """Where an image is, once it is built: one of another recipe is another image."""
    image = IMAGES[name]
    suite = image.ubuntu or SUITE
    said = (folder(image.over).name, *image.newer) if image.over else (suite, _included(image), _clamp())
    recipe = "\n".join((*said, (FOLDER / image.script).read_text()))
    return cache_root() / f"{name}-{suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def _included(image: Image) -> str:
    return ",".join(filter(None, (*COMMON, "" if image.ubuntu else OF_DEBIAN, image.packages)))


def _build(name: str, included: str, partial: Path, say: Callable[[str], None]) -> None:
    require("debootstrap")
    image = IMAGES[name]
    mirror, keyring = apt.ubuntu() if image.ubuntu else apt.archive()
    suite, components, like = (image.ubuntu, "main,universe", "ubuntu") if image.ubuntu else (SUITE, "main", name)
    say(f"building the base image for {name} nodes ({suite} from {mirror}; a minute or two, once)")
    debs = cache_root() / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    build = ["--kill-child", "--mount-proc", "sh", str(FOLDER / "build.sh"), str(partial), suite, mirror, keyring]
    run(
        [*ALONE, *build, included, like, _clamp(), str(FOLDER / image.script), str(debs), components],
        limit=BUILD_SECONDS,
        fix=f"is {mirror} reachable from this machine (apt-get update), and is there 1.5 GB free in {cache_root()}?",
    )


def _build_over(below: Path, image: Image, partial: Path, say: Callable[[str], None]) -> None:
    say(f"building a base image out of {below.name}: {', '.join(image.newer)} of Debian sid come to it (once)")
    with tempfile.TemporaryDirectory() as lists:
        debs = packages.lacking(Path(lists), "sid", below, image.newer)
        build = ["--kill-child", "--mount-proc", "--net", "sh", str(FOLDER / "layer.sh"), str(partial), str(below)]
        run(
            [*ALONE, *build, str(FOLDER / image.script), str(debs[0].parent)],
            limit=BUILD_SECONDS,
            fix=f"is there 1.5 GB free in {cache_root()}?",
        )


def _users() -> list[Path]:
    """Every folder of labs that took an image from this cache and is still there; this one is noted."""
    path = cache_root() / "labs"
    known = path.read_text().split("\n") if path.exists() else []
    roots = {str(state_root()), *(one for one in known if one and Path(one).is_dir())}
    if cache_root().is_dir():
        path.write_text("".join(f"{one}\n" for one in sorted(roots)))
    return [Path(one) for one in sorted(roots)]


def prune(keep: Path | None = None) -> None:
    """Remove images that no node stands on. keep: one that may be used next."""
    used = {link.resolve() for root in _users() for link in root.glob("*/nodes/*/base")}
    used |= {keep.resolve()} if keep else set()
    for path in _all():
        same_kind = keep is None or path.name.split("-")[0] == keep.name.split("-")[0]
        if path.resolve() not in used and same_kind:
            if path.is_dir():
                remove_tree(path)
            else:
                path.unlink()


def remove_all() -> None:
    """Remove every image that no node stands on and, when none is left, the packages they were made of."""
    prune()
    if not _all():
        remove_tree(cache_root())


def _all() -> list[Path]:
    return [path for suite in SUITES for path in cache_root().glob(f"*-{suite}-*")]


def _clamp() -> str:
    """``clamp`` where even root may not lower oom_score_adj (no CAP_SYS_RESOURCE, bit 24: capabilities(7)): Docker's
    runc dies on it there."""
    status = Path("/proc/1/status").read_text()
    found = re.search(r"^CapBnd:\s*([0-9a-f]+)", status, re.MULTILINE)
    return "plain" if found is None or int(found.group(1), 16) >> 24 & 1 else "clamp"
