"""What must hold before anything is touched: (Cluster, Facts) -> Problems, all of them at once.

A check is a function of one node's facts; adding one is writing it and naming it in CHECKS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from packaging.version import InvalidVersion, Version

from kubeup import components, docker_options
from kubeup.errors import KubeupError, NodeError
from kubeup.facts import Facts
from kubeup.model import Cluster, Node, ProxyMode, Runtime
from kubeup.plan import Plan

CLOCK_SECONDS = 60.0
DISK_BYTES = 3 * 10**9
MASTER_BYTES, NODE_BYTES = 1_700_000_000, 700_000_000
IMMUTABLE = {
    "flannel_net": "the pod network (flannel_net)",
    "service_range": "the service range (service_cluster_ip_range)",
    "dns_domain": "the DNS domain (dns_domain)",
}
CONTROLLERS = {"cpu", "cpuset", "memory", "pids"}


@dataclass(frozen=True)
class Problem:
    """id: stable, in kebab-case; ``waive: [ID]`` in a profile makes an error a warning. message: one sentence.

    fix: what to type.
    """

    id: str
    node: str
    message: str
    fix: str = ""
    evidence: tuple[str, ...] = ()
    severity: str = "error"

    def format(self) -> str:
        lines = [f"{self.node}: {self.message} [{self.id}]", *(f"    | {line}" for line in self.evidence)]
        return "\n".join([*lines, f"    fix: {self.fix}"] if self.fix else lines)

    def error(self) -> KubeupError:
        return NodeError(self.node, self.id, self.message, evidence=self.evidence, fix=self.fix)


@dataclass(frozen=True)
class Subject:
    """One node under examination."""

    cluster: Cluster
    node: Node
    facts: Facts

    def problem(
        self, id_: str, message: str, fix: str, evidence: Iterable[str] = (), severity: str = "error"
    ) -> Problem:
        return Problem(id_, self.node.title, message, fix, tuple(evidence), severity)


Check = Callable[[Subject], Iterator[Problem]]


def check(cluster: Cluster, facts: Mapping[str, Facts]) -> tuple[Problem, ...]:
    """Every problem of every node that answered, and of all of them together. facts: by node.host."""
    subjects = [Subject(cluster, node, facts[node.host]) for node in cluster.nodes if node.host in facts]
    found = [problem for subject in subjects for one in CHECKS for problem in one(subject)]
    found.extend(_together(cluster, subjects))
    return tuple(replace(problem, severity="warning") if problem.id in cluster.waive else problem for problem in found)


def belongs(s: Subject) -> Iterator[Problem]:
    recorded = s.facts.record.cluster
    if recorded and recorded != s.cluster.name:
        yield s.problem(
            "other-cluster",
            f"it is part of the cluster {recorded}, which kubeup built",
            f"take it out there first: kubeup down --limit {s.node.host} with the profile of {recorded}",
        )
    elif s.facts.foreign_cluster:
        yield s.problem(
            "other-cluster",
            "it is part of another Kubernetes cluster, not built by kubeup",
            "take it out of that cluster with the tool that put it in (kubeadm reset, k3s-uninstall.sh, ...)",
            s.facts.foreign_cluster.split(", "),
        )


def immutable(s: Subject) -> Iterator[Problem]:
    network = s.cluster.network
    now = {
        "flannel_net": str(network.flannel_net),
        "service_range": str(network.service_range),
        "dns_domain": network.dns_domain,
    }
    for key, what in IMMUTABLE.items():
        then = s.facts.record.meta.get(key, "")
        if then and then != now[key]:
            yield s.problem(
                "immutable",
                f"{what} of a living cluster cannot change: it has {then}, the profile says {now[key]}",
                f"write {then} into the profile; or, for a new cluster without the old one's data: kubeup down first",
            )


def locked(s: Subject) -> Iterator[Problem]:
    if s.facts.busy:
        yield s.problem("locked", "another kubeup is at work on it", "wait until it is done", [s.facts.busy])


def system(s: Subject) -> Iterator[Problem]:
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
            severity="warning",
        )
    if s.node.name in ("localhost", "") or not all(part.isalnum() or part in "-." for part in s.node.name):
        yield s.problem(
            "bad-hostname",
            f"its hostname `{s.node.name}` cannot name a node",
            "hostnamectl set-hostname NAME on the node; or name: under the node in the profile",
        )


def resources(s: Subject) -> Iterator[Problem]:
    facts = s.facts
    if facts.disk_free < DISK_BYTES and not facts.record.exists:
        free = facts.disk_free / 10**9
        yield s.problem(
            "disk-full",
            f"there are {free:.1f} GB free in {facts.disk_path}, and kubeup needs {DISK_BYTES / 10**9:.0f} GB",
            "make room on the node: df -h /var/lib; apt-get clean; journalctl --vacuum-size=100M",
        )
    wanted = MASTER_BYTES if s.node.is_master else NODE_BYTES
    if facts.memory < wanted:
        yield s.problem(
            "little-memory",
            f"it has {facts.memory / 10**6:.0f} MB of memory; {wanted / 10**6:.0f} MB are little enough",
            "give it more",
            severity="warning",
        )
    fail_swap = s.cluster.override("kubelet").config.get("failSwapOn", True)
    if facts.swap and s.node.is_node and fail_swap is not False:
        yield s.problem(
            "swap",
            f"swap is on ({facts.swap / 10**6:.0f} MB), and kubelet does not start with it",
            "swapoff -a on the node, and take it out of /etc/fstab; or kubelet: {config: {failSwapOn: false}}",
        )


def clock(s: Subject) -> Iterator[Problem]:
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


def cgroups(s: Subject) -> Iterator[Problem]:
    if not s.node.is_node:
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


def ports(s: Subject) -> Iterator[Problem]:
    ours = {s.facts.unit(part.unit).pid for part in _parts(s) if part.unit in s.facts.record.units}
    needed = {port: part.name for part in _parts(s) for port in part.ports}
    for listener in s.facts.listeners:
        if listener.port in needed and listener.pid not in ours:
            yield s.problem(
                "port-taken",
                f"port {listener.port}, which {needed[listener.port]} needs, is taken by {listener.process} "
                f"(process {listener.pid})",
                f"stop it: systemctl status {listener.pid} on the node says what it belongs to",
            )


def _parts(s: Subject) -> tuple[components.Component, ...]:
    return components.of_node(s.cluster, s.node)


def tools(s: Subject) -> Iterator[Problem]:
    facts = s.facts
    if not s.node.is_node:
        return
    if not facts.iptables:
        yield s.problem(
            "no-iptables", "iptables is missing, and kubelet and flannel need it", "apt-get install iptables"
        )
    if not facts.conntrack:
        yield s.problem("no-conntrack", "conntrack is missing, and kube-proxy needs it", "apt-get install conntrack")
    if s.cluster.proxy_mode is ProxyMode.NFTABLES:
        yield from _nftables(s)
    for module in facts.missing_modules:
        yield s.problem("kernel-module", f"its kernel has no {module}", f"modprobe {module}; or use another kernel")


def _nftables(s: Subject) -> Iterator[Problem]:
    facts = s.facts
    if not facts.nft or _version(facts.nft) < Version("1.0.1"):
        have = f"nft {facts.nft} is too old" if facts.nft else "nft is missing"
        yield s.problem(
            "nft-version",
            f"{have}: kube-proxy in nftables mode needs 1.0.1",
            "apt-get install nftables; or proxy_mode: iptables",
        )
    if _version(facts.kernel.split("-")[0]) < Version("5.13"):
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


def _version(text: str) -> Version:
    try:
        return Version(text or "0")
    except InvalidVersion:
        return Version("0")


def docker(s: Subject) -> Iterator[Problem]:
    if s.cluster.runtime is not Runtime.DOCKER or not s.node.is_node:
        return
    found = s.facts.docker
    if found.source == "snap":
        yield s.problem(
            "docker-snap",
            "its Docker is a snap, which cri-dockerd cannot use",
            "snap remove docker && apt-get install docker.io; or runtime: containerd",
        )
    elif found.version and _version(found.version) < Version("23"):
        yield s.problem(
            "docker-old",
            f"its Docker is {found.version}, and cri-dockerd needs 23 or newer",
            "install a newer Docker; or runtime: containerd",
        )


def docker_settings(s: Subject) -> Iterator[Problem]:
    if s.cluster.runtime is not Runtime.DOCKER or not s.node.is_node:
        return
    others = sorted(set(s.cluster.registries.mirrors) - {"docker.io"})
    if others:
        yield s.problem(
            "docker-mirrors",
            f"Docker takes mirrors of docker.io only: those of {', '.join(others)} do nothing here",
            "runtime: containerd, or name the mirror in the images' own names (image_repository for kubeup's)",
            severity="warning",
        )
    for found in docker_options.merge(s.cluster, s.facts).conflicts:
        yield s.problem("docker-options", found.message, found.fix, found.evidence, severity=found.severity)


def restarts(cluster: Cluster, plan: Plan, facts: Mapping[str, Facts]) -> tuple[Problem, ...]:
    """Restarts of a Docker that is the machine's own, while containers of the user's run on it."""
    found = []
    for machine, node in zip(cluster.nodes, plan.nodes, strict=True):
        about = facts[machine.host]
        for start in node.starts:
            if start.unit.foreign and start.restart and not start.reload and about.docker.containers:
                found.append(
                    Problem(
                        "docker-restart",
                        node.node,
                        f"its Docker has to be restarted ({', '.join(start.why)}), and containers run on it",
                        "kubeup up --restart-docker",
                        about.docker.containers,
                        "warning",
                    )
                )
    return tuple(found)


def firewall(s: Subject) -> Iterator[Problem]:
    peers = [node.address for node in s.cluster.nodes if node.address and node.host != s.node.host]
    net = s.cluster.network.flannel_net
    for found in s.facts.firewalls:
        text = "\n".join(found.rules)
        missing = [address for address in (*peers, str(net)) if address not in text]
        if not missing:
            continue
        if found.name == "ufw":
            commands = [f"ufw allow from {address}" for address in missing]
            commands += [f"ufw route allow from {net}", f"ufw route allow to {net}"]
        else:
            commands = [f"firewall-cmd --permanent --zone=trusted --add-source={address}" for address in missing]
            commands.append("firewall-cmd --reload")
        yield s.problem(
            "firewall",
            f"{found.name} is active, and would drop what nodes and pods send each other",
            "on the node: " + " && ".join(commands),
            found.rules,
        )


def routes(s: Subject) -> Iterator[Problem]:
    network = s.cluster.network
    ours = {"cni0", "flannel.1"}
    ranges = (("flannel_net", network.flannel_net), ("service_cluster_ip_range", network.service_range))
    for name, range_ in ranges:
        for destination, device in s.facts.routes:
            if destination == "default" or device in ours:
                continue
            there = ipaddress.IPv4Network(destination, strict=False)
            if there.overlaps(range_):
                yield s.problem(
                    "route-collides",
                    f"it has a route to {destination} by {device or 'nobody'}, inside of {name} {range_}",
                    f"take another {name} in the profile, or remove the route (ip route delete {destination})",
                )


def data_folders(s: Subject) -> Iterator[Problem]:
    if s.facts.kept_data and not s.facts.record.exists:
        yield s.problem(
            "leftover-data",
            "there is etcd data of a cluster that kubeup does not know",
            "move it away: mv /var/lib/etcd /var/lib/etcd.old",
            s.facts.kept_data,
        )


CHECKS: tuple[Check, ...] = (
    belongs,
    immutable,
    locked,
    system,
    resources,
    clock,
    cgroups,
    ports,
    tools,
    docker,
    docker_settings,
    firewall,
    routes,
    data_folders,
)


def _together(cluster: Cluster, subjects: list[Subject]) -> Iterator[Problem]:
    keys: tuple[tuple[str, str, Callable[[Subject], str], str], ...] = (
        (
            "duplicate-name",
            "name",
            lambda s: s.node.name,
            "hostnamectl set-hostname NAME on one; or name: in the profile",
        ),
        (
            "duplicate-machine-id",
            "machine-id",
            lambda s: s.facts.machine_id,
            "on the clone: rm /etc/machine-id && systemd-machine-id-setup && reboot",
        ),
        ("duplicate-address", "address", lambda s: s.node.address, "say address: for each node in the profile"),
    )
    for id_, what, key, fix in keys:
        seen: dict[str, Subject] = {}
        for s in subjects:
            value = key(s)
            if value and value in seen:
                yield s.problem(
                    id_, f"its {what} {value} is also that of {seen[value].node.title} ({seen[value].node.host})", fix
                )
            seen.setdefault(value, s)
