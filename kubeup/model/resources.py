"""The whole vocabulary of a node's desired state: frozen values, no behaviour that needs a node."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

STORE = "/var/lib/kubeup/store"
ORIGINAL = "/var/lib/kubeup/original"
"""Where the original of a path lies below, once kubeup changed it."""
BIN = "/opt/kubeup/bin"
CNI_BIN = "/opt/kubeup/cni"
LEAF_DAYS = 365


def sha256(content: bytes) -> str:
    """Hex digest, as ``sha256sum`` prints it."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class File:
    """A regular file.

    content is None for what does not exist yet or must not leave the node: then ``digest`` says what satisfies it
    (empty: nothing does, it is to be issued), and ``source`` names it among the secrets that execution issues.
    secret: never shown in a diff, mode 0600 or stricter (a merged one keeps the mode it had). merged: someone else's
    file with something added; what they change in it later is theirs, and no reason to write it anew.
    component: whose activation puts it in place. read_at_start: by its component's program, which a change therefore
    restarts; not what it takes in by itself, or reads once in its life. survives_keep_data: ``down --keep-data`` leaves
    it.
    """

    path: str
    content: bytes | None
    mode: int = 0o644
    owner: str = "root:root"
    secret: bool = False
    component: str = ""
    source: str = ""
    digest: str = ""
    why: str = ""
    shared_with_owner: bool = False
    read_at_start: bool = True
    survives_keep_data: bool = False

    @property
    def wanted_digest(self) -> str:
        """sha256 of what should be there; empty when only execution will know."""
        return self.digest or (sha256(self.content) if self.content is not None else "")


@dataclass(frozen=True)
class Binary:
    """An executable or archive of the store, found by its hash; ``link`` is where it is used (empty: not linked)."""

    name: str
    version: str
    sha256: str
    size: int
    link: str = ""
    component: str = ""

    @property
    def store_path(self) -> str:
        return f"{STORE}/{self.sha256}/{self.name}"


@dataclass(frozen=True)
class Directory:
    """A folder. owned_recursively: it is kubeup's with all that is in it (etcd's data), and goes as a whole with
    ``down``; otherwise it goes only if kubeup made it and it is empty. survives_keep_data: ``down --keep-data`` leaves
    it. mode, owner: of the folder itself."""

    path: str
    mode: int = 0o755
    owner: str = "root:root"
    owned_recursively: bool = False
    survives_keep_data: bool = False
    component: str = ""


@dataclass(frozen=True)
class Unit:
    """A systemd unit that should run.

    reads: paths whose change means a restart (unit file, settings, certificates, links to binaries, subnet.env).
    ready: a shell command that succeeds on the node once the unit really works; timeout in seconds.
    preexisting: a unit that is not kubeup's (docker.service): never stopped, restarted only if ``reads`` changed.
    reloads: those of ``reads`` that it takes in while it runs (systemctl reload). lost: what it had made and is gone,
    in words; while it runs, only a restart makes it again.
    """

    name: str
    component: str
    reads: tuple[str, ...] = ()
    ready: str = ""
    timeout: int = 60
    preexisting: bool = False
    reloads: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Presence:
    """What a unit makes when it starts, and others may take away while it runs: a link, a table, a file of its own.

    id: what the check is called in a probe. check: POSIX shell, as an action's. gone: in words, where it fails.
    """

    id: str
    check: str
    gone: str


