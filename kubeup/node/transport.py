"""One Fabric connection a node, and trips over it: one constant command, bytes in, lines out.

Fabric's own run and put are not used: they cost three and seven round trips, and copy what they send. sshconfig.py says
who is dialled, dial.py dials, hostkeys.py judges the server's key, login.py gets in, trip.py talks on a channel. The
only importer of fabric.
"""

from __future__ import annotations

import io
import logging
import random
import threading
import time
from dataclasses import replace
from typing import Protocol

import fabric
import paramiko

from kubeup.errors import ConnectError, NodeError
from kubeup.model import Cluster, Node
from kubeup.node import sshconfig
from kubeup.node.boot import Kind, command
from kubeup.node.dial import CONNECT_SECONDS, SILENT_SECONDS, Dialed, dial, dropped, failure
from kubeup.node.login import LOGIN_SECONDS, Keyring, Login, Verifier, transport_factory
from kubeup.node.secrets import Secrets
from kubeup.node.sshconfig import Target
from kubeup.node.streams import Body, Errand, OnLine
from kubeup.node.trip import Reply, Trip

__all__ = ["Dialer", "Kind", "Link", "Reply", "Secrets", "SshLink", "connect"]

CHANNEL_SECONDS = 30.0
RETRY_SECONDS = 15.0
TRIES = 2
SESSION_TRIES = 6
MAX_HOPS = 8

# Otherwise it prints tracebacks of its own for what is told properly here.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Link(Protocol):
    """A way to a node; used by one thread at a time. trips, sent, received: so far, bytes of payload."""

    title: str
    trips: int
    sent: int
    received: int

    def trip(
        self,
        kind: Kind,
        body: Body,
        *,
        on_line: OnLine | None = None,
        limit: float = 600.0,
        operator: str = "",
    ) -> Reply: ...

    def close(self) -> None: ...


class SshLink:
    """A Link over SSH. A connection lost between two trips is made anew."""

    def __init__(self, title: str, dialer: Dialer, target: Target, *, own_dialer: bool) -> None:
        self.title = title
        self.trips = self.sent = self.received = 0
        self._dialer, self._target, self._own_dialer = dialer, target, own_dialer
        self._closed = False
        self._connection = dialer.open(target)

    @property
    def connected(self) -> bool:
        return bool(self._connection.is_connected)

    def trip(
        self,
        kind: Kind,
        body: Body,
        *,
        on_line: OnLine | None = None,
        limit: float = 600.0,
        operator: str = "",
    ) -> Reply:
        """Run the constant command of this kind with this body; on_line sees each line of output as it comes.

        The body is iterated in a thread of its own. limit: seconds from the node's hello on. Raises ConnectError
        before the node said hello, NodeError after, and whatever body and on_line raise.
        """
        sudo = self._target.user != "root"
        channel, started_at = self._start(command(kind, sudo=sudo))
        errand = Errand(kind, body, on_line, limit, operator)
        ask = self._dialer.secrets.sudo if sudo else None
        reply = Trip(channel, self._target, errand, self, sudo=ask).run(started_at)
        if reply.status == -1 and not self.connected:
            raise self._lost(kind, reply)
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

    def _session(self, text: str) -> tuple[paramiko.Channel, float]:
        if not self.connected:
            self._connection = self._dialer.open(self._target)
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

    def close(self) -> None:
        """Ends the connection, whoever uses it; the node's half stops at its next step."""
        self._closed = True
        self._connection.client.close()
        if self._own_dialer:
            self._dialer.close()


