"""What a probe brings back about one node.

A fact is one place: a family of them is two files here, NAME.sh, which asks on the node, and NAME.py, which says what
the facts are called and reads them out of the answer. A line that NAME.sh prints by `fact KIND VALUE...` or by
`... | each KIND` is what NAME.py finds under KIND; a test holds the two together. Adding a fact: docs/contributing.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kubeup.model.facts import (
    asks,
    checks,
    disks,
    docker,
    files,
    firewall,
    folders,
    hardware,
    kernel,
    kubeup,
    network,
    system,
    tools,
    units,
)
from kubeup.model.facts.answer import Answer
from kubeup.model.facts.asks import AskFacts, Said
from kubeup.model.facts.checks import CheckFacts
from kubeup.model.facts.cluster import (
    AuthorityFact,
    BalancedServer,
    ClusterFacts,
    EtcdStatus,
    Member,
    NodeObject,
    Unknown,
)
from kubeup.model.facts.disks import Disk, DiskFacts
from kubeup.model.facts.docker import DockerFact, DockerFacts
from kubeup.model.facts.files import FileFact, FileFacts
from kubeup.model.facts.firewall import DroppingChain, FirewallFact, FirewallFacts
from kubeup.model.facts.folders import FolderFacts
from kubeup.model.facts.hardware import HardwareFacts
from kubeup.model.facts.kernel import KernelFacts
from kubeup.model.facts.kubeup import KubeupFacts
from kubeup.model.facts.network import Listener, NetworkFacts
from kubeup.model.facts.record import Owned, Record
from kubeup.model.facts.system import SystemFacts
from kubeup.model.facts.tools import ToolFacts
from kubeup.model.facts.units import UnitFact, UnitFacts

__all__ = [
    "FAMILIES",
    "Answer",
    "AuthorityFact",
    "BalancedServer",
    "ClusterFacts",
    "Disk",
    "DockerFact",
    "DroppingChain",
    "EtcdStatus",
    "Facts",
    "Family",
    "FileFact",
    "FirewallFact",
    "Listener",
    "Member",
    "NodeObject",
    "Owned",
    "Record",
    "Said",
    "UnitFact",
    "Unknown",
    "read",
]


@dataclass(frozen=True)
class Facts(
    SystemFacts,
    HardwareFacts,
    KernelFacts,
    NetworkFacts,
    ToolFacts,
    DockerFacts,
    DiskFacts,
    FirewallFacts,
    FileFacts,
    FolderFacts,
    UnitFacts,
    CheckFacts,
    AskFacts,
    KubeupFacts,
):
    """One probe of one node: the fields of all families. Sizes in bytes, times in seconds."""


@dataclass(frozen=True)
class Family:
    """name: of its two files, and of the function ask_NAME in NAME.sh. parse: its facts out of an answer. slow: it is
    asked in the background, while the others are."""

    name: str
    parse: Callable[[Answer], object]
    slow: bool = False

    @property
    def script(self) -> Path:
        return Path(__file__).with_name(f"{self.name}.sh")


FAMILIES = (
    Family("checks", checks.parse, slow=True),
    Family("asks", asks.parse, slow=True),
    Family("system", system.parse),
    Family("hardware", hardware.parse),
    Family("kernel", kernel.parse),
    Family("network", network.parse),
    Family("tools", tools.parse),
    Family("docker", docker.parse),
    Family("disks", disks.parse),
    Family("firewall", firewall.parse),
    Family("files", files.parse),
    Family("folders", folders.parse),
    Family("units", units.parse),
    Family("kubeup", kubeup.parse),
)
"""In the order in which a node is asked."""


def read(answer: Answer) -> Facts:
    """Every family's facts, of one answer."""
    found: dict[str, object] = {}
    for family in FAMILIES:
        found |= vars(family.parse(answer))
    return Facts(**found)  # type: ignore[arg-type]
