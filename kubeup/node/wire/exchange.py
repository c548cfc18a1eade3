"""One trip over an open channel: wait for the hello, send the body, take in the answer, all three at their own pace.

Three threads, so that none ever waits for another: the caller's reads standard output, one reads standard error (and
answers sudo), one sends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from kubeup.model.errors import ConnectError, NodeError
from kubeup.node.ssh.sshconfig import Target
from kubeup.node.wire.remote_commands import BUSY_STATUS, HELLO, Kind
from kubeup.node.wire.streams import SLICE, TAIL, CallSpec, Channel, Errors, Lines, Progress, Sender
from kubeup.node.wire.sudo import Silence, explain

HELLO_SECONDS = 30.0
IDLE_SECONDS = 300.0
STATUS_SECONDS = 5.0
LINGER_SECONDS = 2.0
POLL_SECONDS = 0.25
GREETING = 1024 * 1024
ANSWER = 2 * 1024 * 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """What a trip brought back. stderr: its last 64 KiB. sent, received: bytes of payload. seconds: its length.

    status: -1 where it did not end as it should, and nobody knows what is missing of it.
    started_at, hello_at: seconds since the epoch by this machine's clock, just before the command was sent and just
    after its first word came back: the node's clock was read shortly after the midpoint.
    """

    stdout: bytes
    stderr: bytes
    status: int
    sent: int
    received: int
    seconds: float
    started_at: float
    hello_at: float


class Exchange:
    """Carries out one spec on one channel, whose command was started at ``started_at``."""

    def __init__(
        self,
        channel: Channel,
        target: Target,
        spec: CallSpec,
        count: Progress,
        *,
        sudo: Callable[[], str | None] | None,
    ) -> None:
        self._channel, self._target, self._spec, self._count = channel, target, spec, count
        self._sudo = sudo
        self._errors = Errors(channel, sudo)
        self._sender = Sender(channel, spec, count)
        self._lines = Lines(spec)
        self._alive_at = time.monotonic()

    def run(self, started_at: float) -> Reply:
        """Raises ConnectError before the hello, NodeError after it, and whatever the body or on_line raise."""
        begin = time.monotonic()
        self._channel.settimeout(POLL_SECONDS)
        self._errors.start()
        try:
            rest = self._hello()
            hello_at = time.time()
            self._errors.watching = False
            self._count.trips += 1
            self._sender.start()
            self._take(rest)
            self._answer(time.monotonic() + self._spec.timeout)
            status = self._ended()
        finally:
            self._channel.close()
        # A body that waits for something else is not waited for.
        self._sender.join(POLL_SECONDS)
        self._errors.join(LINGER_SECONDS)
        self._judge(status)
        return Reply(
            bytes(self._lines.stdout),
            self._errors.tail,
            status,
            self._sender.sent,
            self._lines.received,
            time.monotonic() - begin,
            started_at,
            hello_at,
        )

    def _hello(self) -> bytes:
        """Whatever a login shell prints before the hello is no concern of ours; what came after it is returned."""
        mark = f"{HELLO}\n".encode()
        greeting = b""
        deadline = time.monotonic() + HELLO_SECONDS
        while mark not in greeting:
            if self._errors.asking.is_set():
                # A person types: that is not the node's time.
                deadline = time.monotonic() + HELLO_SECONDS
            data = self._receive()
            if data == b"" or len(greeting) > GREETING:
                raise self._silent(greeting, 0.0)
            if time.monotonic() > deadline:
                raise self._silent(greeting, HELLO_SECONDS)
            greeting += data or b""
        return greeting[greeting.index(mark) + len(mark) :]

    def _silent(self, greeting: bytes, waited: float) -> ConnectError:
        self._errors.join(0.0 if waited else LINGER_SECONDS)
        status = -1 if waited or self._errors.hung_up else self._status()
        if self._errors.error is not None:
            raise self._errors.error
        text = self._errors.tail.decode("utf-8", "replace") or greeting[-2000:].decode("utf-8", "replace")
        seen = Silence(self._sudo is not None, self._errors.prompts, self._errors.given, status, text, waited)
        return explain(self._target, seen)

    def _answer(self, deadline: float) -> None:
        ended_at = 0.0
        while True:
            data = self._receive()
            now = time.monotonic()
            if data == b"":
                return
            if data:
                self._alive_at = now
                self._take(data)
            elif now > deadline:
                raise self._late(f"did not end within {self._spec.timeout:.0f} s")
            elif self._spec.kind is not Kind.SHELL and now - self._last_sign() > IDLE_SECONDS:
                raise self._late(f"was silent for {IDLE_SECONDS:.0f} s")
            elif self._channel.exit_status_ready():
                # Its last words may be here by now, however long it had been silent before them.
                ended_at = ended_at or now
                if now - max(ended_at, self._alive_at) > LINGER_SECONDS:
                    # It ended, but something it left behind holds its output open.
                    return

    def _last_sign(self) -> float:
        return max(self._alive_at, self._sender.alive_at)

    def _receive(self) -> bytes | None:
        """Bytes; none when there were none for a moment; empty at the end.

        A closed channel still has what came before its end, perhaps since this moment passed; then it says the end.
        """
        try:
            return self._channel.recv(SLICE)
        except TimeoutError:
            return None

    def _take(self, data: bytes) -> None:
        self._lines.take(data)
        self._count.received += len(data)
        if len(self._lines.stdout) > ANSWER:
            raise self._late(f"answered with more than {ANSWER // 2**20} MiB")

    def _late(self, what: str) -> NodeError:
        return NodeError(
            self._target.title,
            self._spec.kind.value,
            f"the node's half of kubeup {what}",
            evidence=_last_lines(self._errors.tail) or _last_lines(bytes(self._lines.stdout[-TAIL:])),
            fix="look at the node's load, disk and network; then run the same command again",
        )

    def _status(self) -> int:
        # It comes right behind the end of the output; a lost line brings none.
        self._channel.status_event.wait(STATUS_SECONDS)
        return self._channel.exit_status

    def _ended(self) -> int:
        """With which exit status. A script's answer also has to say so at its end: what came without that may be any
        part of it."""
        status = self._status()
        if self._spec.kind is Kind.APPLY:
            return status
        before = self._lines.received
        told = self._lines.ended()
        self._count.received -= before - self._lines.received
        return status if status == told else -1

    def _judge(self, status: int) -> None:
        if self._sender.error is not None:
            raise self._sender.error
        if status == BUSY_STATUS and self._lines.busy:
            raise NodeError(
                self._target.title,
                "lock",
                "another kubeup is at work on this node",
                evidence=[self._lines.busy],
                fix="wait until it is done and run the command again",
            )


def _last_lines(data: bytes) -> list[str]:
    return [line for line in data.decode("utf-8", "replace").split("\n") if line.strip()][-5:]
