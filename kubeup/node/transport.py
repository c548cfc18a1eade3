"""One Fabric connection a node, and trips over it: one constant command, bytes in, lines out.

Fabric's own run and put are not used: they cost three and seven round trips, and copy what they send. The only
importer of fabric.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import fabric
import paramiko
from fabric.config import SSHConfig

from kubeup.errors import ConnectError, NodeError
from kubeup.model import Cluster, Node
from kubeup.node import hostkeys
from kubeup.node.boot import BUSY, HELLO, MARKER, Kind, command
from kubeup.node.secrets import Secrets

CONNECT_SECONDS = 10.0
HELLO_SECONDS = 30.0
IDLE_SECONDS = 300.0
STATUS_SECONDS = 5.0
SLICE = 256 * 1024
TAIL = 64 * 1024
RETRIES = 4

Body = Iterable["bytes | memoryview"]


@dataclass(frozen=True)
class Reply:
    """What a trip brought back. stderr: its last 64 KiB. Times in seconds since the epoch; seconds: its length."""

    stdout: bytes
    stderr: bytes
    status: int
    started_at: float
    hello_at: float
    seconds: float


class Link(Protocol):
    """A way to a node; used by one thread at a time. sent, received: bytes of payload."""

    title: str
    trips: int
    sent: int
    received: int

    def trip(
        self,
        kind: Kind,
        body: Body,
        *,
        on_line: Callable[[str], None] | None = None,
        limit: float = 600.0,
        operator: str = "",
    ) -> Reply: ...

    def close(self) -> None: ...


class SshLink:
    """A Link over SSH."""

    def __init__(self, node: Node, connection: fabric.Connection, secrets: Secrets) -> None:
        self.title = node.title
        self.trips = self.sent = self.received = 0
        self._connection = connection
        self._secrets = secrets
        self._sudo = connection.user != "root"

    def trip(
        self,
        kind: Kind,
        body: Body,
        *,
        on_line: Callable[[str], None] | None = None,
        limit: float = 600.0,
        operator: str = "",
    ) -> Reply:
        """Run the constant command of this kind with this body; on_line sees each line of output as it comes.

        limit: seconds for the whole trip. Raises ConnectError before, NodeError after the node said hello.
        """
        password = self._secrets.known_sudo() if self._sudo else None
        try:
            return self._trip(kind, body, on_line, limit, operator, password)
        except _PasswordWanted as wanted:
            password = self._secrets.sudo()
            if password is None or wanted.given:
                raise self._refused(wanted) from None
            return self._trip(kind, body, on_line, limit, operator, password)

    def _trip(
        self,
        kind: Kind,
        body: Body,
        on_line: Callable[[str], None] | None,
        limit: float,
        operator: str,
        password: str | None,
    ) -> Reply:
        begin, deadline = time.time(), time.monotonic() + limit
        try:
            channel = self._connection.create_session()
            channel.settimeout(HELLO_SECONDS)
            channel.exec_command(command(kind, sudo=self._sudo, password=password is not None))
            reader = _Reader(channel, on_line)
            reader.start()
            started = time.time()
            channel.sendall(f"{password}\n".encode() if password is not None else b"")
            channel.sendall(f"{MARKER}\n{operator or '-'}\n".encode())
            self._await_hello(reader, password)
            self.trips += 1
            channel.settimeout(IDLE_SECONDS)
            self._send(channel, reader, body)
            status = self._finish(channel, reader, deadline)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise NodeError(
                self.title,
                kind.value,
                f"the connection was lost: {error or type(error).__name__}",
                fix="run the same command again: what is done already is not done twice",
            ) from error
        self.received += len(reader.stdout)
        return Reply(bytes(reader.stdout), reader.stderr, status, started, reader.hello_at, time.time() - begin)

    def _await_hello(self, reader: _Reader, password: str | None) -> None:
        if not reader.hello.wait(HELLO_SECONDS) or not reader.greeted:
            reader.channel.close()
            text = reader.stderr.decode("utf-8", "replace").strip()
            if reader.busy:
                raise NodeError(
                    self.title,
                    "lock",
                    "another kubeup is at work on this node",
                    evidence=[reader.busy],
                    fix="wait until it is done and run the command again",
                )
            if self._sudo and (
                "password" in text or "try again" in text or "Authentication failed" in text or not text
            ):
                raise _PasswordWanted(password is not None, text)
            raise self._no_hello(text)

    def _no_hello(self, text: str) -> ConnectError:
        if "tty" in text:
            return ConnectError(
                self.title,
                "sudo",
                "sudo insists on a terminal",
                evidence=text.split("\n")[-3:],
                fix="take `Defaults requiretty` out of /etc/sudoers (visudo) on the node",
            )
        if "not in the sudoers" in text or "may not run sudo" in text or "not allowed" in text:
            return ConnectError(
                self.title,
                "sudo",
                f"the user {self._connection.user} may not use sudo",
                evidence=text.split("\n")[-3:],
                fix=f"as root on the node: usermod -aG sudo {self._connection.user}; or log in as root",
            )
        if "sudo" in text and "not found" in text:
            return ConnectError(
                self.title,
                "sudo",
                "there is no sudo on the node",
                evidence=text.split("\n")[-3:],
                fix="as root on the node: apt-get install sudo; or log in as root (root@ADDRESS in the profile)",
            )
        return ConnectError(
            self.title,
            "login",
            f"the node did not answer kubeup within {HELLO_SECONDS:.0f} s of logging in",
            evidence=text.split("\n")[-5:],
            fix="log in by hand with ssh and see what happens",
        )

    def _refused(self, wanted: _PasswordWanted) -> ConnectError:
        if wanted.given:
            return ConnectError(
                self.title,
                "sudo",
                f"sudo did not take the password of {self._connection.user}",
                evidence=wanted.text.split("\n")[-3:],
                fix="run the command again with the right password (KUBEUP_SUDO_PASSWORD, or at the prompt)",
            )
        return ConnectError(
            self.title,
            "sudo",
            f"sudo wants a password of {self._connection.user}, and none was given",
            evidence=wanted.text.split("\n")[-3:],
            fix="run kubeup on a terminal, or set KUBEUP_SUDO_PASSWORD or KUBEUP_SUDO_PASSWORD_FILE",
        )

    def _send(self, channel: paramiko.Channel, reader: _Reader, body: Body) -> None:
        try:
            for chunk in body:
                view = memoryview(chunk)
                for start in range(0, len(view), SLICE):
                    # A slice of bytes would be copied for every packet; a view is not (the stubs know only bytes).
                    channel.sendall(cast(bytes, view[start : start + SLICE]))
                self.sent += len(view)
            channel.shutdown_write()
        except OSError:
            # The far side may have ended already, with a reason that _finish reads.
            if not reader.closed.wait(2.0):
                raise

    def _finish(self, channel: paramiko.Channel, reader: _Reader, deadline: float) -> int:
        if not reader.closed.wait(max(0.0, deadline - time.monotonic())):
            channel.close()
            raise NodeError(
                self.title,
                "waiting",
                "the node's half of kubeup did not end in time",
                evidence=reader.stderr.decode("utf-8", "replace").split("\n")[-5:],
                fix="look at the node's load and disk; then run the same command again",
            )
        if reader.error:
            raise reader.error
        # The exit status follows the end of the output.
        channel.status_event.wait(STATUS_SECONDS)
        return channel.exit_status

    def close(self) -> None:
        self._connection.close()


class _PasswordWanted(Exception):
    """sudo wanted a password, or another one."""

    def __init__(self, given: bool, text: str) -> None:
        super().__init__(text)
        self.given, self.text = given, text


class _Reader(threading.Thread):
    """Drains a channel while the other thread sends: neither ever waits for the other."""

    def __init__(self, channel: paramiko.Channel, on_line: Callable[[str], None] | None) -> None:
        super().__init__(daemon=True)
        self.channel = channel
        self.stdout = bytearray()
        self.stderr = b""
        self.hello, self.closed = threading.Event(), threading.Event()
        self.greeted = False
        self.busy = ""
        self.hello_at = 0.0
        self.error: Exception | None = None
        self._on_line = on_line
        self._parsed = 0
        self._greeting = b""

    def run(self) -> None:
        errors = threading.Thread(target=self._drain_errors, daemon=True)
        errors.start()
        try:
            # The limit is the sender's: this thread ends when the channel does.
            while data := self._receive():
                if not self.greeted:
                    data = self._greet(data)
                self.stdout += data
                self._lines()
        except Exception as error:
            self.error = error
        finally:
            errors.join(2.0)
            self.hello.set()
            self.closed.set()

    def _receive(self) -> bytes:
        while True:
            try:
                return self.channel.recv(SLICE)
            except TimeoutError:
                if self.channel.closed:
                    return b""

    def _greet(self, data: bytes) -> bytes:
        """Whatever a login shell prints before the hello is no concern of ours."""
        self._greeting += data
        mark = f"{HELLO}\n".encode()
        at = self._greeting.find(mark)
        if at < 0:
            busy = self._greeting.find(BUSY.encode())
            if busy >= 0:
                self.busy = self._greeting[busy + len(BUSY) :].decode("utf-8", "replace").strip()
            return b""
        self.hello_at = time.time()
        self.greeted = True
        self.hello.set()
        return self._greeting[at + len(mark) :]

    def _lines(self) -> None:
        if self._on_line is None:
            return
        while (end := self.stdout.find(b"\n", self._parsed)) >= 0:
            line = self.stdout[self._parsed : end].decode("utf-8", "replace")
            self._parsed = end + 1
            self._on_line(line)

    def _drain_errors(self) -> None:
        while True:
            try:
                data = self.channel.recv_stderr(SLICE)
            except (TimeoutError, OSError):
                if self.channel.closed:
                    return
                continue
            if not data:
                return
            self.stderr = (self.stderr + data)[-TAIL:]


def connect(cluster: Cluster, node: Node, secrets: Secrets) -> SshLink:
    """Open the connection to a node. Raises ConnectError that says what was tried and what to do."""
    config = _config(cluster)
    connection = _connection(cluster, node, config, secrets)
    target = f"{connection.user}@{connection.host}:{connection.port}"
    known_hosts = _known_hosts(config, node.host)
    for attempt in range(RETRIES):
        _prepare(connection, cluster, node, known_hosts)
        try:
            connection.open()
            return SshLink(node, connection, secrets)
        except ConnectError:
            raise
        except paramiko.BadHostKeyException as error:
            raise hostkeys.changed(node.title, error, known_hosts) from error
        except paramiko.PasswordRequiredException:
            _use_passphrase(connection, secrets, node, target)
        except paramiko.AuthenticationException as error:
            if "password" in connection.connect_kwargs or not _ask_login(connection, secrets, target):
                raise _login_refused(node, target, connection, error) from error
        except (paramiko.SSHException, EOFError, ConnectionResetError) as error:
            # MaxStartups drops connections before the banner: wait a little, in ever longer steps.
            if attempt == RETRIES - 1:
                raise _unreachable(node, target, error) from error
            time.sleep(0.2 * 2**attempt)
        except OSError as error:
            raise _unreachable(node, target, error) from error
    raise _login_refused(node, target, connection, None)


def _config(cluster: Cluster) -> fabric.Config:
    """OpenSSH's client configuration, and nothing of fabric's or invoke's own files and variables."""
    path = Path(cluster.ssh_config or "~/.ssh/config").expanduser()
    ssh_config = SSHConfig()
    if path.is_file():
        with path.open() as file:
            ssh_config.parse(file)
    elif cluster.ssh_config:
        raise ConnectError(
            "all nodes",
            "ssh_config",
            f"{path} does not exist",
            fix="correct ssh: config: in the profile; for the lab's nodes, type: kubeup lab up",
        )
    return fabric.Config(
        ssh_config=ssh_config,
        lazy=True,
        overrides={"load_ssh_configs": False, "timeouts": {"connect": CONNECT_SECONDS}},
    )


