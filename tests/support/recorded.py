"""kubeup's commands in this process, on nodes that answer from what a test wrote down: no SSH, no waiting.

A node knows scripts by a word that stands in them. What it was made to apply is kept, so that a test can say that
nothing was touched.
"""

from __future__ import annotations

import base64
import io
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from click.testing import CliRunner, Result

from kubeup.cli import main
from kubeup.cli.session import Reach
from kubeup.execution.fleet import Connect
from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import ConnectError, KubeupError
from kubeup.model.facts import Facts
from kubeup.node.wire.exchange import Reply
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.streams import Body, OnLine, Sink
from tests.support.probe_reply import probe_reply

PROBE, KEYS = "kubeup-probe 1", "base64 -w 0 <"
SNAPSHOT, CONTROL_PLANE, PODS, REACH = "kubeup-snapshot", "componentstatuses", "activeDeadlineSeconds", "nodeport"
ADDONS, IMAGES = "kubeup-addons", "runtime=containerd"


@dataclass(frozen=True)
class Answer:
    """stdout and status of a script. lost: the error with which the line ends after that. held: stdout goes on so when
    the body ends."""

    stdout: str = ""
    status: int = 0
    stderr: str = ""
    lost: KubeupError | None = None
    held: str = ""


@dataclass
class RecordedNode:
    """facts: what its probe says; then, once something was applied. answers: by a word of the script.

    secrets: files that it gives away to be signed with. applied: the steps of each trip that changed it. asked: a word
    for each script it was sent. off: nothing answers at its address. breaks: how a trip that changes it ends.
    """

    facts: Facts
    answers: dict[str, Answer] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    then: Facts | None = None
    off: bool = False
    breaks: KubeupError | None = None
    applied: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def answer(self, script: str) -> Answer:
        if PROBE in script:
            self.asked.append(PROBE)
            if PROBE in self.answers:
                return self.answers[PROBE]
            facts = self.then if self.applied and self.then is not None else self.facts
            return Answer(probe_reply(facts).decode("latin-1"))
        if KEYS in script:
            self.asked.append(KEYS)
            paths = re.findall(r"base64 -w 0 <'([^']+)'", script)
            return Answer("".join(f"{path}\t{base64.b64encode(self.secrets[path]).decode()}\tend\n" for path in paths))
        for word, answer in self.answers.items():
            if word in script:
                self.asked.append(word)
                return answer
        raise AssertionError(f"nobody wrote down what a node answers to: {script[-300:]}")


class RecordedConnection:
    """A NodeConnection to a RecordedNode."""

    def __init__(self, title: str, node: RecordedNode) -> None:
        self.title = title
        self.trips = self.sent = self.received = 0
        self._node = node

    def call(
        self,
        kind: Kind,
        body: Body,
        *,
        on_line: OnLine | None = None,
        sink: Sink | None = None,
        timeout: float = 600.0,
        operator: str = "",
    ) -> Reply:
        self.trips += 1
        tell = on_line or (lambda _: None)
        chunks = iter(body)
        if kind is Kind.APPLY:
            return self._apply(b"".join(map(bytes, chunks)), tell)
        answer = self._node.answer(bytes(next(chunks)).decode())
        if sink is not None:
            sink(answer.stdout.encode("latin-1"))
        for line in answer.stdout.splitlines():
            tell(line)
        if answer.lost:
            raise answer.lost
        for _ in chunks:
            pass
        for line in answer.held.splitlines():
            tell(line)
        return self._reply((answer.stdout + answer.held).encode("latin-1"), answer)

    def _apply(self, archive: bytes, tell: OnLine) -> Reply:
        self.sent += len(archive)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            steps = tar.extractfile("steps")
            assert steps is not None
            self._node.applied.append(steps.read().decode())
        if self._node.breaks:
            raise self._node.breaks
        tell("done\t1")
        return self._reply(b"done\t1\n", Answer())

    def _reply(self, stdout: bytes, answer: Answer) -> Reply:
        self.received += len(stdout)
        return Reply(stdout, answer.stderr.encode(), answer.status, self.sent, self.received, 0.0, 0.0, 0.0)

    def forward(self, take: Callable[[paramiko.Channel], None]) -> int:
        raise AssertionError("recorded nodes forward nothing")

    def forward_no_more(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class Kubeup:
    """``kubeup`` typed by somebody whose nodes are recorded ones. nodes: by the host that profiles call them."""

    home: Path
    nodes: dict[str, RecordedNode] = field(default_factory=dict)

    def __call__(self, *words: str, typed: str = "") -> Result:
        # sys.exit(1) and its like end the run; whatever else is raised is a fault of kubeup's.
        done = CliRunner().invoke(main.main, words, input=typed, obj=Reach(self._connecting))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    def profile(self, name: str, *nodes: str, more: str = "") -> Path:
        """A profile of nodes by their hosts: the first one is control plane and worker, the others are workers."""
        path = self.home / f"{name}.yaml"
        roles = " ".join(["ai", *["i"] * (len(nodes) - 1)])
        hosts = ", ".join(f"root@{node}" for node in nodes)
        head = f"name: {name}\nnodes: [{hosts}]\nroles: {roles}\nruntime: containerd\nsources: [cache]\n"
        path.write_text(f"{head}{'' if 'addons:' in more else 'addons: []'}\n{more}")
        return path

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    @property
    def touched(self) -> set[str]:
        """The hosts of nodes that were made to apply something."""
        return {host for host, node in self.nodes.items() if node.applied}

    @contextmanager
    def _connecting(self, cluster: Cluster) -> Iterator[Connect]:
        def connect(node: Node) -> RecordedConnection:
            known = self.nodes[node.endpoint]
            if known.off:
                raise ConnectError(node.title, "connecting", "nothing answers", fix="switch it on")
            return RecordedConnection(node.title, known)

        yield connect
