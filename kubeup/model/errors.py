"""Every way kubeup can fail.

    KubeupError                 shown to the person as it is, never as a traceback; exit 1
    ├── UsageError              wrong use of a command; exit 2
    ├── ProfileError            a profile with problems, each with its place; exit 2
    ├── PreflightError          something must change on a node before anything is touched
    ├── NodeError               one node and one step of it failed
    │   ├── ConnectError        SSH did not get there: address, port, host key, login, sudo
    │   ├── StepError           a step on the node failed; carries its output and journal
    │   │   └── GateError       what must hold before the node is touched did not: nothing was
    │   └── UnexpectedError     a fault of kubeup's own; its cause is in the log of the run
    ├── FleetError              several nodes failed; carries every one of them
    ├── ReleaseError            a binary could not be had, or is not what it should be
    ├── ImageError              an archive of images cannot be used, or an image cannot be had
    └── LabError                the lab cannot be built or is in the way of something

Each carries what happened (``message``), what was seen (``evidence``, lines) and what to type next (``fix``).
"""

from __future__ import annotations

from collections.abc import Sequence


class KubeupError(Exception):
    """A failure that a person can act on.

    message: one sentence, no full stop needed. evidence: lines as they were seen. fix: what to do or type next.
    """

    exit_code = 1

    def __init__(self, message: str, *, evidence: Sequence[str] = (), fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.evidence = tuple(evidence)
        self.fix = fix

    def title(self) -> str:
        """The first line a person reads."""
        return self.message


class UsageError(KubeupError):
    """A command was called in a way that cannot work."""

    exit_code = 2


class ProfileError(KubeupError):
    """A profile that cannot be used; ``evidence`` holds one formatted problem per entry, all of them at once."""

    exit_code = 2


class PreflightError(KubeupError):
    """Nodes are not ready for what was asked; nothing was touched. ``evidence`` holds one problem per entry."""


class NodeError(KubeupError):
    """One step on one node failed."""

    def __init__(self, node: str, step: str, message: str, *, evidence: Sequence[str] = (), fix: str = "") -> None:
        super().__init__(message, evidence=evidence, fix=fix)
        self.node = node
        self.step = step

    def title(self) -> str:
        return f"{self.node}: {self.step}: {self.message}"


class ConnectError(NodeError):
    """The node could not be reached, or did not let kubeup in."""


class StepError(NodeError):
    """A step of a plan failed on the node; evidence is its output and, for a unit, its journal."""


REPORT = "this is a fault in kubeup: report it with the log of this run"


class GateError(StepError):
    """What must hold before a node is touched did not hold in time, so it is as it was."""


class UnexpectedError(NodeError):
    """Something went wrong in kubeup itself; ``__cause__`` is what it was."""


class FleetError(KubeupError):
    """Failures of several nodes, told together."""

    def __init__(self, message: str, causes: Sequence[KubeupError], *, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.causes = tuple(causes)


class ReleaseError(KubeupError):
    """A binary or image could not be had from any source, or its checksum is wrong."""


class ImageError(KubeupError):
    """An archive holds no image that can be used, or an image could not be had."""


class LabError(KubeupError):
    """The lab cannot do what was asked; nothing outside it was changed."""
