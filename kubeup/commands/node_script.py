"""A script of node/agent run on one node, which says "done" as a line of its own at its end."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kubeup.execution.job import Job
from kubeup.model.cluster import Node
from kubeup.node.agent import probe
from kubeup.node.wire.remote_commands import Kind

FOLDER = Path(probe.__file__).parent
DONE = "done"


@dataclass(frozen=True)
class Answer:
    """lines: all that it said. errors: what it, or a program that it called, complained of, without blank lines."""

    lines: Sequence[str]
    errors: Sequence[str]

    @property
    def done(self) -> bool:
        return DONE in self.lines


def run(job: Job, node: Node, script: Path, seconds: float, **variables: object) -> Answer:
    """variables: are set before it. seconds: that it may take. Raises NodeError where the node does not answer."""
    head = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in variables.items())
    reply = job.fleet.connection(node).call(Kind.SHELL, [f"{head}{script.read_text()}".encode()], timeout=seconds)
    said, complained = (text.decode("utf-8", "replace").split("\n") for text in (reply.stdout, reply.stderr))
    return Answer(said, [line for line in complained if line.strip()])
