"""One trip over an open channel: wait for the hello, send the body, take in the answer, all three at their own pace.

Three threads, so that none ever waits for another: the caller's reads standard output, one reads standard error (and
answers sudo), one sends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, cast

from kubeup.errors import ConnectError, NodeError
from kubeup.node.boot import BUSY, BUSY_STATUS, END, HELLO, MARKER, PROMPT, Kind
from kubeup.node.sshconfig import Target
from kubeup.node.sudo import Silence, explain

HELLO_SECONDS = 30.0
IDLE_SECONDS = 300.0
STATUS_SECONDS = 5.0
LINGER_SECONDS = 2.0
POLL_SECONDS = 0.25
SLICE = 256 * 1024
TAIL = 64 * 1024
GREETING = 1024 * 1024
ANSWER = 2 * 1024 * 1024 * 1024

Body = Iterable["bytes | memoryview"]
OnLine = Callable[[str], None]


class Channel(Protocol):
    """What a trip needs of paramiko's."""

    status_event: threading.Event
    exit_status: int
    closed: bool

    def recv(self, nbytes: int) -> bytes: ...
    def recv_stderr(self, nbytes: int) -> bytes: ...
    def send(self, s: bytes) -> int: ...
    def sendall(self, s: bytes) -> None: ...
    def shutdown_write(self) -> None: ...
    def settimeout(self, timeout: float | None) -> None: ...
    def exit_status_ready(self) -> bool: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Reply:
    """What a trip brought back. stderr: its last 64 KiB. sent, received: bytes of payload. seconds: its length.

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


@dataclass(frozen=True)
class Errand:
    """What a trip is for. limit: seconds for all of it, from the hello on."""

    kind: Kind
    body: Body
    on_line: OnLine | None
    limit: float
    operator: str


class Progress(Protocol):
    """Whoever counts what is sent and received while it happens."""

    sent: int
    received: int
    trips: int


class Trip:
    """Carries out one errand on one channel, whose command was started at ``started_at``."""

    def __init__(
        self,
        channel: Channel,
        target: Target,
        errand: Errand,
        count: Progress,
        *,
        sudo: Callable[[], str | None] | None,
    ) -> None:
        self._channel, self._target, self._errand, self._count = channel, target, errand, count
        self._sudo = sudo
        self._errors = _Errors(channel, sudo)
        self._sender = _Sender(channel, errand, count)
        self._lines = _Lines(errand)
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
            self._answer(time.monotonic() + self._errand.limit)
            status = self._status()
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
        while True:
            data = self._receive()
            now = time.monotonic()
            if data == b"":
                return
            if data:
                self._alive_at = now
                self._take(data)
            elif now > deadline:
                raise self._late(f"did not end within {self._errand.limit:.0f} s")
            elif self._errand.kind is not Kind.SHELL and now - self._last_sign() > IDLE_SECONDS:
                raise self._late(f"was silent for {IDLE_SECONDS:.0f} s")
            elif self._channel.exit_status_ready() and now - self._alive_at > LINGER_SECONDS:
                # It ended, but something it left behind holds its output open.
                return

    def _last_sign(self) -> float:
        return max(self._alive_at, self._sender.alive_at)

    def _receive(self) -> bytes | None:
        """Bytes; none when there were none for a moment; empty at the end."""
        try:
            return self._channel.recv(SLICE)
        except TimeoutError:
            return b"" if self._channel.closed else None

    def _take(self, data: bytes) -> None:
        self._lines.take(data)
        self._count.received += len(data)
        if self._lines.received > ANSWER:
            raise self._late(f"answered with more than {ANSWER // 2**20} MiB")

    def _late(self, what: str) -> NodeError:
        return NodeError(
            self._target.title,
            self._errand.kind.value,
            f"the node's half of kubeup {what}",
            evidence=_last_lines(self._errors.tail) or _last_lines(bytes(self._lines.stdout[-TAIL:])),
            fix="look at the node's load, disk and network; then run the same command again",
        )

    def _status(self) -> int:
        # It comes right behind the end of the output; a lost line brings none.
        self._channel.status_event.wait(STATUS_SECONDS)
        return self._channel.exit_status

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


class _Sender(threading.Thread):
    """Sends the body; stops quietly when the other side is gone, for the reader learns why."""

    def __init__(self, channel: Channel, errand: Errand, count: Progress) -> None:
        super().__init__(daemon=True, name="kubeup-send")
        self._channel, self._errand, self._count = channel, errand, count
        self.sent = 0
        self.alive_at = time.monotonic()
        self.error: BaseException | None = None

    def run(self) -> None:
        operator = "".join(letter if letter.isprintable() else " " for letter in self._errand.operator)
        try:
            self._send(f"{MARKER}\n{operator or '-'}\n".encode())
            for number, chunk in enumerate(self._errand.body):
                self._send_counted(chunk)
                if number == 0 and self._errand.kind is not Kind.APPLY:
                    self._send(f"\n{END}\n".encode())
            self._end()
        except _Gone:
            return
        except BaseException as error:  # raised again by the caller's thread
            self.error = error
            self._channel.close()

    def _end(self) -> None:
        try:
            self._channel.shutdown_write()
        except (OSError, EOFError) as error:
            raise _Gone from error

    def _send_counted(self, chunk: bytes | memoryview) -> None:
        # Views, for sending bytes copies what is left of them with every packet.
        view = memoryview(chunk)
        for start in range(0, len(view), SLICE):
            part = view[start : start + SLICE]
            self._send(part)
            self.sent += len(part)
            self._count.sent += len(part)

    def _send(self, data: bytes | memoryview) -> None:
        """All of it, however long the node takes: the reader watches the time."""
        while data:
            try:
                # The stubs know only bytes; a view is what keeps it from being copied.
                sent = self._channel.send(cast(bytes, data))
            except TimeoutError:
                continue
            except (OSError, EOFError) as error:
                raise _Gone from error
            if not sent:
                raise _Gone
            data = data[sent:]
            self.alive_at = time.monotonic()


class _Gone(Exception):
    """The other side takes no more."""


class _Errors(threading.Thread):
    """Reads standard error, keeps its end, and answers sudo: with the password once, never again."""

    def __init__(self, channel: Channel, sudo: Callable[[], str | None] | None) -> None:
        super().__init__(daemon=True, name="kubeup-stderr")
        self._channel, self._password = channel, sudo
        self.tail = b""
        self.prompts = 0
        self.given = False
        self.watching = sudo is not None
        self.hung_up = False
        self.asking = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while (data := self._receive()) != b"":
                self.tail = (self.tail + (data or b""))[-TAIL:]
                if data and self.watching:
                    self._watch()
        except BaseException as error:  # raised again by the caller's thread
            self.error = error
            self._channel.close()

    def _receive(self) -> bytes | None:
        try:
            return self._channel.recv_stderr(SLICE)
        except TimeoutError:
            return b"" if self._channel.closed else None
        except OSError:
            return b""

    def _watch(self) -> None:
        prompts = self.tail.count(PROMPT.encode())
        if prompts <= self.prompts:
            return
        self.prompts = prompts
        self.asking.set()
        password = self._password() if self._password and not self.given else None
        self.asking.clear()
        if password is None:
            # Nobody knows it, or it was wrong: another try would only count as another failed login.
            self.hung_up = True
            self._channel.close()
            return
        self.given = True
        self._channel.sendall(f"{password}\n".encode())


class _Lines:
    """The answer, cut at line breaks and nowhere else."""

    def __init__(self, errand: Errand) -> None:
        self._on_line, self._apply = errand.on_line, errand.kind is Kind.APPLY
        self.stdout = bytearray()
        self.received = 0
        self.busy = ""
        self._begin = self._searched = 0

    def take(self, data: bytes) -> None:
        self.received += len(data)
        self.stdout += data
        while (end := self.stdout.find(b"\n", self._searched)) >= 0:
            self._line(self.stdout[self._begin : end])
            self._begin = self._searched = end + 1
        self._searched = len(self.stdout)

    def _line(self, line: bytearray) -> None:
        if self._apply and line.startswith(BUSY.encode()):
            self.busy = line[len(BUSY) :].decode("utf-8", "replace").strip()
        elif self._on_line is not None:
            self._on_line(line.decode("utf-8", "replace"))


def _last_lines(data: bytes) -> list[str]:
    return [line for line in data.decode("utf-8", "replace").split("\n") if line.strip()][-5:]
