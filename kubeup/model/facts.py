"""What a probe brought back about one node, and what the control-plane nodes' probes say together about the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FileFact:
    """One path. kind: file, link, dir, other or absent. sha256 and size of a file; target of a link."""

    path: str
    kind: str = "absent"
    mode: int = 0
    owner: str = ""
    size: int = 0
    sha256: str = ""
    target: str = ""
    content: bytes | None = None

    @property
    def exists(self) -> bool:
        return self.kind != "absent"


@dataclass(frozen=True)
class UnitFact:
    """``systemctl show`` of a unit: LoadState, ActiveState, SubState, UnitFileState, FragmentPath, DropInPaths."""

    name: str
    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    enabled: str = ""
    fragment: str = ""
    drop_ins: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        return self.active in ("active", "reloading")


@dataclass(frozen=True)
class Owned:
    """A path the record says kubeup made or replaced. kind: file, link, dir, tree.

    value: sha256 (file), target (link), mode (dir). had_original: something was there before, kept under original/.
    keep: survives ``down --keep-data``.
    """

    kind: str
    path: str
    value: str
    had_original: bool
    survives_keep_data: bool = False


@dataclass(frozen=True)
class Record:
    """The node's own account of what kubeup did to it: /var/lib/kubeup/record. Empty on a bare node.

    ready: unit -> (path -> value read) when it last became ready. units: unit -> state before kubeup
    ("absent", or "enabled active" as systemctl says). actions: ids done. traces: (kind, name) -> state before.
    """

    meta: Mapping[str, str] = field(default_factory=dict)
    owned: Mapping[str, Owned] = field(default_factory=dict)
    ready: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    actions: tuple[str, ...] = ()
    side_effects: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        return bool(self.meta)

    @property
    def generation(self) -> int:
        """How many trips changed this node; moves with each, so that two operators notice each other."""
        return int(self.meta.get("generation", "0"))

    @property
    def cluster(self) -> str:
        return self.meta.get("cluster", "")


@dataclass(frozen=True)
class Listener:
    """A TCP port somebody listens on. unit: the service that the process belongs to, empty where it is none."""

    port: int
    process: str
    pid: int
    unit: str = ""


@dataclass(frozen=True)
class DockerFact:
    """The node's own Docker. version empty: none. source: apt, snap or other.

    exec_start, environment, environment_files: what its unit and drop-ins say, kubeup's own drop-in left out: the
    command line, NAME=VALUE lines (which may hold a password), and files with a leading "-" where they may be absent.
    """

    version: str = ""
    running: bool = False
    source: str = ""
    cgroup_driver: str = ""
    containers: tuple[str, ...] = ()
    exec_start: str = ""
    environment: tuple[str, ...] = ()
    environment_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class FirewallFact:
    """A firewall front end that is active, with its rules as it prints them."""

    name: str
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """One probe of one node. Sizes in bytes, times in seconds.

    clock_offset: the node's clock minus the operator's (positive: the node is ahead), uncertain by half the round
    trip. addresses: IPv4 as ``a.b.c.d/len``. routes: (destination or "default", device). versions of tools are
    empty where the tool is absent. disk_free, disk_size: of the file system of disk_path. inotify_limit,
    inotify_used: root's instances; 0 where nobody asked. store: sha256 -> size of what the store holds. pieces:
    sha256 -> bytes that arrived of what is not whole yet. home: kubeup's own folder is there, be it of an `up`
    that ended before its first step; not one that is an empty disk. checks: action id -> satisfied. busy: who holds
    the node's lock, empty if nobody.
    """

    hostname: str = ""
    arch: str = ""
    os_id: str = ""
    os_version: str = ""
    os_name: str = ""
    kernel: str = ""
    machine_id: str = ""
    init: str = ""
    uid: int = 0
    cpus: int = 0
    memory: int = 0
    swap: int = 0
    disk_free: int = 0
    disk_size: int = 0
    disk_path: str = "/var/lib"
    inotify_limit: int = 0
    inotify_used: int = 0
    clock_offset: float = 0.0
    clock_synchronized: bool | None = None
    cgroup: int = 0
    cgroup_controllers: tuple[str, ...] = ()
    capabilities: int = 0
    addresses: tuple[str, ...] = ()
    primary_address: str = ""
    primary_device: str = ""
    routes: tuple[tuple[str, str], ...] = ()
    listeners: tuple[Listener, ...] = ()
    missing_modules: tuple[str, ...] = ()
    nft: str = ""
    iptables: str = ""
    conntrack: str = ""
    downloader: str = ""
    ipvs_services: tuple[str, ...] = ()
    conntrack_max_writable: bool = True
    resolv_conf: str = "/etc/resolv.conf"
    nameservers: tuple[str, ...] = ()
    docker: DockerFact = field(default_factory=DockerFact)
    firewalls: tuple[FirewallFact, ...] = ()
    foreign_cluster: str = ""
    files: Mapping[str, FileFact] = field(default_factory=dict)
    units: Mapping[str, UnitFact] = field(default_factory=dict)
    checks: Mapping[str, bool] = field(default_factory=dict)
    record: Record = field(default_factory=Record)
    store: Mapping[str, int] = field(default_factory=dict)
    pieces: Mapping[str, int] = field(default_factory=dict)
    home: bool = False
    kept_data: tuple[str, ...] = ()
    busy: str = ""

    def file(self, path: str) -> FileFact:
        """What is at a path that was asked for; absent if the probe found nothing."""
        return self.files.get(path, FileFact(path))

    def unit(self, name: str) -> UnitFact:
        return self.units.get(name, UnitFact(name))

    @property
    def lacks_sys_resource(self) -> bool:
        """True where even root may not lower oom_score_adj (CAP_SYS_RESOURCE, bit 24 of CapBnd, missing)."""
        return not self.capabilities >> 24 & 1


@dataclass(frozen=True)
class AuthorityFact:
    """A certificate authority as the control plane has it. holders: titles of the nodes that have its key."""

    name: str
    certificate: bytes
    key_sha256: str
    holders: tuple[str, ...]


@dataclass(frozen=True)
class ClusterFacts:
    """What the control-plane nodes know together.

    authorities: by name; empty before the first ``up``. pod_cidrs: node name -> subnet already given away.
    shared: path -> sha256, for keys the control plane shares.
    """

    authorities: Mapping[str, AuthorityFact] = field(default_factory=dict)
    pod_cidrs: Mapping[str, str] = field(default_factory=dict)
    shared_key_digests: Mapping[str, str] = field(default_factory=dict)
