"""Every id that preflight may give a problem: what `waive:` in a profile and docs/preflight.md are checked against.

Plain data, below both: a profile names ids, and the checks in preflight/ look up here how bad one of theirs is.
After a change: python docs/preflight.py >docs/preflight.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubeup.model.severity import Severity


@dataclass(frozen=True)
class PreflightId:
    """id: in kebab-case, and never renamed: profiles name it. meaning: for people, a sentence without its stop."""

    id: str
    meaning: str
    severity: Severity = "error"

    @property
    def waivable(self) -> bool:
        """Whether naming it in `waive:` changes anything: what only warns stops nobody."""
        return self.severity == "error"


_IDS = (
    # What is to run (preflight/versions.py).
    PreflightId("end-of-life", "Upstream no longer mends this minor version of Kubernetes", "warning"),
    PreflightId("older-version", "A program of a living cluster would be replaced by one that cannot read its data"),
    PreflightId("skipped-version", "An upgrade of the control plane would pass a minor version over"),
    # Whose machine it is (preflight/identity.py).
    PreflightId("other-cluster", "The node belongs to another cluster, of kubeup's or of another tool's"),
    PreflightId("certificates", "Certificates of a node have less than 30 days left", "warning"),
    PreflightId("locked", "Another kubeup is at work on the node"),
    PreflightId("newer-record", "A newer kubeup wrote the node's record, in a format that this one does not know"),
    PreflightId("leftover-data", "etcd data lies there that no record of kubeup's knows"),
    # What a living cluster cannot change (preflight/living.py).
    PreflightId(
        "immutable",
        "The profile changes what a living cluster cannot change: pod network and subnets, service range, DNS, or the "
        "runtime, the name of a node, the addresses of two control-plane nodes at once",
    ),
    PreflightId(
        "roles",
        "The profile takes a living node's pods away, or a control-plane node whose etcd no other could go on with",
    ),
    # Folders that are to be kubeup's alone (preflight/folders.py).
    PreflightId("folder-in-use", "Something lies in a folder that kubeup or one of its programs needs for itself"),
    PreflightId("no-zfs", "No dataset of ZFS is mounted where containerd_snapshotter: zfs has images"),
    # Who is in the cluster beside (preflight/outsiders.py).
    PreflightId("not-in-profile", "A node of the cluster is not in the profile, and stays in the cluster", "warning"),
    # All nodes together (preflight/__init__.py).
    PreflightId("duplicate-name", "Two nodes have the same name"),
    PreflightId("duplicate-machine-id", "Two nodes have the same /etc/machine-id: one is a clone of the other"),
    PreflightId("duplicate-address", "Two nodes have the same address"),
    # The control plane together (preflight/members.py).
    PreflightId(
        "etcd-members",
        "A control-plane node cannot join etcd: nobody can tell its members, or it has data of one that was taken out",
    ),
    PreflightId("lost-authorities", "No control-plane node has the authorities that signed what living nodes have"),
    # The machine (preflight/machine.py).
    PreflightId("not-root", "The login is neither root nor may it use sudo"),
    PreflightId("no-systemd", "The first process is not systemd"),
    PreflightId("architecture", "Neither amd64 nor arm64"),
    PreflightId("untested-os", "Neither Debian nor Ubuntu", "warning"),
    PreflightId("bad-hostname", "The machine's hostname cannot name a node"),
    PreflightId("little-memory", "Less memory than the node's roles want", "warning"),
    PreflightId("swap", "Swap is on, and kubelet does not start with it (before 1.34, or failSwapOn: true)"),
    PreflightId("inotify", "Too few inotify instances are left for root", "warning"),
    PreflightId("clock", "The clock is more than a minute off, and certificates go by it"),
    PreflightId("cgroup-v1", "cgroup v1, which kubelet refuses since 1.35"),
    PreflightId("cgroup-controllers", "The kernel runs without a cgroup controller that kubelet needs"),
    PreflightId("no-iptables", "iptables is missing"),
    PreflightId("no-haproxy", "haproxy is missing or too old on a node that reaches several API servers by it"),
    PreflightId("kernel-module", "The kernel has no module overlay, br_netfilter or, where flannel needs it, vxlan"),
    PreflightId("no-kmsg", "/dev/kmsg is missing, without which kubelet does not start"),
    PreflightId("nft-version", "nft is missing, or too old for kube-proxy's nftables mode"),
    PreflightId("kernel-version", "The kernel is too old for kube-proxy's nftables mode"),
    PreflightId("ipvs-in-use", "IPVS is in use, and kube-proxy's nftables mode flushes its whole table"),
    # The network (preflight/network.py, preflight/firewall.py).
    PreflightId("address-not-here", "The node's address is on none of the machine's links"),
    PreflightId("address-leased", "A machine that is to join has its address by DHCP, and may lose it", "warning"),
    PreflightId("no-address", "The machine has no default route, and the profile does not say the node's address"),
    PreflightId("port-taken", "A port that a component needs is taken by another program"),
    PreflightId("firewall", "A firewall would drop what nodes and pods send each other"),
    PreflightId(
        "firewall-own",
        "A chain of nftables with the policy drop may drop what nodes and pods send each other",
        "warning",
    ),
    PreflightId("firewall-operator", "A firewall would drop what kubectl on the operator's machine sends", "warning"),
    PreflightId("route-collides", "The node has a route into the pod network or the service range"),
    # The machine's own Docker (preflight/docker.py).
    PreflightId("docker-snap", "Docker is a snap, which cri-dockerd cannot use"),
    PreflightId("docker-old", "Docker is older than 23"),
    PreflightId("docker-userns", "Docker maps users (userns-remap), which pods on the host's network cannot bear"),
    PreflightId("no-socat", "socat is missing, which `kubectl port-forward` needs on Docker", "warning"),
    PreflightId("docker-log-size", "Docker lets the logs of containers grow without end", "warning"),
    PreflightId("docker-mirrors", "Mirrors of other registries than docker.io, which Docker does not know", "warning"),
    PreflightId("docker-options", "What the profile wants of Docker contradicts Docker's own options"),
    PreflightId("docker-restart", "Docker has to be restarted, and containers run on it", "warning"),
    # The disks (preflight/disk.py).
    PreflightId("disk-full", "Less room than kubeup's programs and images need"),
    PreflightId("noexec", "Programs cannot run where kubeup keeps them: the disk is mounted noexec"),
    PreflightId("read-only", "A disk that kubeup has to write to is mounted read-only"),
    PreflightId("docker-disk", "Docker keeps images on a disk that kubelet does not watch", "warning"),
    PreflightId("disk-pressure", "kubelet would evict pods, so little of the disk would be free", "warning"),
)

PREFLIGHT_IDS: Mapping[str, PreflightId] = {one.id: one for one in _IDS}
