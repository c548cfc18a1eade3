"""Connections that a node makes to a port of its own loopback, brought here by its SSH server (RFC 4254, 7.1)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import paramiko

from kubeup.node.ssh.sshconfig import Target
from kubeup.node.ssh.tcp import failure

LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 15.0


@dataclass(frozen=True)
class Forwarded:
    """port: on the node's loopback. transport: the connection with which it ends."""

    transport: paramiko.Transport
    port: int


def begin(transport: paramiko.Transport, target: Target, take: Callable[[paramiko.Channel], None]) -> Forwarded:
    """The server chooses the port. Raises ConnectError where it does not want to."""

    def arrived(channel: paramiko.Channel, _: object, __: object) -> None:
        take(channel)

    # paramiko waits for the answer without a limit.
    found = _bounded(lambda: transport.request_port_forward(LOOPBACK, 0, arrived))
    if isinstance(found, int):
        return Forwarded(transport, found)
    raise failure(
        target,
        "tunnel",
        "its SSH server forwards no port",
        evidence=[str(found) if found else f"no answer within {ANSWER_SECONDS:.0f} s"],
        fix="in its sshd_config: AllowTcpForwarding yes, no PermitListen, no DisableForwarding; no restricted key",
    )


def end(forwarded: Forwarded) -> None:
    """The server has closed the port by then, or its connection is lost, and the port with it."""
    _bounded(lambda: forwarded.transport.cancel_port_forward(LOOPBACK, forwarded.port))


def _bounded(work: Callable[[], int | None]) -> int | Exception | None:
    """What it returns or raises; None where it takes too long."""
    found: list[int | Exception | None] = []

    def run() -> None:
        try:
            found.append(work())
        except (paramiko.SSHException, OSError, EOFError) as error:
            found.append(error)

    waiter = threading.Thread(target=run, daemon=True, name="kubeup-forward")
    waiter.start()
    waiter.join(ANSWER_SECONDS)
    return found[0] if found else None
