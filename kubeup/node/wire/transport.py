"""Trips to a node over its one connection: a constant command, bytes in, lines out.

dialer.py opens the connection, boot.py has the commands, trip.py talks on a channel.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import paramiko

from kubeup.model.cluster import Node
from kubeup.model.errors import ConnectError, NodeError
from kubeup.node.ssh import forwarding
from kubeup.node.ssh.connector import CHANNEL_SECONDS, Connector, shut
from kubeup.node.ssh.forwarding import Forwarded
from kubeup.node.ssh.tcp import failure
from kubeup.node.wire.exchange import Exchange, Reply
from kubeup.node.wire.remote_commands import Kind, command
from kubeup.node.wire.streams import Body, CallSpec, OnLine, Sink

SESSION_TRIES = 6
TakeChannel = Callable[[paramiko.Channel], None]
"""What is done with a connection that a node's port was asked for."""


class NodeConnection(Protocol):
    """A way to a node; used by one thread at a time. trips, sent, received: so far, bytes of payload."""

    @property
    def title(self) -> str: ...

    @property
    def trips(self) -> int: ...

    @property
    def sent(self) -> int: ...

    @property
    def received(self) -> int: ...

    def call(
        self,
        kind: Kind,
        body: Body,
        *,
        on_line: OnLine | None = None,
        sink: Sink | None = None,
        timeout: float = 600.0,
        operator: str = "",
    ) -> Reply: ...

    def forward(self, take: TakeChannel) -> int: ...

    def forward_no_more(self) -> None: ...

    def close(self) -> None: ...


class SshConnection:
    """A Link over SSH. A connection lost between two trips is made anew."""

    def __init__(self, dialer: Connector, node: Node) -> None:
        """Connects. Raises ConnectError that says what was tried and what to do."""
        self.title = node.title
        self.trips = self.sent = self.received = 0
        self._dialer, self._target = dialer, dialer.target(node)
        self._closed = False
        self._forwarded: Forwarded | None = None
        self._connection = dialer.open(self._target)

    @property
    def connected(self) -> bool:
        return bool(self._connection.is_connected)

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
        """Run the constant command of this kind with this body; on_line sees each line of output as it comes; or
        sink gets all of it, and the reply has none: however much it is, it is not held.

        The body is iterated in a thread of its own. timeout: seconds from the node's hello on. Raises ConnectError
        before the node said hello, NodeError after, and whatever body and on_line raise. An answer that is not whole is
        none: what a script said comes with its exit status, or not at all.
        """
        sudo = self._target.user != "root"
        channel, started_at = self._start(command(kind, sudo=sudo))
        spec = CallSpec(kind, body, on_line, timeout, operator, sink)
        ask = self._dialer.secrets.sudo if sudo else None
        reply = Exchange(channel, self._target, spec, self, sudo=ask).run(started_at)
        if reply.status == -1 and not self.connected:
            raise self._lost(kind, reply)
        if reply.status == -1 and kind is not Kind.APPLY:
            raise self._broken_off(kind, reply)
        return reply

    def _start(self, text: str) -> tuple[paramiko.Channel, float]:
        """A channel with the command started on it. A server that takes no session yet is asked again a few times."""
        error: Exception | None = None
        deadline = time.monotonic() + CHANNEL_SECONDS
        for attempt in range(SESSION_TRIES):
            if self._closed or time.monotonic() > deadline:
                break
            try:
                return self._session(text)
            except (paramiko.SSHException, OSError, EOFError) as caught:
                error = caught
                time.sleep(0.05 * 2**attempt)
        raise self._no_session(error)

    def _connect_again(self) -> None:
        """Where the connection was lost, and nobody ended it."""
        if not self.connected and not self._closed:
            self._connection = self._dialer.open(self._target)

    def _session(self, text: str) -> tuple[paramiko.Channel, float]:
        self._connect_again()
        channel: paramiko.Channel = self._connection.create_session()
        # paramiko waits for the answer to exec without a limit.
        limit = threading.Timer(CHANNEL_SECONDS, channel.close)
        limit.start()
        try:
            started_at = time.time()
            channel.exec_command(text)
        except BaseException:
            channel.close()
            raise
        finally:
            limit.cancel()
        return channel, started_at

    def _no_session(self, error: Exception | None) -> ConnectError:
        if self._closed:
            message, fix = "kubeup was stopped", "run the same command again"
        elif isinstance(error, paramiko.ChannelException):
            message = "the server opened no session"
            fix = "look at MaxSessions in its /etc/ssh/sshd_config: one is needed"
        else:
            message = f"the server started no command within {CHANNEL_SECONDS:.0f} s"
            fix = f"look at the node's load and memory; try: {self._target.ssh} true"
        return failure(self._target, "session", message, evidence=[str(error or "")], fix=fix)

    def _lost(self, kind: Kind, reply: Reply) -> NodeError:
        return NodeError(
            self.title,
            kind.value,
            "kubeup was stopped" if self._closed else "the connection was lost",
            evidence=[
                f"after {reply.seconds:.1f} s, {reply.sent} bytes sent and {reply.received} received",
                *[line for line in reply.stderr.decode("utf-8", "replace").split("\n") if line.strip()][-3:],
            ],
            fix="run the same command again: what is done already is not done twice",
        )

    def _broken_off(self, kind: Kind, reply: Reply) -> NodeError:
        said = (reply.stderr or reply.stdout[-2000:]).decode("utf-8", "replace")
        return NodeError(
            self.title,
            kind.value,
            "the answer broke off",
            evidence=[
                f"after {reply.seconds:.1f} s and {reply.received} bytes",
                *[line for line in said.split("\n") if line.strip()][-3:],
            ],
            fix="run the command again; if it happens again, see on the node what ends programs: journalctl -k -n 50",
        )

    def forward(self, take: TakeChannel) -> int:
        """The port of the node's loopback on which its SSH server listens for us, as long as this connection lasts.

        take: gets each connection made there, in a thread that must not wait. Asked again, the same port is the answer,
        or one of the connection that was made anew. Raises ConnectError.
        """
        self._connect_again()
        transport = self._connection.transport
        if self._forwarded is None or self._forwarded.transport is not transport:
            self._forwarded = forwarding.begin(transport, self._target, take)
        return self._forwarded.port

    def forward_no_more(self) -> None:
        if self._forwarded is not None:
            forwarding.end(self._forwarded)
            self._forwarded = None

    def close(self) -> None:
        """Ends the connection, whoever uses it; the node's half stops at its next step."""
        self._closed = True
        shut(self._connection.client)
