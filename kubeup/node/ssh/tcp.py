"""A stream to an SSH server: a TCP connection or a ProxyCommand; and what to tell when there is none."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Protocol

from kubeup.model.errors import ConnectError
from kubeup.node.ssh.sshconfig import Target

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 15
"""A line that is idle is asked for a sign of life after this long, and given up after three times as long."""


def failure(target: Target, step: str, message: str, *, evidence: Sequence[str] = (), fix: str) -> ConnectError:
    """The one form of all troubles on the way to a node; a bastion's are named as such."""
    where = f"bastion {target}: {step}" if target.bastion else step
    return ConnectError(target.title, where, message, evidence=[line for line in evidence if line], fix=fix)


class Stream(Protocol):
    """A way through a bastion."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Dialed:
    """A stream (paramiko's channels pass for sockets), and where the program behind it (a ProxyCommand) complains."""

    stream: socket.socket | Stream
    errors: IO[bytes] | None = None

    def said(self) -> list[str]:
        """The last lines the ProxyCommand printed."""
        if self.errors is None:
            return []
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace").strip().split("\n")[-3:]


def dial(target: Target) -> Dialed:
    """A stream to the server, at most CONNECT_SECONDS an address. Raises ConnectError."""
    return command(target) if target.proxy_command else Dialed(tcp(target))


def tcp(target: Target) -> socket.socket:
    errors: list[tuple[str, OSError]] = []
    for family, kind, protocol, _, address in resolve(target):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(CONNECT_SECONDS)
            connection.connect(address)
            tune(connection)
        except OSError as error:
            connection.close()
            errors.append((str(address[0]), error))
            continue
        return connection
    raise unreachable(target, errors)


def resolve(target: Target) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str | int, ...]]]:
    try:
        return list(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))  # type: ignore[arg-type]
    except (socket.gaierror, UnicodeError) as error:
        raise failure(
            target,
            "connecting",
            f"the name {target.host} does not resolve",
            evidence=[str(error)],
            fix="correct it in the profile, or add the name to ~/.ssh/config, /etc/hosts or DNS",
        ) from error


def tune(connection: socket.socket) -> None:
    """Small messages at once, and a dead line noticed within a minute."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", SILENT_SECONDS),
        ("TCP_KEEPINTVL", SILENT_SECONDS // 3),
        ("TCP_KEEPCNT", 6),
        ("TCP_USER_TIMEOUT", SILENT_SECONDS * 3000),
    ):
        # Not every system has all of them.
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def unreachable(target: Target, errors: Sequence[tuple[str, OSError]]) -> ConnectError:
    evidence = [f"{address} port {target.port}: {error.strerror or error}" for address, error in errors]
    if any(isinstance(error, ConnectionRefusedError) for _, error in errors):
        return failure(
            target,
            "connecting",
            f"nothing listens on port {target.port} of {target.host}",
            evidence=evidence,
            fix="start sshd on it (systemctl enable --now ssh), or correct the port in the profile",
        )
    if all(isinstance(error, TimeoutError) for _, error in errors):
        return failure(
            target,
            "connecting",
            f"{target.host} did not answer on port {target.port} within {CONNECT_SECONDS:.0f} s",
            evidence=[f"{address} port {target.port}: no answer at all" for address, _ in errors],
            fix=f"is the machine on, is the address right, does a firewall drop port {target.port}? "
            f"try: {target.ssh} true",
        )
    return failure(
        target,
        "connecting",
        f"{target.host} cannot be reached",
        evidence=evidence,
        fix=f"is the machine on, and is there a route to it? try: ip route get {target.host}",
    )


def command(target: Target) -> Dialed:
    """A ProxyCommand, on one end of a socket pair: paramiko's own wraps pipes and cannot tell when it ended."""
    ours, theirs = socket.socketpair()
    # It lives as long as the stream.
    errors = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        subprocess.Popen(
            ["sh", "-c", f"exec {target.proxy_command}"],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=errors,
            start_new_session=True,
        )
    except OSError as error:
        ours.close()
        raise proxy_failed(target, [str(error)]) from error
    finally:
        theirs.close()
    return Dialed(ours, errors)


def proxy_failed(target: Target, reasons: Sequence[str]) -> ConnectError:
    return failure(
        target,
        "proxy command",
        "the ProxyCommand of the SSH configuration did not lead to an SSH server",
        evidence=[target.proxy_command, *reasons],
        fix=f"try it by hand: {target.ssh} true",
    )


def dropped(target: Target, dialed: Dialed | None, error: BaseException, begin: float) -> ConnectError:
    """The server was reached and hung up, or said nothing, before anybody could log in."""
    reason = str(error) or type(error).__name__
    if target.proxy_command:
        return proxy_failed(target, [*(dialed.said() if dialed else ()), reason])
    return failure(
        target,
        "greeting",
        f"{target.host} accepted the connection on port {target.port}, but did not talk SSH",
        evidence=[f"{reason} (after {time.monotonic() - begin:.1f} s)"],
        fix="is it sshd that listens there? If it is busy, raise MaxStartups in its /etc/ssh/sshd_config; "
        f"try: {target.ssh} true",
    )