def _connection(cluster: Cluster, node: Node, config: fabric.Config, secrets: Secrets) -> fabric.Connection:
    kwargs: dict[str, object] = {
        "banner_timeout": CONNECT_SECONDS,
        "auth_timeout": HELLO_SECONDS,
        "channel_timeout": HELLO_SECONDS,
    }
    if node.key:
        kwargs["key_filename"] = str(Path(node.key).expanduser())
    gateway = None
    if node.bastion:
        gateway = fabric.Connection(node.bastion, config=config, connect_timeout=CONNECT_SECONDS)
        gateway.client.set_missing_host_key_policy(
            hostkeys.Verifier(node.bastion, cluster.host_keys, "", _known_hosts(config, node.bastion))
        )
    return fabric.Connection(
        node.host,
        user=node.user or None,
        port=node.port,
        config=config,
        gateway=gateway,
        connect_timeout=int(CONNECT_SECONDS),
        connect_kwargs=kwargs,
    )


def _known_hosts(config: fabric.Config, host: str) -> Path:
    """The user's own file, as the SSH configuration names it."""
    looked_up = config.base_ssh_config.lookup(host)
    first = str(looked_up.get("userknownhostsfile", "~/.ssh/known_hosts")).split()[0]
    return Path(first).expanduser()


def _prepare(connection: fabric.Connection, cluster: Cluster, node: Node, known_hosts: Path) -> None:
    client = connection.client
    client.get_host_keys().clear()
    if not node.host_key:
        for path in (known_hosts, Path("/etc/ssh/ssh_known_hosts")):
            if path.is_file():
                client.load_host_keys(str(path)) if path == known_hosts else client.load_system_host_keys(str(path))
    client.set_missing_host_key_policy(hostkeys.Verifier(node.title, cluster.host_keys, node.host_key, known_hosts))