class Dialer:
    """Opens links for one run: the SSH configuration read once, each bastion and each key opened once."""

    def __init__(self, cluster: Cluster, secrets: Secrets) -> None:
        """Raises ConnectError when the SSH configuration cannot be used."""
        self.secrets = secrets
        self._policy = cluster.host_keys
        self._config = cluster.ssh_config
        self._parsed = _parse(cluster.ssh_config)
        self._keyring = Keyring(secrets)
        self._lock = threading.Lock()
        self._hops: dict[tuple[str, ...], _Hop] = {}

    def connect(self, node: Node) -> SshLink:
        """Open the connection to a node. Raises ConnectError that says what was tried and what to do."""
        return SshLink(node.title, self, self.target(node), own_dialer=False)

    def target(self, node: Node) -> Target:
        target = self._look_up(
            node.title, node.host, user=node.user, port=node.port, key=node.key, host_key=node.host_key
        )
        if node.bastion:
            target = replace(target, jumps=tuple(one.strip() for one in node.bastion.split(",")))
        if not target.jumps:
            return target
        return replace(target, jumps=self._route(node.title, target.jumps), proxy_command="")

    def _route(self, title: str, jumps: tuple[str, ...]) -> tuple[str, ...]:
        """All bastions on the way: the first one may itself lie behind others."""
        while len(jumps) <= MAX_HOPS:
            first = self._look_up(title, jumps[0])
            # A ProxyJump for all hosts holds for the bastion, too: it need not jump over itself.
            if not first.jumps or first.alias in (sshconfig.split(jump)[1] for jump in first.jumps):
                return jumps
            jumps = first.jumps + jumps
        raise sshconfig.unusable(self._config, ValueError(f"too many jumps: {', '.join(jumps)}"))

    def _look_up(self, title: str, spec: str, **given: str | int | None) -> Target:
        def lookup(host: str) -> sshconfig.Settings:
            try:
                return self._parsed.lookup(host)
            except (paramiko.SSHException, ValueError, KeyError) as error:
                raise sshconfig.unusable(self._config, error) from error

        return sshconfig.target(lookup, title, spec, config=self._config, **given)

    def open(self, target: Target) -> fabric.Connection:
        """A connection that is logged in. Servers that hang up at once (MaxStartups) are tried again for a while."""
        begin, pause, tries = time.monotonic(), 0.1, 0
        while True:
            tries += 1
            dialed: Dialed | None = None
            try:
                dialed = self._dial(target)
                return self._log_in(target, dialed)
            except ConnectError:
                raise
            except (paramiko.SSHException, OSError, EOFError) as error:
                final = isinstance(error, paramiko.ssh_exception.IncompatiblePeer) or bool(target.proxy_command)
                if final or (tries >= TRIES and time.monotonic() - begin + pause > RETRY_SECONDS):
                    raise dropped(target, dialed, error, begin) from error
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause *= 2

    def _dial(self, target: Target) -> Dialed:
        if not target.jumps:
            return dial(target)
        hop = self._hop(target.jumps, target.title)
        return Dialed(_forward(hop.target, hop.connection(self, target.title), target))

    def _hop(self, jumps: tuple[str, ...], title: str) -> _Hop:
        with self._lock:
            if jumps not in self._hops:
                target = self._look_up(title, jumps[-1])
                direct = "" if len(jumps) > 1 else target.proxy_command
                self._hops[jumps] = _Hop(replace(target, jumps=jumps[:-1], proxy_command=direct, bastion=True))
            return self._hops[jumps]

    def _log_in(self, target: Target, dialed: Dialed) -> fabric.Connection:
        connection = fabric.Connection(
            target.host,
            user=target.user,
            port=target.port,
            config=_settings(),
            gateway=False,
            forward_agent=False,
            connect_timeout=int(LOGIN_SECONDS),
            connect_kwargs={
                "sock": dialed.stream,
                "banner_timeout": CONNECT_SECONDS,
                "auth_timeout": LOGIN_SECONDS,
                "channel_timeout": CHANNEL_SECONDS,
                "transport_factory": transport_factory(target),
                "auth_strategy": Login(target, self._keyring, self.secrets),
            },
        )
        connection.client.set_missing_host_key_policy(Verifier(target, self._policy))
        try:
            connection.open()
        except BaseException:
            connection.client.close()
            dialed.stream.close()
            raise
        connection.transport.set_keepalive(SILENT_SECONDS)
        return connection

    def close(self) -> None:
        """Ends the connections to the bastions."""
        with self._lock:
            hops = tuple(self._hops.values())
            self._hops.clear()
        for hop in hops:
            hop.close()


def connect(cluster: Cluster, node: Node, secrets: Secrets) -> SshLink:
    """A link to one node, with a bastion of its own; for several nodes use one Dialer. Raises ConnectError."""
    dialer = Dialer(cluster, secrets)
    return SshLink(node.title, dialer, dialer.target(node), own_dialer=True)


class _Hop:
    """A bastion: opened by whoever needs it first; a failure is told to everybody who needs it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._lock = threading.Lock()
        self._connection: fabric.Connection | None = None
        self._error: ConnectError | None = None

    def connection(self, dialer: Dialer, title: str) -> fabric.Connection:
        with self._lock:
            if self._error is not None:
                told = self._error
                raise ConnectError(title, told.step, told.message, evidence=told.evidence, fix=told.fix)
            if self._connection is None or not self._connection.is_connected:
                try:
                    self._connection = dialer.open(replace(self.target, title=title))
                except ConnectError as error:
                    self._error = error
                    raise
            return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.client.close()


def _forward(bastion: Target, connection: fabric.Connection, target: Target) -> paramiko.Channel:
    """A stream through the bastion."""
    told = replace(bastion, title=target.title)
    where = f"{target.host} port {target.port}"
    try:
        transport: paramiko.Transport = connection.transport
        here = ("127.0.0.1", 0)
        return transport.open_channel("direct-tcpip", (target.host, target.port), here, timeout=CONNECT_SECONDS)
    except paramiko.ChannelException as error:
        if error.code == 1:
            raise failure(
                told,
                "forwarding",
                "the bastion forbids forwarding",
                evidence=[f"{where}: {error.text}"],
                fix=f"in its sshd_config: AllowTcpForwarding yes, and PermitOpen any or {target.host}:{target.port}",
            ) from error
        raise failure(
            told,
            "forwarding",
            f"the bastion does not reach {where}",
            evidence=[error.text],
            fix=f"try it there: {bastion.ssh} nc -vz {target.host} {target.port}",
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise failure(
            told,
            "forwarding",
            f"the bastion opened no way to {where} within {CONNECT_SECONDS:.0f} s",
            evidence=[str(error)],
            fix=f"try it there: {bastion.ssh} nc -vz {target.host} {target.port}",
        ) from error


def _parse(path: str) -> paramiko.SSHConfig:
    parsed = paramiko.SSHConfig()
    # Tokens like %p stay as they are: the profile may say another port than the configuration.
    tokens = parsed.TOKENS_BY_CONFIG_KEY
    parsed.TOKENS_BY_CONFIG_KEY = {key: tokens[key] for key in ("hostname", "match-exec")}
    try:
        parsed.parse(io.StringIO(sshconfig.text(path)))
    except (paramiko.SSHException, ValueError) as error:
        raise sshconfig.unusable(path, error) from error
    return parsed


def _settings() -> fabric.Config:
    """Nothing of Fabric's or invoke's own files and variables: lazy reads none."""
    return fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True)
