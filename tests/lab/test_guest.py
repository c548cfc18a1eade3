"""A machine with a kernel of its own: Debian's, with cgroup v2, AppArmor, netplan and loadable modules, under QEMU.

It works for its living: Docker with options of its own and a container, a firewall, keepalived with a service on IPVS.
Slow where the processor cannot help: minutes for what takes seconds elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubeup.components import pause
from kubeup.lab import apt
from kubeup.release.artifacts import ArtifactRef
from kubeup.sources.cache import cache_root, path_of
from kubeup.sources.golang import machine_arch

pytestmark = [pytest.mark.soak, pytest.mark.timeout(5400)]
PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,iproute2,iptables,ipset,ca-certificates,kmod,procps,conntrack,nftables,"
    "curl,sudo,udev,apparmor,ipvsadm,netplan.io,docker.io,docker-cli,keepalived,linux-image-cloud-amd64,initramfs-tools"
)
# The container's image; it is in the release cache anyway.
PAUSE = ArtifactRef("pause", pause.PAUSE.version, machine_arch())
PORT = 2222
PROFILE = f"""name: guest
nodes: [{{host: 127.0.0.1, port: {PORT}, address: 10.0.2.15, user: root, role: ai}}]
runtime: containerd
sources: [cache, go]
ssh: {{config: ssh_config}}
"""
FILES = {
    "etc/hostname": "guest\n",
    "etc/hosts": "127.0.0.1 localhost guest\n",
    "etc/fstab": "/dev/vda / ext4 defaults 0 1\n",
    "etc/netplan/10-all.yaml": """network:
  version: 2
  ethernets:
    all: {match: {name: "eth*"}, addresses: [10.0.2.15/24], routes: [{to: default, via: 10.0.2.2}]}
""",
    "etc/nftables.conf": """table inet mine {
  chain input {
    type filter hook input priority -5; policy accept;
    tcp dport 9 counter drop
    ct state established,related accept
  }
}
""",
    "etc/docker/daemon.json": '{"log-level": "warn", "bip": "10.200.0.1/24"}\n',
    "etc/keepalived/keepalived.conf": """vrrp_instance mine {
  interface eth0
  virtual_router_id 7
  priority 100
  virtual_ipaddress { 10.0.2.99/32 dev eth0 }
}
virtual_server 10.0.2.99 80 {
  lb_algo rr
  lb_kind NAT
  protocol TCP
  real_server 10.0.2.15 22 { TCP_CHECK { connect_timeout 3 } }
}
""",
}
AT_WORK = """
ipvsadm -Ln
nft list chain inet mine input
docker inspect -f '{{.Name}} {{.State.Running}}' mine
ip -4 -br addr show docker0
ip -4 -br addr show eth0
"""
SAME = "systemctl show -p MainPID docker containerd keepalived; docker inspect -f '{{.State.Pid}}' mine"
# What a machine that starts anew gives other names and numbers to.
ANEW = re.compile(r"veth[0-9a-f]{7}|fe80::|\.pid |container-process|docker-network bridge|runtime\.v2\.task/moby/")
# The two kinds that no node of the lab can have.
PLANTED = """
ipvsadm -A -t 10.0.2.15:81
echo 'profile left { }' | apparmor_parser --replace
"""


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

    def snapshot(self, name: str) -> None:
        done = self.kubeup("node", "snapshot", "127.0.0.1", "-o", name)
        assert done.returncode == 0, done.stdout + done.stderr

    def up(self) -> None:
        """As the refusal advises. Emulated, a unit may take longer than its minute to get ready; the same command goes
        on from there."""
        (self.folder / "profile.yaml").write_text(f"{PROFILE}proxy_mode: iptables\n")
        for _ in range(3):
            done = self.kubeup("up", "--no-validate")
            if not done.returncode:
                return
            assert "did not become ready" in done.stderr, done.stderr
        raise AssertionError(done.stderr)

    def validate(self, *options: str) -> None:
        """What starts after a reboot takes minutes, too; until then it is told as what it is."""
        for _ in range(5):
            done = self.kubeup("validate", *options)
            if not done.returncode:
                break
        assert "Cluster validation succeeded" in done.stdout, done.stdout

    def down(self) -> None:
        same = self.ssh(SAME).stdout
        done = self.kubeup("down", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.ssh(SAME).stdout == same, "nothing of the machine's own was restarted"


def build(folder: Path) -> None:
    """In the folder: a disk, the kernel, and its initial ram disk."""
    root = folder / "root"
    mirror, keyring = apt.archive()
    argv = ["debootstrap", "--variant=minbase", f"--keyring={keyring}", f"--include={PACKAGES}", "trixie"]
    subprocess.run([*argv, str(root), mirror], check=True, capture_output=True, timeout=1800)
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o600 if "netplan" in name else 0o644)
    shutil.copy(path_of(cache_root(), PAUSE), root / "root/pause.tar")
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    shutil.copy(folder / "key.pub", root / "root/.ssh/authorized_keys")
    subprocess.run(["chroot", str(root), "systemctl", "enable", "systemd-networkd", "ssh", "nftables"], check=True)
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


def start(qemu: str, folder: Path) -> subprocess.Popen[bytes]:
    """By the processor's help; by software alone where that leads nowhere, as it may inside another virtual machine."""
    console = folder / "console"
    argv = [qemu, "-machine", "q35", "-smp", "2", "-m", "4096", "-display", "none", "-serial", f"file:{console}"]
    argv += ["-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd.img")]
    argv += ["-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0"]
    argv += ["-drive", f"file={folder}/disk,format=raw,if=virtio,cache=unsafe"]
    argv += ["-netdev", f"user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{PORT}-:22", "-device", "virtio-net-pci,netdev=n"]
    for accelerator, seconds in (("kvm", 15.0), ("tcg,thread=multi", 120.0)):
        # A KVM inside another virtual machine may refuse to set the register behind this one, and QEMU aborts.
        with (folder / "qemu.log").open("w") as log:
            process = subprocess.Popen([*argv, "-accel", accelerator, "-cpu", "max,arch-capabilities=off"], stderr=log)
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            if console.exists() and console.read_bytes():
                print(f"the guest runs by {accelerator}")
                return process
            time.sleep(0.2)
        process.kill()
        process.wait()
    raise AssertionError(f"no kernel spoke on {console}")


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        pytest.skip("no QEMU here: apt-get install qemu-system-x86")
    folder = tmp_path_factory.mktemp("guest")
    build(folder)
    process = start(qemu, folder)
    found = Guest(folder, process)
    try:
        found.until("the guest to boot", "true", 600)
        (folder / "profile.yaml").write_text(PROFILE)
        yield found
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def at_work(guest: Guest) -> str:
    """The guest does its work; what that looks like, and a snapshot of it named before."""
    image = "docker load -qi /root/pause.tar && rm /root/pause.tar"
    started = guest.ssh(f"{image} && docker run -d --name mine --restart always registry.k8s.io/pause:{PAUSE.version}")
    assert started.returncode == 0, started.stdout + started.stderr
    guest.until("keepalived's service", "ipvsadm -Ln | grep -q '10.0.2.15:22 '", 60)
    seen = guest.ssh(AT_WORK).stdout
    assert "10.0.2.99/32" in seen
    guest.snapshot("before")
    return seen


