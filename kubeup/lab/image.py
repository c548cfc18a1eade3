"""The base image of lab nodes: Debian 13 by debootstrap, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from kubeup.errors import LabError
from kubeup.lab.model import Lab, cache_root
from kubeup.lab.shell import PACKAGES, run

SUITE = "trixie"
COMMON = (
    "systemd,systemd-sysv,dbus,openssh-server,iproute2,iptables,ipset,ca-certificates,kmod,procps,conntrack,nftables,"
    "curl,sudo,ethtool,socat,docker.io,docker-cli"
)
UBUNTU = "systemd-resolved,netplan.io,ufw"
CUSTOMIZE = Path(__file__).with_name("customize.sh")
Say = Callable[[str], None]


def ensure(lab: Lab, say: Say) -> Path:
    """The folder of the base image, built when it is not there yet (a minute or two)."""
    packages = f"{COMMON},{UBUNTU}" if lab.like == "ubuntu" else COMMON
    recipe = f"{SUITE} {packages} {CUSTOMIZE.read_text()}"
    base = cache_root() / f"{lab.like}-{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if base.is_dir():
        return base
    if not shutil.which("debootstrap"):
        raise LabError("there is no debootstrap on this machine", fix=PACKAGES)
    mirror, keyring = apt_source()
    say(f"building the base image for {lab.like} nodes (Debian {SUITE}; a minute or two, once)")
    partial = base.with_name(f"{base.name}.partial.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    debs = cache_root() / "debs"
    debs.mkdir(exist_ok=True)
    try:
        argv = ["debootstrap", "--variant=minbase", f"--cache-dir={debs}", f"--include={packages}"]
        if keyring:
            argv.append(f"--keyring={keyring}")
        run([*argv, SUITE, str(partial), mirror], limit=1800, fix="is the apt mirror of this machine reachable?")
        (partial / "customize.sh").write_bytes(CUSTOMIZE.read_bytes())
        run(["chroot", str(partial), "sh", "/customize.sh", lab.like, _clamp()], limit=300)
        (partial / "customize.sh").unlink()
        partial.rename(base)
    finally:
        if partial.exists():
            shutil.rmtree(partial, ignore_errors=True)
    for old in cache_root().glob(f"{lab.like}-{SUITE}-*.partial.*"):
        if not Path(f"/proc/{old.name.rpartition('.')[2]}").exists():
            shutil.rmtree(old, ignore_errors=True)
    return base


def _clamp() -> str:
    """``clamp`` where even root may not lower oom_score_adj (no CAP_SYS_RESOURCE): Docker's runc dies on it there."""
    status = Path("/proc/1/status").read_text()
    found = re.search(r"^CapBnd:\s*([0-9a-f]+)", status, re.MULTILINE)
    return "plain" if found is None or int(found.group(1), 16) >> 24 & 1 else "clamp"


def apt_source(root: Path = Path("/")) -> tuple[str, str]:
    """(mirror, keyring or empty): Debian's archive as this machine's own apt is set up for it."""
    folder = root / "etc/apt"
    texts = [path.read_text() for path in sorted((folder / "sources.list.d").glob("*.sources"))]
    for text in texts:
        for stanza in re.split(r"\n\s*\n", text):
            fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.+)$", stanza, re.MULTILINE))
            uri = fields.get("URIs", "").split(" ")[0]
            if _is_debian(uri):
                return uri, fields.get("Signed-By", "")
    lists = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    for path in lists:
        for line in path.read_text().split("\n") if path.is_file() else ():
            found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s", line)
            if found and _is_debian(found.group(1)):
                return found.group(1), ""
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    return "https://deb.debian.org/debian", keyring if (root / keyring.lstrip("/")).exists() else ""


def _is_debian(uri: str) -> bool:
    return uri.rstrip("/").endswith("/debian")
