"""What a plan is made of: steps in order, in levels between which machines may wait for one another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kubeup.model.facts import FileFact, Owned
from kubeup.model.resources import Action, Binary, CertificateSpec, Directory, File, SideEffect, Unit
from kubeup.plan.waves import Wave

PUSHED = "image-"
"""How the ids of actions begin that brought an image."""


@dataclass(frozen=True)
class ComponentOrder:
    """Where a component stands in the order: its level, and which components must be ready before it starts."""

    component: str
    level: int
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class CreateDirectory:
    """Make a folder."""

    directory: Directory


@dataclass(frozen=True)
class WriteFile:
    """Put a file in place; ``before`` is what is there now."""

    file: File
    before: FileFact


@dataclass(frozen=True)
class LinkBinary:
    """Point the link of a binary at the store."""

    binary: Binary
    before: FileFact


@dataclass(frozen=True)
class Start:
    """Start, or restart, a unit, and wait until it is ready. why: the paths or reasons, for people. reload: it runs,
    and takes in what changed without a restart. resume: nothing of it changed, it only does not run; if it comes up by
    itself meanwhile, as after a reboot, it is left to it."""

    unit: Unit
    why: tuple[str, ...]
    restart: bool
    reload: bool = False
    resume: bool = False


@dataclass(frozen=True)
class Await:
    """Wait until a unit that was started in this level is ready."""

    unit: Unit


@dataclass(frozen=True)
class RunAction:
    """Run an action. why: in words, where its check said so."""

    action: Action
    why: str = ""


@dataclass(frozen=True)
class SetMeta:
    """Write a fact into the node's record."""

    key: str
    value: str


@dataclass(frozen=True)
class RecordBaseline:
    """Record what a side effect is before anything of kubeup's ran."""

    side_effect: SideEffect


@dataclass(frozen=True)
class Stop:
    """Stop a unit of kubeup's and disable it."""

    unit: str
    before: str


@dataclass(frozen=True)
class Undo:
    """Undo an action with the undo script the node kept."""

    action: str


@dataclass(frozen=True)
class RevertSideEffect:
    """Take away a side effect, if it was not there before kubeup."""

    kind: str
    name: str
    before: str


@dataclass(frozen=True)
class RestorePath:
    """A path goes back to what it was: the original returns, or the path goes. edited: by someone else since."""

    owned: Owned
    edited: bool


@dataclass(frozen=True)
class DeleteState:
    """The last step of ``down``: store, record and kubeup's own folder go."""

    keep_data: bool


Step = (
    CreateDirectory
    | WriteFile
    | LinkBinary
    | Start
    | Await
    | RunAction
    | SetMeta
    | RecordBaseline
    | Stop
    | Undo
    | RevertSideEffect
    | RestorePath
    | DeleteState
)


@dataclass(frozen=True)
class Level:
    """What one node does without waiting for another, in one trip. title: the components, for people."""

    number: int
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class NodePlan:
    """All for one node.

    node: its title. generation: of the node's record when it was asked; a node whose record has moved since refuses
    the plan. binaries: what its store lacks; staged, with the files, before any level. baselines: side effects whose
    state before kubeup is written into the record, before anything can change them. levels: by number, none empty.
    to_issue: certificates that are made for it once the plan is carried out; their files are among the steps, without
    content. own: its name, address and pods' subnet: plans that differ in nothing but these are told as one.
    """

    node: str
    generation: int
    binaries: tuple[Binary, ...] = ()
    baselines: tuple[SideEffect, ...] = ()
    levels: tuple[Level, ...] = ()
    to_issue: tuple[CertificateSpec, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.binaries or self.levels)

    @property
    def has_to_stage(self) -> bool:
        """Whether anything goes to the node before its first level."""
        return bool(self.binaries or self.files or self.baselines)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for level in self.levels for step in level.steps)

    @property
    def files(self) -> tuple[WriteFile, ...]:
        return tuple(step for step in self.steps if isinstance(step, WriteFile))

    @property
    def starts(self) -> tuple[Start, ...]:
        return tuple(step for step in self.steps if isinstance(step, Start))

    @property
    def bytes_to_send(self) -> int:
        """Bytes of binaries and known files, uncompressed."""
        return sum(binary.size for binary in self.binaries) + sum(len(put.file.content or b"") for put in self.files)

    def level(self, number: int) -> Level | None:
        return next((level for level in self.levels if level.number == number), None)


@dataclass(frozen=True)
class Offer:
    """A newer version that the cluster may have, once its profile says so. program: its word under ``versions:``.
    holes: what of the one that it has is known to be unsafe; empty for none."""

    program: str
    has: str
    newer: str
    holes: str = ""


@dataclass(frozen=True)
class Leaving:
    """A node of the cluster that its profile does not have any more: once that is agreed to, it is cordoned and
    drained, its member of etcd is taken out, its machine is undone, and its Node object is deleted.

    ready: its kubelet gives signs of life. member: the id of its member of etcd; empty where it has none. is_node:
    whether it has a Node object. stays: the profile has it, as a worker: only its member goes, and that before the
    plan, which takes the control plane off its machine.
    """

    name: str
    address: str
    ready: bool
    member: str = ""
    is_node: bool = True
    stays: bool = False


@dataclass(frozen=True)
class Plan:
    """What a command will do, for every node of the cluster, in the profile's order.

    waves: in which order; each level of each node is in one of them. offers: what stays as it is and need not.
    kubeup: "0.1.0 -> 0.2.0" where nodes change that another version of kubeup changed last; else empty.
    absent: titles of nodes that did not answer, for which nothing is planned. leaving: nodes that are taken out when
    all else is done, if whoever runs it agrees.
    """

    cluster: str
    nodes: tuple[NodePlan, ...]
    waves: tuple[Wave, ...] = ()
    offers: tuple[Offer, ...] = ()
    kubeup: str = ""
    absent: tuple[str, ...] = ()
    leaving: tuple[Leaving, ...] = ()

    @property
    def empty(self) -> bool:
        return all(node.empty for node in self.nodes)

    def with_node(self, plan: NodePlan) -> Plan:
        """The same with another plan for the node of that name."""
        return replace(self, nodes=tuple(plan if node.node == plan.node else node for node in self.nodes))

    @property
    def level_numbers(self) -> tuple[int, ...]:
        return tuple(sorted({level.number for node in self.nodes for level in node.levels}))