def test_a_cluster_beside_a_machine_s_own_work_and_none_afterwards(guest: Guest, at_work: str) -> None:
    said = guest.ssh("stat -fc %T /sys/fs/cgroup; cat /sys/module/apparmor/parameters/enabled")
    assert said.stdout == "cgroup2fs\nY\n"
    same = guest.ssh(SAME).stdout
    refused = guest.kubeup("up", "--no-validate")
    assert refused.returncode == 1
    assert "IPVS is in use" in refused.stderr, refused.stderr
    assert "proxy_mode: iptables" in refused.stderr
    guest.up()
    guest.validate()
    assert guest.ssh(AT_WORK).stdout == at_work
    assert guest.ssh(SAME).stdout == same, "nothing of the machine's own was restarted"
    guest.down()
    assert guest.ssh(AT_WORK).stdout == at_work
    guest.snapshot("after")
    compared = guest.kubeup("node", "compare", "before", "after")
    assert compared.returncode == 0, compared.stdout


def test_all_comes_back_after_a_reboot(guest: Guest, at_work: str) -> None:
    guest.up()
    boot = guest.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip()
    guest.ssh("systemctl reboot")
    ready = "KUBECACHEDIR=/dev/shm/test kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes | grep -q ' Ready '"
    guest.until(
        "the node to be Ready after a reboot", f"! grep -q {boot} /proc/sys/kernel/random/boot_id && {ready}", 1200
    )
    guest.ssh("rm -r /dev/shm/test")
    guest.validate("--read-only")
    assert guest.ssh(AT_WORK).stdout == at_work
    guest.down()
    assert guest.ssh(AT_WORK).stdout == at_work
    guest.snapshot("rebooted")
    compared = guest.kubeup("node", "compare", "before", "rebooted")
    left = [line for line in compared.stdout.splitlines() if not ANEW.search(line)]
    assert left == []


def test_the_kinds_of_leftovers_that_a_lab_s_node_cannot_have_are_found(guest: Guest, at_work: str) -> None:
    guest.snapshot("clean")
    planted = guest.ssh(PLANTED)
    assert planted.returncode == 0, planted.stdout + planted.stderr
    guest.snapshot("planted")
    compared = guest.kubeup("node", "compare", "clean", "planted")
    assert compared.returncode == 1
    assert re.findall(r"^new +(\S+)", compared.stdout, re.MULTILINE) == ["apparmor", "ipvs"], compared.stdout
