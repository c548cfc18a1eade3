"""Getting in: the handshake, which keys are tried in which order, and what is told when none was taken."""

from __future__ import annotations

import base64
import io
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from paramiko.agent import AgentKey, AgentSSH

from kubeup.model.cluster import HostKeys
from kubeup.model.errors import ConnectError
from kubeup.node.ssh import hostkeys
from kubeup.node.ssh.hostkeys import HostKey
from kubeup.node.ssh.secrets import Secrets
from kubeup.node.ssh.sshconfig import Target
from kubeup.node.ssh.tcp import failure

LOGIN_SECONDS = 30.0
# The counter modes need a second pass for their checksum; what is not here is weak.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")


def transport_factory(target: Target) -> Callable[..., paramiko.Transport]:
    """How paramiko shall begin: with ciphers that are quick and sound, and the kind of host key that is known."""
    first = hostkeys.preferred_types(hostkeys.known_to(target), target.pinned)

    def make(sock: socket.socket, **options: object) -> paramiko.Transport:
        transport = paramiko.Transport(sock, **options)  # type: ignore[arg-type]
        security = transport.get_security_options()
        security.ciphers = [cipher for cipher in CIPHERS if cipher in security.ciphers]
        # rsa-sha2-512 is an algorithm for keys of type ssh-rsa; ssh-rsa itself would mean SHA-1.
        offered = [kind for kind in security.key_types if kind != "ssh-rsa"]
        security.key_types = sorted(offered, key=lambda kind: _rank(first, kind))
        return transport

    return make


def _rank(first: tuple[str, ...], algorithm: str) -> int:
    kind = "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm
    return first.index(kind) if kind in first else len(first)


class Verifier(paramiko.MissingHostKeyPolicy):
    """Asked for every key, since paramiko itself is told of none."""

    def __init__(self, target: Target, policy: HostKeys) -> None:
        self._target, self._policy = target, policy

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        offered = HostKey(key.get_name(), key.asbytes())
        hostkeys.verify(self._target, self._policy, offered)


class _Encrypted(Exception):
    """A private key that needs a passphrase, or another one."""


class Keyring:
    """Private keys, each read and decrypted once."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._plain: dict[Path, str] = {}
        self._lock = threading.Lock()

    def load(self, path: Path, certificates: tuple[Path, ...] = (), *, ask: bool) -> tuple[paramiko.PKey, ...]:
        """The key; before it the same key with each certificate that is for it: beside it, or one of those given.

        Raises _Encrypted, OSError, ValueError, SSHException.
        """
        with self._lock:
            if path not in self._plain:
                passphrase = self._secrets.passphrase(str(path)) if ask else None
                self._plain[path] = _decrypt(path.read_bytes(), passphrase)
            plain = self._plain[path]
        beside = path.with_name(f"{path.name}-cert.pub")
        return (*_certified(plain, (beside, *certificates)), _key(plain))


def _certified(plain: str, certificates: tuple[Path, ...]) -> Iterator[paramiko.PKey]:
    for certificate in certificates:
        key = _key(plain)
        # A certificate is: its type, a nonce, and what a key is behind its own type (PROTOCOL.certkeys).
        if _behind(_behind(_blob(certificate))).startswith(_behind(key.asbytes())):
            key.load_certificate(str(certificate))
            yield key


def _behind(blob: bytes) -> bytes:
    """What follows the first string of something on the wire."""
    return blob[4 + int.from_bytes(blob[:4], "big") :]


def _decrypt(data: bytes, passphrase: str | None) -> str:
    password = passphrase.encode() if passphrase else None
    try:
        openssh = b"BEGIN OPENSSH" in data
        load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
        loaded = load(data, password)
    except TypeError as error:
        raise _Encrypted("it is encrypted, and no passphrase was given") from error
    except ValueError as error:
        if passphrase is not None:
            raise _Encrypted("it is encrypted, and the passphrase is wrong") from error
        raise
    return loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()


def _key(plain: str) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(plain))
        except paramiko.SSHException:
            continue
    raise ValueError("this type of key is not supported")


class _Agent(AgentSSH):
    """The agent at a socket of one's choice."""

    def __init__(self, path: str) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Long enough for a person who has to confirm.
        connection.settimeout(LOGIN_SECONDS)
        try:
            connection.connect(path)
            # The agent that the environment names is the only one paramiko connects to by itself.
            self._connect(connection)  # type: ignore[attr-defined]
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        self._close()  # type: ignore[attr-defined]


