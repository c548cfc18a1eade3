"""The three streams of a channel: what is sent, standard output as lines, standard error with sudo's prompt in it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, cast

from kubeup.node.wire.remote_commands import BUSY, END, ENDED, MARKER, PROMPT, Kind

SLICE = 256 * 1024
TAIL = 64 * 1024

Body = Iterable["bytes | memoryview"]
OnLine = Callable[[str], None]
Sink = Callable[[bytes], None]
"""Takes standard output as it comes, where it is too much to be held."""


class Channel(Protocol):
    """What a trip needs of paramiko's."""

    status_event: threading.Event
    exit_status: int

    def recv(self, nbytes: int) -> bytes: ...
    def recv_stderr(self, nbytes: int) -> bytes: ...
    def send(self, s: bytes) -> int: ...
    def sendall(self, s: bytes) -> None: ...
    def shutdown_write(self) -> None: ...
    def settimeout(self, timeout: float | None) -> None: ...
    def exit_status_ready(self) -> bool: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class CallSpec:
    """What a call is for. timeout: seconds for all of it, from the hello on. sink: gets what else would be kept."""

    kind: Kind
    body: Body
    on_line: OnLine | None
    timeout: float
    operator: str
    sink: Sink | None = None


class Progress(Protocol):
    """Whoever counts what is sent and received while it happens."""

    sent: int
    received: int
    trips: int


class Sender(threading.Thread):
    """Sends the body; stops quietly when the other side is gone, for the reader learns why."""

    def __init__(self, channel: Channel, spec: CallSpec, count: Progress) -> None:
        super().__init__(daemon=True, name="kubeup-send")
        self._channel, self._spec, self._count = channel, spec, count
        self.sent = 0
        self.alive_at = time.monotonic()
        self.error: BaseException | None = None

    def run(self) -> None:
        operator = "".join(letter if letter.isprintable() else " " for letter in self._spec.operator)
        try:
            self._send(f"{MARKER}\n{operator or '-'}\n".encode())
            for number, chunk in enumerate(self._spec.body):
                self._send_counted(chunk)
                if number == 0 and self._spec.kind is not Kind.APPLY:
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


class Errors(threading.Thread):
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
            return None
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


_MARK = re.compile(rb"\n" + ENDED.encode() + rb" (\d+)\n")
HELD = 64
"""Bytes that a sink is not given yet: the mark may be in them."""


class Lines:
    """The answer, cut at line breaks and nowhere else.

    on_line is not told of the mark at the end of an answer, nor of the line break that belongs to it. With a sink
    nothing is cut and nothing kept.
    """

    def __init__(self, spec: CallSpec) -> None:
        self._on_line, self._apply = spec.on_line, spec.kind is Kind.APPLY
        self._sink = spec.sink
        self.stdout = bytearray()
        self.received = 0
        self.busy = ""
        self._begin = self._searched = 0

    def take(self, data: bytes) -> None:
        self.received += len(data)
        self.stdout += data
        if self._sink is not None:
            self._pass_on(HELD)
            return
        while (end := self.stdout.find(b"\n", self._searched)) >= 0:
            self._line(self.stdout[self._begin : end])
            self._begin = self._searched = end + 1
        self._searched = len(self.stdout)

    def _pass_on(self, held: int) -> None:
        size = len(self.stdout) - held
        if self._sink is not None and size > 0:
            self._sink(bytes(memoryview(self.stdout)[:size]))
            del self.stdout[:size]

    def _line(self, line: bytearray) -> None:
        if self._apply and line.startswith(BUSY.encode()):
            self.busy = line[len(BUSY) :].decode("utf-8", "replace").strip()
        elif self._on_line is not None and not self._is_of_mark(line):
            self._on_line(line.decode("utf-8", "replace"))

    def _is_of_mark(self, line: bytearray) -> bool:
        """An empty line is, too: no script says anything by one."""
        return not self._apply and (not line or line.startswith(f"{ENDED} ".encode()))

    def ended(self) -> int | None:
        """The exit status that the mark at the answer's end tells, and takes the mark away; None without one.

        What the script left running may speak behind it.
        """
        found = _MARK.match(self.stdout, max(0, self.stdout.rfind(b"\n" + ENDED.encode())))
        if found is None:
            return None
        mark, status = len(found.group()), int(found.group(1))
        at = found.start()
        # A buffer that a match points into cannot be shortened.
        del found
        del self.stdout[at : at + mark]
        self.received -= mark
        self._pass_on(0)
        return status
