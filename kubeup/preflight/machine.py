"""The machine itself: system, memory, clock, cgroups, kernel, tools."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from kubeup.components.kubelet import SWAP_IS_KEPT_OUT
from kubeup.model.cluster import ProxyMode
from kubeup.model.names import fault_of_node_name
from kubeup.preflight.problem import PreflightProblem, Subject, version

CLOCK_SECONDS = 60.0
MASTER_BYTES, NODE_BYTES = 1_700_000_000, 700_000_000
# Counted on a running cluster: kubelet 6, kube-proxy 4, containerd 2; two each of the control plane.
NODE_INOTIFY, MASTER_INOTIFY = 12, 6
OLDEST_HAPROXY = Version("2.2")
"""The first that makes health checks of several steps: https://docs.haproxy.org/2.2/configuration.html#http-check%20send"""
CONTROLLERS = {"cpu", "cpuset", "memory", "pids"}


def system(s: Subject) -> Iterator[PreflightProblem]:
    facts = s.facts
    if facts.uid != 0:
        yield s.problem("not-root", "kubeup does not get to be root", "log in as root, or as a user with sudo")
    if facts.init != "systemd":
        yield s.problem(
            "no-systemd", f"its first process is {facts.init}, not systemd", "kubeup needs a machine run by systemd"
        )
    if facts.arch not in ("amd64", "arm64"):
        yield s.problem("architecture", f"no release is made for {facts.arch}", "use machines with amd64 or arm64")
    if facts.os_id not in ("debian", "ubuntu"):
        yield s.problem(
            "untested-os",
            f"{facts.os_name or facts.os_id or 'its system'} is neither Debian nor Ubuntu",
            "it may work; nobody tried",
        )
    fault = fault_of_node_name(s.node.name)
    if fault:
        yield s.problem(
            "bad-hostname",
            f"its hostname `{s.node.name}` {fault}",
            "hostnamectl set-hostname NAME on the node; or name: under the node in the profile",
        )


def resources(s: Subject) -> Iterator[PreflightProblem]:
    facts = s.facts
    wanted = MASTER_BYTES if s.node.is_control_plane else NODE_BYTES
    if facts.memory < wanted:
        yield s.problem(
            "little-memory",
            f"it has {facts.memory / 10**6:.0f} MB of memory; {wanted / 10**6:.0f} MB are little enough",
            "give it more",
        )
    yield from _swap(s)


def _swap(s: Subject) -> Iterator[PreflightProblem]:
    """What kubeup tells kubelet of it is in templates/kubelet.yaml; the profile's own word wins."""
    kept_out = Version(s.cluster.versions.kubernetes) >= SWAP_IS_KEPT_OUT
    said = s.cluster.override("kubelet").config.get("failSwapOn")
    if not s.facts.swap or not s.node.is_worker or said is False:
        return
    size = f"swap is on ({s.facts.swap / 10**6:.0f} MB)"
    if said or not kept_out:
        yield s.problem(
            "swap",
            f"{size}, and kubelet does not start with it",
            "swapoff -a on the node, and take it out of /etc/fstab; or kubelet: {config: {failSwapOn: false}}",
        )
    else:
        yield s.problem(
            "swap",
            f"{size}: pods get none of it, the machine's other programs do as before",
            "nothing has to be done; where the machine is slow, it may be because it swaps",
            severity="warning",
        )


def inotify(s: Subject) -> Iterator[PreflightProblem]:
    facts = s.facts
    wanted = NODE_INOTIFY * s.node.is_worker + MASTER_INOTIFY * s.node.is_control_plane
    if facts.inotify_limit and facts.inotify_limit - facts.inotify_used < wanted:
        setting = "fs.inotify.max_user_instances"
        yield s.problem(
            "inotify",
            f"root has {facts.inotify_used} of its {facts.inotify_limit} inotify instances in use, and kubeup's "
            f"programs need {wanted}: kubelet does not start without (`too many open files`)",
            f"on the node: sysctl -w {setting}=1024 && echo {setting}=1024 >/etc/sysctl.d/60-inotify.conf",
        )


