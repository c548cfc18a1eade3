"""What a component is: a value. Adding one is one small file beside this one, and one template."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from kubeup.components.settings import Settings
from kubeup.model.cluster import Cluster, Node, Role, Runtime, Value
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.model.resources import Action, Directory, File, Presence, SideEffect
from kubeup.plan.waves import Gate
from kubeup.release.artifacts import ReleaseRow

CONTROL_PLANE = frozenset({Role.CONTROL_PLANE})
WORKER = frozenset({Role.WORKER})

FOLDERS = (Directory("/etc/kubeup", owned_recursively=True), Directory("/opt/kubeup", owned_recursively=True))
"""kubeup's own on every machine, whatever runs there."""
PKI = "/etc/kubernetes/pki"
KUBECTL = "/opt/kubeup/bin/kubectl --request-timeout=5s"
ADMIN = f"{KUBECTL} --kubeconfig=/etc/kubernetes/admin.conf"
PATIENT = ADMIN.replace("--request-timeout=5s", "--request-timeout=60s")
"""For what changes objects."""


def sh(*words: str) -> str:
    """Words of a shell command, quoted where they need it: what a profile or a node says is a word, never a command.

    For all that checks, actions and questions of readiness are made of.
    """
    return shlex.join(words)


RenderText = Callable[[str, str, Mapping[str, Value]], str]
"""A text of the user's as a template: (text, what it is called in errors, values) -> text."""


@dataclass(frozen=True)
class Context:
    """All that a component may look at when it says what it wants on a node.

    cluster, node: as the machines know them, names and addresses filled in; while questions are gathered, as the
    profile has them, ``name`` and ``address`` perhaps empty. facts: of this node. cluster_facts: of the control plane.
    pod_cidrs: node name -> its pods' subnet. leads: what is done once for the cluster is done by this node (see
    planning/lead.py). chosen: endpoints of the nodes that the command may change; None: all. store: binary name -> its
    path in the node's store. render_text: templates of the user's.

    What is gathered for a probe comes from a Context with empty facts, cluster_facts, pod_cidrs and store, in which no
    node leads: callables must bear that.
    """

    cluster: Cluster
    node: Node
    facts: Facts
    cluster_facts: ClusterFacts
    pod_cidrs: Mapping[str, str]
    leads: bool = False
    chosen: frozenset[str] | None = None
    store: Mapping[str, str] = field(default_factory=dict)
    render_text: RenderText = lambda text, _, __: text

    def may_change(self, node: Node) -> bool:
        return self.chosen is None or node.endpoint in self.chosen


Flags = Mapping[str, str]


def no_files(_: Context) -> tuple[File, ...]:
    return ()


def no_flags(_: Context) -> Flags:
    return {}


def no_actions(_: Context) -> tuple[Action, ...]:
    return ()


def no_values(_: Context) -> Mapping[str, Value]:
    return {}


def no_routes(_: Cluster) -> tuple[IPv4Network, ...]:
    return ()


def no_listing(_: Context, __: Sequence[File]) -> tuple[File, ...]:
    return ()


@dataclass(frozen=True)
class Template:
    """A file that a component has on a node, rendered from templates/NAME.

    The template sees cluster, node, facts, component, pod_cidrs, pod_cidr (this node's, or empty), revision, and the
    component's values.

    path: where it lands. mode: permissions. config: the profile's ``config:`` of the component is merged into it.
    when: whether this node has it. read_at_start: see File. revision: ``revision`` is the hash of the text without it.
    addon: whose objects are in it; they get its labels. stays: whether what a machine has of it stays as it is.
    """

    name: str
    path: str
    mode: int = 0o644
    config: bool = False
    when: Callable[[Context], bool] = lambda _: True
    read_at_start: bool = True
    revision: bool = False
    addon: str = ""
    stays: Callable[[Context], bool] = lambda _: False


@dataclass(frozen=True)
class Rolling:
    """Of a component that must not be away on all of its machines at once: one machine after the other restarts it.

    works: whether the machine's own one works, by what the cluster says of itself. gate: what must hold before that is
    restarted; None where nothing could, such as for the only one. late: whether it is better the last one.
    joins: whether the machine's own one comes to others that live: that is one machine after the other, too.
    """

    works: Callable[[Context], bool]
    gate: Callable[[Context], Gate | None]
    late: Callable[[Context], bool] = lambda _: False
    joins: Callable[[Context], bool] = lambda _: False


