"""A machine with a kernel of its own: Debian's, with cgroup v2, AppArmor and loadable modules, emulated by QEMU.

Slow where the processor cannot help: minutes for what takes seconds elsewhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubeup.lab import apt

pytestmark = [pytest.mark.soak, pytest.mark.timeout(5400)]
PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,iproute2,iptables,ipset,ca-certificates,kmod,procps,conntrack,nftables,"
    "curl,sudo,udev,apparmor,ipvsadm,netplan.io,linux-image-cloud-amd64,initramfs-tools"
)
PORT = 2222
PROFILE = f"""name: guest
nodes: [{{host: 127.0.0.1, port: {PORT}, address: 10.0.2.15, user: root, role: ai}}]
runtime: containerd
sources: [cache, go]
ssh: {{config: ssh_config}}
"""
NETWORK = "[Match]\nName=en* eth*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n"


@dataclass
class Guest:
    folder: Path
    process: subprocess.Popen[bytes]

    def ssh(self, script: str) -> subprocess.CompletedProcess[str]:
        argv = ["ssh", "-F", str(self.folder / "ssh_config"), "-p", str(PORT), "root@127.0.0.1", script]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)

    def until(self, what: str, script: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.ssh(script).returncode:
            assert self.process.poll() is None, "QEMU ended"
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
            time.sleep(2)

    def kubeup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XDG_STATE_HOME": str(self.folder), "KUBECONFIG": str(self.folder / "kubeconfig")}
        argv = [str(Path(sys.executable).with_name("kubeup")), *arguments]
        return subprocess.run(
            argv, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=1800, check=False
        )


def build(folder: Path) -> tuple[Path, Path]:
    """A disk, and in the folder the kernel and its initial ram disk; returns these two."""
    root = folder / "root"
    mirror, keyring = apt.archive()
    argv = ["debootstrap", "--variant=minbase", f"--keyring={keyring}", f"--include={PACKAGES}", "trixie"]
    subprocess.run([*argv, str(root), mirror], check=True, capture_output=True, timeout=1800)
    (root / "etc/hostname").write_text("guest\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost guest\n")
    (root / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 1\n")
    (root / "etc/systemd/network/10.network").write_text(NETWORK)
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    shutil.copy(folder / "key.pub", root / "root/.ssh/authorized_keys")
    subprocess.run(["chroot", str(root), "systemctl", "enable", "systemd-networkd", "ssh"], check=True)
    host_key = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{PORT} {host_key}")
    (folder / "ssh_config").write_text(
        f"Host *\n  UserKnownHostsFile {folder}/known_hosts\n  IdentityFile {folder}/key\n  ConnectTimeout 20\n"
    )
    with (folder / "disk").open("wb") as disk:
        disk.truncate(12 << 30)
    subprocess.run(["mkfs.ext4", "-q", "-d", str(root), str(folder / "disk")], check=True)
    for name in ("vmlinuz", "initrd.img"):
        (found,) = (root / "boot").glob(f"{name}-*")
        shutil.copy(found, folder / name)
    shutil.rmtree(root)
    return folder / "vmlinuz", folder / "initrd.img"


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        pytest.skip("no QEMU here: apt-get install qemu-system-x86")
    folder = tmp_path_factory.mktemp("guest")
    kernel, initial = build(folder)
    argv = [qemu, "-machine", "q35", "-accel", "kvm", "-accel", "tcg,thread=multi", "-smp", "2"]
    # A KVM inside another virtual machine may refuse to set the register behind it, and QEMU aborts.
    argv += ["-cpu", "max,arch-capabilities=off"]
    argv += ["-m", "4096", "-display", "none", "-serial", f"file:{folder}/console", "-kernel", str(kernel)]
    argv += ["-initrd", str(initial), "-append", "root=/dev/vda rw console=ttyS0"]
    argv += ["-drive", f"file={folder}/disk,format=raw,if=virtio,cache=unsafe"]
    argv += ["-netdev", f"user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{PORT}-:22", "-device", "virtio-net-pci,netdev=n"]
    process = subprocess.Popen(argv)
    found = Guest(folder, process)
    try:
        found.until("the guest to boot", "true", 600)
        (folder / "profile.yaml").write_text(PROFILE)
        yield found
    finally:
        process.terminate()
        process.wait(60)


def test_a_cluster_on_a_kernel_of_its_own_and_none_afterwards(guest: Guest) -> None:
    said = guest.ssh("stat -fc %T /sys/fs/cgroup; cat /sys/module/apparmor/parameters/enabled; ls /proc/sys/net/bridge")
    assert said.stdout == "cgroup2fs\nY\n", "cgroup v2, AppArmor, and no br_netfilter loaded"
    assert guest.kubeup("node", "snapshot", "127.0.0.1", "-o", "before").returncode == 0
    # Emulated, a unit may take longer than its minute to get ready; the same command goes on from there.
    for _ in range(3):
        done = guest.kubeup("up", "--no-validate")
        if not done.returncode:
            break
        assert "did not become ready" in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    for _ in range(3):
        validated = guest.kubeup("validate")
        if not validated.returncode:
            break
    assert "Cluster validation succeeded" in validated.stdout, validated.stdout
    boot = guest.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip()
    guest.ssh("systemctl reboot")
    ready = "kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes | grep -q ' Ready '"
    guest.until(
        "the node to be Ready after a reboot", f"! grep -q {boot} /proc/sys/kernel/random/boot_id && {ready}", 1200
    )
    assert guest.kubeup("validate", "--read-only").returncode == 0
    assert guest.kubeup("down", "--yes").returncode == 0
    assert guest.kubeup("node", "snapshot", "127.0.0.1", "-o", "after").returncode == 0
    compared = guest.kubeup("node", "compare", "before", "after")
    assert compared.returncode == 0, compared.stdout