class Login:
    """One login: the keys the user named, the agent's, the usual ones, encrypted ones, at last a password.

    Like OpenSSH it asks first what the server takes. What was tried is told if nothing worked.
    """

    def __init__(self, target: Target, keyring: Keyring, secrets: Secrets) -> None:
        self._target, self._keyring, self._secrets = target, keyring, secrets
        self._seen: list[str] = []
        self._locked: list[Path] = []
        self._needs_passphrase = False

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Called by paramiko once the host key is verified. Raises ConnectError."""
        agent = self._agent()
        try:
            methods = self._methods(transport)
            if "publickey" in methods:
                methods = self._with_keys(transport, agent, methods)
            if transport.is_active() and methods & {"password", "keyboard-interactive"}:
                methods = self._with_password(transport)
            if methods:
                raise self._refused(methods, transport)
        except paramiko.SSHException as error:
            self._seen.append(str(error))
            raise self._refused(set(), transport) from error
        finally:
            if agent is not None:
                agent.close()

    def _methods(self, transport: paramiko.Transport) -> set[str]:
        """What the server takes; nothing when one is in already."""
        try:
            return set(transport.auth_none(self._target.user))
        except paramiko.BadAuthenticationType as answer:
            return set(answer.allowed_types)

    def _with_keys(self, transport: paramiko.Transport, agent: _Agent | None, methods: set[str]) -> set[str]:
        """What the server wants besides; what it takes, if no key was good."""
        for name, key in self._keys(agent):
            try:
                return set(transport.auth_publickey(self._target.user, key))
            except paramiko.SSHException as error:
                refused = "refused" if isinstance(error, paramiko.AuthenticationException) else str(error)
                self._seen.append(f"tried {name}: {refused if transport.is_active() else 'the server hung up'}")
            if not transport.is_active():
                break
        return methods

    def _keys(self, agent: _Agent | None) -> Iterator[tuple[str, paramiko.PKey]]:
        held = {key.asbytes(): key for key in agent.get_keys()} if agent is not None else {}
        for path in self._target.keys:
            yield from self._key(path, held)
        if not self._target.identities_only:
            for key in held.values():
                fingerprint = HostKey(key.get_name(), key.asbytes()).fingerprint
                yield f"the agent's {key.comment or 'key'} ({fingerprint})", key
        for path in self._target.default_keys:
            if path.is_file():
                yield from self._key(path, held)
        for path in self._locked:
            yield from self._load(path, ask=True)

    def _key(self, path: Path, held: dict[bytes, AgentKey]) -> Iterator[tuple[str, paramiko.PKey]]:
        public = _public_blob(path)
        if public in held:
            yield f"{path} (by the agent)", held.pop(public)
        else:
            yield from self._load(path, ask=False)

    def _load(self, path: Path, *, ask: bool) -> Iterator[tuple[str, paramiko.PKey]]:
        try:
            keys = self._keyring.load(path, self._target.certificates, ask=ask)
        except _Encrypted as error:
            if not ask:
                self._locked.append(path)
                return
            self._needs_passphrase = True
            self._seen.append(f"tried {path}: {error}")
            return
        except (OSError, ValueError, paramiko.SSHException) as error:
            self._seen.append(f"tried {path}: {error.strerror if isinstance(error, OSError) else error}")
            return
        for key in keys:
            yield str(path), key

    def _with_password(self, transport: paramiko.Transport) -> set[str]:
        password = self._secrets.login(str(self._target))
        if password is None:
            self._seen.append("tried password: none was given")
            return {"password"}
        try:
            return set(transport.auth_password(self._target.user, password))
        except paramiko.AuthenticationException:
            self._seen.append("tried password: refused")
            return {"password"}

    def _refused(self, methods: set[str], transport: paramiko.Transport) -> ConnectError:
        target = self._target
        evidence = self._seen or ["there was no key to try: no agent, no key file"]
        if methods:
            evidence = [*evidence, f"the server takes: {', '.join(sorted(methods))}"]
        if self._needs_passphrase:
            return failure(
                target,
                "login",
                f"{target} did not let kubeup in, and a key could not be decrypted",
                evidence=evidence,
                fix=f"type: ssh-add {self._locked[0]}; or set KUBEUP_KEY_PASSPHRASE; or run kubeup on a terminal",
            )
        if not transport.is_active():
            return failure(
                target,
                "login",
                f"{target} hung up during the login",
                evidence=evidence,
                fix="too many keys in the agent? name the right one: key: in the profile, or IdentityFile with "
                "IdentitiesOnly yes in ~/.ssh/config",
            )
        return failure(
            target,
            "login",
            f"{target} did not let kubeup in",
            evidence=evidence,
            fix=f"put your key there: ssh-copy-id -p {target.port} {target.user}@{target.alias}; "
            "or correct user and key in the profile",
        )

    def _agent(self) -> _Agent | None:
        if not self._target.agent:
            return None
        try:
            return _Agent(self._target.agent)
        except (OSError, paramiko.SSHException) as error:
            self._seen.append(f"the agent at {self._target.agent}: {error}")
            return None


def _public_blob(path: Path) -> bytes:
    """The public half beside a private key; a public key alone names one that the agent has."""
    return _blob(path.with_name(f"{path.name}.pub")) or _blob(path)


def _blob(public: Path) -> bytes:
    """What a public key or a certificate is on the wire; nothing where the file is neither."""
    try:
        fields = public.read_text().split()
        if len(fields) > 1 and fields[0].startswith(("ssh-", "ecdsa-", "sk-")):
            return base64.b64decode(fields[1])
    except (OSError, ValueError):
        pass
    return b""