@dataclass(frozen=True)
class Component:
    """One component: one of these in a file of its own, its templates, and one line in components.ALL.

    Callables that take a Context are also called with empty facts and empty pod_cidrs, to gather what a probe asks: by
    then only the paths, checks and ids in what they return count.

    name: its unit, its template (NAME.service), /etc/default/NAME and its key in a profile are named after it.
    roles: the machines that carry it: those of any of these roles.
    release: how upstream publishes its binaries, and under which of a profile's ``versions:``; None: it has none.
    links: binary name -> where it is linked, empty for the store alone; else /opt/kubeup/bin/BINARY.
    after: names of components that must be ready before, on this machine or on others.
    templates: its files, besides its unit's.
    certificates: paths of certificates that it reads at start; their keys come with them.
    files: what no template says: merged options of the machine's own Docker, one file a registry.
    listing: files made out of those that it has by then.
    asks: further paths whose contents its files are made of.
    reads: further paths that it reads at start: a change of one restarts it.
    reloads: those of its paths that it takes in when it is told to, while it runs.
    flags: of its command line, without dashes; written to /etc/default/NAME as NAME_OPTS.
    settings: which of its flags and configuration keys a profile may say.
    values: further variables for its templates.
    actions: what is neither file nor unit, once its unit is ready.
    directories: folders that it needs, made before its unit starts.
    side_effects: what it leaves behind that no file lists, so that ``down`` can undo it.
    routes: networks that it leads to: routes into them are its own, and go with it.
    ports: TCP ports that it listens on, which nobody else may have.
    presence: what it makes when it starts and others may take away; from the profile alone, for a probe asks for it.
    lost: the same, where it follows from all that the nodes said: in words.
    questions: what is asked of it while it runs, as (id, shell): the output comes back with the probe. It is the same
    on every machine that carries it.
    ready: shell that succeeds on the node, as root, once it really works.
    timeout: seconds until ``ready`` must have succeeded.
    rolling: where it restarts on one machine after the other, what that goes by.
    runtime: only with this container runtime; None: with any.
    applies: whether a machine carries it, from the profile alone (another network plug-in, a mode): it is asked nothing
    of what does not apply.
    when: whether a machine carries it, now that it answered; it is asked in any case.
    has_unit: False for what has no service.
    preexisting: its service is the machine's own: never stopped, and no unit of kubeup's.
    unit_name: the unit's name without .service, where that is not ``name``.
    """

    name: str
    roles: frozenset[Role]
    release: ReleaseRow | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    templates: tuple[Template, ...] = ()
    certificates: tuple[str, ...] = ()
    files: Callable[[Context], tuple[File, ...]] = no_files
    listing: Callable[[Context, Sequence[File]], tuple[File, ...]] = no_listing
    asks: Callable[[Cluster], tuple[str, ...]] = lambda _: ()
    reads: tuple[str, ...] = ()
    reloads: tuple[str, ...] = ()
    flags: Callable[[Context], Flags] = no_flags
    settings: Settings = Settings()
    values: Callable[[Context], Mapping[str, Value]] = no_values
    actions: Callable[[Context], tuple[Action, ...]] = no_actions
    directories: tuple[Directory, ...] = ()
    side_effects: tuple[SideEffect, ...] = ()
    routes: Callable[[Cluster], tuple[IPv4Network, ...]] = no_routes
    ports: tuple[int, ...] = ()
    presence: Callable[[Cluster], tuple[Presence, ...]] = lambda _: ()
    lost: Callable[[Context], tuple[str, ...]] = lambda _: ()
    questions: tuple[tuple[str, str], ...] = ()
    ready: Callable[[Context], str] = lambda _: ""
    timeout: int = 60
    rolling: Rolling | None = None
    runtime: Runtime | None = None
    applies: Callable[[Cluster, Node], bool] = lambda *_: True
    when: Callable[[Context], bool] = lambda _: True
    has_unit: bool = True
    preexisting: bool = False
    unit_name: str = ""

    @property
    def all_templates(self) -> tuple[Template, ...]:
        """Its unit's, which is called as the unit is, and the others."""
        return (*((Template(self.unit, self.unit_path),) if self.has_settings else ()), *self.templates)

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

    @property
    def takes_config(self) -> bool:
        """Whether it has a file that a profile's ``config:`` is merged into."""
        return any(template.config for template in self.templates)

    @property
    def takes_flags(self) -> bool:
        """Whether its unit reads the flags of /etc/default/NAME, which a profile's ``flags:`` go into."""
        return self.has_settings and self.flags is not no_flags

    def may_run(self, cluster: Cluster, node: Node) -> bool:
        """Whether a machine may carry it, as far as that is known before the machine was asked anything."""
        under = self.runtime is None or cluster.runtime in (None, self.runtime)
        return under and bool(self.roles & node.roles) and self.applies(cluster, node)


def http_ok(port: int, path: str = "/healthz") -> str:
    """Shell that succeeds when http://127.0.0.1:PORT/PATH answers 200."""
    return _http(port, path, 'read -r _ code _ <&3 && test "$code" = 200')


def http_body(port: int, path: str) -> str:
    """Shell that prints what http://127.0.0.1:PORT/PATH answers, without its head; it fails where nobody does."""
    return _http(port, path, 'while read -r line && test "${line%?}"; do :; done <&3 && cat <&3')


def _http(port: int, path: str, read: str) -> str:
    """By bash alone, since curl may be absent. read: shell that takes the answer from descriptor 3."""
    return (
        f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port} && "
        f'printf "GET {path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n" >&3 && '
        f"{read}'"
    )
