"""Links for one run: each machine looked up in the SSH configuration once, each bastion and each key opened once.

configuration.py asks ssh, sshconfig.py says who is dialled, tcp.py dials, protocol.py speaks, hostkeys.py judges
the server's key, login.py gets in. The only importer of fabric, whose own run and put are not used: they cost three and
seven round trips, and copy what they send.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from dataclasses import replace
from typing import Protocol

import fabric
import paramiko

from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import ConnectError
from kubeup.node.ssh import sshconfig
from kubeup.node.ssh.configuration import Configuration, Unusable, unusable
from kubeup.node.ssh.keyring import Keyring
from kubeup.node.ssh.login import LOGIN_SECONDS, Login, Verifier
from kubeup.node.ssh.protocol import transport_factory
from kubeup.node.ssh.secrets import Secrets
from kubeup.node.ssh.sshconfig import Target
from kubeup.node.ssh.tcp import CONNECT_SECONDS, SILENT_SECONDS, Dialed, dial, dropped, failure

CHANNEL_SECONDS = 30.0
RETRY_SECONDS = 15.0
TRIES = 2
MAX_HOPS = 8

# Otherwise it prints tracebacks of its own for what is told properly here.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Closable(Protocol):
    def close(self) -> None: ...


def shut(one: Closable) -> None:
    """Closes what may be gone already: behind a bastion that went first, paramiko still wants to send a farewell."""
    with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
        one.close()


class Connector:
    """Opens links for one run: the SSH configuration asked once, each bastion and each key opened once."""

    def __init__(self, cluster: Cluster, secrets: Secrets) -> None:
        self.secrets = secrets
        self._policy = cluster.host_keys
        self._configuration = Configuration(cluster.ssh_config)
        self._keyring = Keyring(secrets)
        self._lock = threading.Lock()
        self._hops: dict[tuple[str, ...], _Hop] = {}

    def target(self, node: Node) -> Target:
        """Raises ConnectError when the SSH configuration cannot be used."""
        found = self._look_up(node.title, node.host, node.user, node.port, node.key, node.host_key)
        if node.bastion:
            found = replace(found, jumps=tuple(one.strip() for one in node.bastion.split(",")))
        if not found.jumps:
            return found
        return replace(found, jumps=self._route(node.title, found.jumps), proxy_command="")

    def _route(self, title: str, jumps: tuple[str, ...]) -> tuple[str, ...]:
        """All bastions on the way: the first one may itself lie behind others."""
        while len(jumps) <= MAX_HOPS:
            first = self._look_up(title, jumps[0])
            # A ProxyJump for all hosts holds for the bastion, too: it need not jump over itself.
            if not first.jumps or first.alias in (sshconfig.split(jump)[1] for jump in first.jumps):
                return jumps
            jumps = first.jumps + jumps
        reason = Unusable([f"too many jumps: {', '.join(jumps)}"], whole=False)
        raise unusable(self._configuration.path, reason, title)

    def _look_up(
        self, title: str, spec: str, user: str = "", port: int | None = None, key: str = "", host_key: str = ""
    ) -> Target:
        """A machine by the name a profile or a ProxyJump uses. user, port, key, host_key: of the profile; they win."""
        named_user, host, named_port = sshconfig.split(spec)
        config = self._configuration
        settings = config.look_up(title, host, user or named_user, port or named_port)
        try:
            return sshconfig.target(settings, title, host, key=key, host_key=host_key, config=config.path)
        except ValueError as error:
            raise unusable(config.path, Unusable([str(error)]), title) from error

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
            shut(connection.client)
            shut(dialed.stream)
            raise
        connection.transport.set_keepalive(SILENT_SECONDS)
        return connection

    def close(self) -> None:
        """Ends the connections to the bastions."""
        with self._lock:
            hops = tuple(self._hops.values())
            self._hops.clear()
        for hop in hops:
            shut(hop)


class _Hop:
    """A bastion: opened by whoever needs it first; a failure is told to everybody who needs it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._lock = threading.Lock()
        self._connection: fabric.Connection | None = None
        self._error: ConnectError | None = None

    def connection(self, dialer: Connector, title: str) -> fabric.Connection:
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
            shut(self._connection.client)


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


def _settings() -> fabric.Config:
    """Nothing of Fabric's or invoke's own files and variables: lazy reads none."""
    return fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True)
