"""What the original's containers were: a small real HTTP server on port 8111; with a real sshd beside it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from kubeup.images import archive_writer
from kubeup.images.archive_writer import LayerEntry, Settings

SSHD = Path("/usr/sbin/sshd")
PASSWD = """root:x:0:0:root:/root:/bin/sh
sshd:x:100:65534::/run/sshd:/bin/false
nobody:x:65534:65534::/nonexistent:/bin/false
"""
SETTINGS = """Port 2222
HostKey /etc/ssh/host_key
AuthorizedKeysFile /etc/ssh/authorized_keys
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
PidFile none
"""
# Every path that the Ingress of the original sends somewhere is a page that says which application answers.
SERVE = (
    'mkdir -p /www && for p in index.html foo bar; do echo "$APP on $(hostname)" >/www/$p; done; '
    "exec httpd -f -p 8111 -h /www"
)


def archive(name: str, folder: Path, public_key: str) -> bytes:
    """A docker-archive of one layer. folder: to work in."""
    files: dict[str, bytes | LayerEntry] = {**_busybox(folder), **_sshd(folder, public_key)}
    return archive_writer.archive(name, files, Settings(("/bin/sh", "-c"), (SERVE,), "0"), "amd64")


def _busybox(folder: Path) -> dict[str, bytes | LayerEntry]:
    subprocess.run(["apt-get", "download", "-q", "busybox-static"], cwd=folder, check=True, timeout=120)
    (package,) = folder.glob("busybox-static_*.deb")
    subprocess.run(["dpkg", "-x", package.name, "unpacked"], cwd=folder, check=True, timeout=60)
    program = next(path for path in folder.glob("unpacked/**/bin/busybox"))
    listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.split()
    links: dict[str, bytes | LayerEntry] = {
        f"bin/{name}": LayerEntry(target="/bin/busybox") for name in listed if name != "busybox"
    }
    return {**links, "bin/busybox": program.read_bytes(), "tmp": LayerEntry(is_dir=True, mode=0o1777)}


def _sshd(folder: Path, public_key: str) -> dict[str, bytes | LayerEntry]:
    """The machine's own, with the libraries it is linked to and the programs it starts."""
    key = folder / "host_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    files: dict[str, bytes | LayerEntry] = {
        "etc/passwd": LayerEntry(PASSWD.encode()),
        "etc/group": LayerEntry(b"root:x:0:\nnogroup:x:65534:\n"),
        "etc/ssh/sshd_config": LayerEntry(SETTINGS.encode()),
        "etc/ssh/host_key": LayerEntry(key.read_bytes(), 0o600),
        "etc/ssh/authorized_keys": LayerEntry(public_key.encode()),
        "run/sshd": LayerEntry(is_dir=True, mode=0o755),
        "root": LayerEntry(is_dir=True, mode=0o700),
    }
    for program in (SSHD, *Path("/usr/lib/openssh").glob("sshd-*")):
        files[str(program).removeprefix("/")] = program.read_bytes()
        told = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        for path in re.findall(r"(/\S+) \(0x", told):
            files[path.removeprefix("/")] = Path(path).read_bytes()
    for path in Path("/lib/x86_64-linux-gnu").glob("libnss_files*"):
        files[str(path).removeprefix("/")] = path.read_bytes()
    return files
