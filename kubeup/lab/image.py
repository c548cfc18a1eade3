"""The base image of lab nodes: Debian 13 by debootstrap, made once and kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from kubeup.lab import apt
from kubeup.lab.model import Lab, cache_root
from kubeup.lab.shell import remove_tree, require, run
from kubeup.model.lab_folder import state_root

SUITE = "trixie"
COMMON = (
    "systemd,systemd-sysv,dbus,openssh-server,iproute2,iptables,ipset,ca-certificates,kmod,procps,conntrack,nftables",
    "curl,sudo,ethtool,socat,attr,docker.io,docker-cli",
)
MORE = {"ubuntu": ("systemd-resolved,netplan.io,ufw",)}
BUILD = Path(__file__).with_name("build.sh")
CUSTOMIZE = Path(__file__).with_name("customize.sh")
BUILD_SECONDS = 1800.0


def ensure(lab: Lab, say: Callable[[str], None]) -> Path:
    """The folder of the base image, built when it is not there yet (a minute or two)."""
    name = lab.kind.image
    packages = ",".join((*COMMON, *MORE.get(name, ())))
    recipe = "\n".join((SUITE, packages, _clamp(), CUSTOMIZE.read_text()))
    base = cache_root() / f"{name}-{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    cache_root().mkdir(parents=True, exist_ok=True)
    # Labs of another folder have another lock, and build in the same cache.
    with (cache_root() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if base.is_dir():
            _users()
        else:
            _build(name, base, packages, say)
    return base


def _build(name: str, base: Path, packages: str, say: Callable[[str], None]) -> None:
    require("debootstrap")
    mirror, keyring = apt.archive()
    say(f"building the base image for {name} nodes (Debian {SUITE} from {mirror}; a minute or two, once)")
    partial = base.with_name(f"{base.name}.partial")
    remove_tree(partial)
    debs = cache_root() / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    # Namespaces and pdeathsig: when kubeup is killed, the build ends with all that it mounted.
    alone = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "slave", "--pid", "--fork"]
    build = ["--kill-child", "--mount-proc", "sh", str(BUILD), str(partial), SUITE, mirror, keyring, packages]
    run(
        [*alone, *build, name, _clamp(), str(CUSTOMIZE), str(debs)],
        limit=BUILD_SECONDS,
        fix=f"is {mirror} reachable from this machine (apt-get update), and is there 1.5 GB free in {cache_root()}?",
    )
    partial.rename(base)
    prune(keep=base)


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
    for path in cache_root().glob(f"*-{SUITE}-*"):
        same_kind = keep is None or path.name.split("-")[0] == keep.name.split("-")[0]
        if path.resolve() not in used and same_kind:
            if path.is_dir():
                remove_tree(path)
            else:
                path.unlink()


def remove_all() -> None:
    """Remove every image that no node stands on and, when none is left, the packages they were made of."""
    prune()
    if not any(cache_root().glob(f"*-{SUITE}-*")):
        remove_tree(cache_root())


def _clamp() -> str:
    """``clamp`` where even root may not lower oom_score_adj (no CAP_SYS_RESOURCE, bit 24: capabilities(7)): Docker's
    runc dies on it there."""
    status = Path("/proc/1/status").read_text()
    found = re.search(r"^CapBnd:\s*([0-9a-f]+)", status, re.MULTILINE)
    return "plain" if found is None or int(found.group(1), 16) >> 24 & 1 else "clamp"