@dataclass(frozen=True)
class Action:
    """Something to do that is no file and no unit: apply an RBAC rule, import an image.

    id: what the node's record calls it once it was done. check, apply, undo: POSIX shell, run as root on the node.
    check succeeds when nothing is to be done; it rides in the probe, so it only reads and ends by itself; it is
    empty where ``due`` says all. Where it fails it may print "why: WORDS", for the plan. timeout: seconds that apply,
    and undo, may take. reads: files that ``apply`` takes in; where one of them changes, the check spoke of the old one,
    and it is applied whatever the check says. asked_as: what the check is called in a probe, where the same thing is
    looked for in several ways (in each container runtime); else its id. due: whether it is to be done, where that needs
    no check: other facts say it, or another node does it for all; one that is not due is wanted all the same, so that
    nothing is undone where it was done earlier. None: its check says. before_start: it is run before its component's
    unit starts, when its files are there; else once that is ready.
    """

    id: str
    title: str
    component: str
    check: str
    apply: str
    undo: str = ""
    timeout: int = 60
    reads: tuple[str, ...] = ()
    asked_as: str = ""
    due: bool | None = None
    before_start: bool = False

    @property
    def answer(self) -> str:
        """Its key in Facts.checks."""
        return self.asked_as or self.id


@dataclass(frozen=True, order=True)
class SideEffect:
    """What running components leave behind that no file lists.

    kind: docker-pods, link, routes (of the main table, into a network), nft-table, chain-prefix, link-rules (iptables
    rules of base chains that name a link), forward-policy (of an iptables table), iptables-base, sysctl, forwarding
    (with all that the kernel changes with it), tree (a folder of state that is kubeup's alone), folder (it alone, once
    empty), folders (empty ones below), shims (what a containerd with that state folder left in /run/containerd), cni
    (what a CNI network left in /var/lib/cni), apparmor (a profile), module, mounts, netns-prefix, cgroup, processes
    (executables below a folder).
    name: of that kind. value: what kubeup's components set (sysctl, forwarding, forward-policy), so that ``down``
    undoes it only if it still has it; empty: the node works it out.
    """

    kind: str
    name: str
    value: str = ""


@dataclass(frozen=True)
class CertificateSpec:
    """A wish: who it is for, whose signature, which names. server, client: extended key usages."""

    path: str
    authority: str
    common_name: str
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    server: bool = False
    client: bool = False
    lifetime_days: int = LEAF_DAYS

    @property
    def key_path(self) -> str:
        return self.path.removesuffix(".crt") + ".key"


@dataclass(frozen=True)
class Desired:
    """All a node should have. The empty one is what ``down`` wants.

    to_issue: certificates that nothing on the node satisfies; their files are in ``files``, without content yet.
    """

    files: tuple[File, ...] = ()
    binaries: tuple[Binary, ...] = ()
    directories: tuple[Directory, ...] = ()
    units: tuple[Unit, ...] = ()
    actions: tuple[Action, ...] = ()
    side_effects: tuple[SideEffect, ...] = ()
    to_issue: tuple[CertificateSpec, ...] = ()
    meta: tuple[tuple[str, str], ...] = field(default=())

    @property
    def empty(self) -> bool:
        return not (self.files or self.binaries or self.directories or self.units or self.actions)


@dataclass(frozen=True)
class ProbeRequest:
    """What the probe of a node must read; known from the Cluster alone, before any fact.

    files: paths whose kind, mode, owner and hash are wanted. contents: those (of files) whose text is wanted too.
    units: names. checks: (action id, shell) of which only the success counts. asks: (id, shell) of which the output
    comes back. Both only read, and end within 10 s or are ended. folders: paths of which it is wanted what lies there.
    """

    files: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    ports: tuple[int, ...] = ()
    asks: tuple[tuple[str, str], ...] = ()
    folders: tuple[str, ...] = ()


def merge_requests(parts: Iterable[ProbeRequest]) -> ProbeRequest:
    """One request of many: each thing asked once, in a stable order."""
    every = tuple(parts)
    return ProbeRequest(
        files=_unique(path for part in every for path in part.files),
        contents=_unique(path for part in every for path in part.contents),
        units=_unique(name for part in every for name in part.units),
        checks=tuple(dict(check for part in every for check in part.checks).items()),
        ports=tuple(dict.fromkeys(port for part in every for port in part.ports)),
        asks=tuple(dict(ask for part in every for ask in part.asks).items()),
        folders=_unique(path for part in every for path in part.folders),
    )


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