def _use_passphrase(connection: fabric.Connection, secrets: Secrets, node: Node, target: str) -> None:
    key = str(connection.connect_kwargs.get("key_filename", "the SSH key"))
    passphrase = None if "passphrase" in connection.connect_kwargs else secrets.passphrase(key)
    if passphrase is None:
        raise ConnectError(
            node.title,
            "login",
            f"the key for {target} is encrypted and no passphrase was given",
            evidence=[key],
            fix="add it to the agent: ssh-add KEY; or run kubeup on a terminal",
        )
    connection.connect_kwargs["passphrase"] = passphrase


def _ask_login(connection: fabric.Connection, secrets: Secrets, target: str) -> bool:
    password = secrets.login(target)
    if password is None:
        return False
    connection.connect_kwargs["password"] = password
    return True


def _login_refused(node: Node, target: str, connection: fabric.Connection, error: Exception | None) -> ConnectError:
    keys = connection.connect_kwargs.get("key_filename") or "the agent's keys and ~/.ssh/id_*"
    return ConnectError(
        node.title,
        "login",
        f"{target} did not let kubeup in",
        evidence=[str(error or "every way to log in was refused"), f"tried: {keys}"],
        fix=f"put your key there: ssh-copy-id -p {connection.port} {connection.user}@{connection.host}; "
        "or name the right user and key in the profile",
    )


def _unreachable(node: Node, target: str, error: Exception) -> ConnectError:
    if isinstance(error, socket.gaierror):
        return ConnectError(
            node.title,
            "connecting",
            f"the name {node.host} does not resolve",
            evidence=[str(error)],
            fix="correct it in the profile, or add it to ~/.ssh/config or DNS",
        )
    return ConnectError(
        node.title,
        "connecting",
        f"{target} does not answer",
        evidence=[str(error) or f"{type(error).__name__} within {CONNECT_SECONDS:.0f} s"],
        fix=f"is the machine on, and does sshd listen there? try: ssh -p {target.rpartition(':')[2]} "
        f"{target.rpartition(':')[0]} true",
    )