def clock(s: Subject) -> Iterator[PreflightProblem]:
    offset = s.facts.clock_offset
    if abs(offset) > CLOCK_SECONDS:
        ahead = "ahead of" if offset > 0 else "behind"
        yield s.problem(
            "clock",
            f"its clock is {_duration(abs(offset))} {ahead} this machine's, and certificates go by it",
            "timedatectl set-ntp true on the node (or is it this machine's clock that is wrong?)",
        )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def cgroups(s: Subject) -> Iterator[PreflightProblem]:
    if not s.node.is_worker:
        return
    new = Version(s.cluster.versions.kubernetes) >= Version("1.35")
    allowed = s.cluster.override("kubelet").config.get("failCgroupV1") is False
    if s.facts.cgroup == 1 and new and not allowed:
        yield s.problem(
            "cgroup-v1",
            f"it runs on cgroup v1, which kubelet {s.cluster.versions.kubernetes} refuses (since 1.35)",
            "boot it with systemd.unified_cgroup_hierarchy=1; or kubelet: {config: {failCgroupV1: false}}",
        )
    missing = CONTROLLERS - set(s.facts.cgroup_controllers)
    if missing:
        yield s.problem(
            "cgroup-controllers",
            f"its kernel runs without the cgroup controllers {', '.join(sorted(missing))}",
            "add cgroup_enable=memory to the kernel's command line (Raspberry Pi: /boot/firmware/cmdline.txt)",
        )


def tools(s: Subject) -> Iterator[PreflightProblem]:
    facts = s.facts
    if not s.node.is_worker:
        return
    if not facts.iptables:
        yield s.problem("no-iptables", "iptables is missing, and flannel needs it", "apt-get install iptables")
    if s.cluster.proxy_mode is ProxyMode.NFTABLES:
        yield from _nftables(s)
    if s.cluster.balances(s.node):
        yield from _haproxy(s)
    for module in facts.missing_modules:
        if module != "vxlan":
            yield s.problem("kernel-module", f"its kernel has no {module}", f"modprobe {module}; or use another kernel")
        elif s.cluster.network.flannel_backend == "vxlan":
            yield s.problem(
                "kernel-module",
                "its kernel has no vxlan, by which nodes reach each other's pods",
                f"apt-get install linux-modules-extra-{facts.kernel} (Ubuntu on a Raspberry Pi: "
                "linux-modules-extra-raspi); or flannel_backend: host-gw, where all nodes are on one network",
            )
    if not facts.kmsg:
        yield s.problem(
            "no-kmsg",
            "/dev/kmsg is missing (as in a container of LXC's), and kubelet does not start without it",
            "LXC: lxc.mount.entry = /dev/kmsg dev/kmsg none bind,create=file in the container's configuration; "
            "elsewhere: ln -s /dev/console /dev/kmsg, at each boot",
        )


def _haproxy(s: Subject) -> Iterator[PreflightProblem]:
    found = s.facts.haproxy
    if not found or version(found) < OLDEST_HAPROXY:
        have = f"haproxy {found} is too old" if found else "haproxy is missing"
        yield s.problem(
            "no-haproxy",
            f"{have}: the node reaches {len(s.cluster.control_plane)} API servers by it (from {OLDEST_HAPROXY} on)",
            "apt-get install haproxy (kubeup runs one of its own: the package's service may be off)",
        )


def _nftables(s: Subject) -> Iterator[PreflightProblem]:
    facts = s.facts
    if not facts.nft or version(facts.nft) < Version("1.0.1"):
        have = f"nft {facts.nft} is too old" if facts.nft else "nft is missing"
        yield s.problem(
            "nft-version",
            f"{have}: kube-proxy in nftables mode needs 1.0.1",
            "apt-get install nftables; or proxy_mode: iptables",
        )
    if version(facts.kernel) < Version("5.13"):
        yield s.problem(
            "kernel-version",
            f"its kernel is {facts.kernel}: kube-proxy in nftables mode needs 5.13",
            "proxy_mode: iptables; or a newer kernel",
        )
    if facts.ipvs_services:
        yield s.problem(
            "ipvs-in-use",
            "IPVS is in use, and kube-proxy in nftables mode flushes the machine's whole IPVS table",
            "proxy_mode: iptables",
            facts.ipvs_services[:5],
        )
