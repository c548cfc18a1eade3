"""What a component is: a value. Adding one is one small file beside this one, and one template."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kubeup.model.cluster import Cluster, Node, Role, Runtime, Value
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.model.resources import Action, Directory, File, SideEffect
from kubeup.release.artifacts import Row

CONTROL_PLANE = frozenset({Role.CONTROL_PLANE})
WORKER = frozenset({Role.WORKER})

PKI = "/etc/kubernetes/pki"
KUBECTL = "/opt/kubeup/bin/kubectl --request-timeout=5s"
ADMIN = f"{KUBECTL} --kubeconfig=/etc/kubernetes/admin.conf"


def sh(*words: str) -> str:
    """Words of a shell command, quoted where they need it: what a profile or a node says is a word, never a command.

    For all that checks, actions and questions of readiness are made of.
    """
    return shlex.join(words)


@dataclass(frozen=True)
class Context:
    """All that a component may look at when it says what it wants on a node."""

    cluster: Cluster
    node: Node
    facts: Facts
    cluster_facts: ClusterFacts
    pod_cidrs: Mapping[str, str]
    store: Mapping[str, str] = field(default_factory=dict)
    """Binary name -> its path in the node's store; empty while only questions are being gathered."""


Flags = Mapping[str, str]


def no_files(_: Context) -> tuple[File, ...]:
    return ()


def no_flags(_: Context) -> Flags:
    return {}


def no_actions(_: Context) -> tuple[Action, ...]:
    return ()


def no_values(_: Context) -> Mapping[str, Value]:
    return {}


@dataclass(frozen=True)
class Template:
    """A file rendered from templates/NAME. config: the profile's ``config:`` of the component is merged into it. addon:
    whose objects are in it."""

    name: str
    path: str
    mode: int = 0o644
    config: bool = False
    unit: bool = False
    when: Callable[[Context], bool] = lambda _: True
    addon: str = ""


@dataclass(frozen=True)
class Component:
    """One component.

    name: its unit, template, settings file and profile key are named after it. release: how upstream publishes its
    binaries, which are linked into /opt/kubeup/bin unless ``links`` says where else. after: what must be ready before.
    files: what no template says (merged options of the machine's own Docker). asks: further paths whose contents its
    files are made of. reads: further paths it reads at start. reloads: those it takes in while it runs.
    ready: succeeds on the node once it really works. values: further values
    for its templates. flags: /etc/default/NAME. rolling: one machine after the other when it restarts.
    runtime: only for this container runtime. has_unit: False for one without a service; foreign: the service is the
    machine's own.
    """

    name: str
    roles: frozenset[Role]
    release: Row | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    templates: tuple[Template, ...] = ()
    certificates: tuple[str, ...] = ()
    files: Callable[[Context], tuple[File, ...]] = no_files
    asks: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    reloads: tuple[str, ...] = ()
    flags: Callable[[Context], Flags] = no_flags
    values: Callable[[Context], Mapping[str, Value]] = no_values
    actions: Callable[[Context], tuple[Action, ...]] = no_actions
    directories: tuple[Directory, ...] = ()
    side_effects: tuple[SideEffect, ...] = ()
    ports: tuple[int, ...] = ()
    ready: Callable[[Context], str] = lambda _: ""
    timeout: int = 60
    rolling: bool = False
    runtime: Runtime | None = None
    applies: Callable[[Cluster, Node], bool] = lambda *_: True
    when: Callable[[Context], bool] = lambda _: True
    has_unit: bool = True
    preexisting: bool = False
    unit_name: str = ""

    @property
    def binaries(self) -> tuple[str, ...]:
        return self.release.names if self.release else ()

    @property
    def unit(self) -> str:
        return f"{self.unit_name or self.name}.service"

    @property
    def unit_path(self) -> str:
        return f"/etc/systemd/system/{self.unit}"

    @property
    def defaults_path(self) -> str:
        return f"/etc/default/{self.name}"

    @property
    def has_settings(self) -> bool:
        """Whether a profile may override them: it has a unit, and that is kubeup's."""
        return self.has_unit and not self.preexisting

    def may_run(self, cluster: Cluster, node: Node) -> bool:
        """Whether a machine may carry it, as far as that is known before the machine was asked anything."""
        under = self.runtime is None or cluster.runtime in (None, self.runtime)
        return under and bool(self.roles & node.roles) and self.applies(cluster, node)


def http_ok(port: int, path: str = "/healthz") -> str:
    """Shell that succeeds when http://127.0.0.1:PORT/PATH answers 200; by bash alone, since curl may be absent."""
    return (
        f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port} && "
        f'printf "GET {path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n" >&3 && '
        'read -r _ code _ <&3 && test "$code" = 200\''
    )
