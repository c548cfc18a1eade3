"""Getting in: whose host key is taken, which keys are tried in which order, and what is told when none was taken."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import paramiko
from paramiko.agent import AgentKey, AgentSSH

from kubeup.model.cluster import HostKeys
from kubeup.model.errors import ConnectError
from kubeup.node.ssh import hostkeys
from kubeup.node.ssh.hostkeys import HostKey
from kubeup.node.ssh.keyring import Encrypted, Keyring, public_blob
from kubeup.node.ssh.questions import Conversation, Unanswered
from kubeup.node.ssh.secrets import Secrets
from kubeup.node.ssh.sshconfig import Target
from kubeup.node.ssh.tcp import failure

LOGIN_SECONDS = 30.0
ANSWER_SECONDS = 120.0
"""A person may have to find a telephone first; sshd itself waits so long (LoginGraceTime)."""


class Verifier(paramiko.MissingHostKeyPolicy):
    """Asked for every key, since paramiko itself is told of none."""

    def __init__(self, target: Target, policy: HostKeys) -> None:
        self._target, self._policy = target, policy

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        offered = HostKey(key.get_name(), key.asbytes())
        hostkeys.verify(self._target, self._policy, offered)


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
    """One login: the keys the user named, the agent's, the usual ones, encrypted ones, at last what a person is asked.

    Like OpenSSH it asks first what the server takes, and goes on for as long as the server wants more: a key and then a
    code, say. What was tried is told if nothing worked.
    """

    def __init__(self, target: Target, keyring: Keyring, secrets: Secrets) -> None:
        self._target, self._keyring, self._secrets = target, keyring, secrets
        self._seen: list[str] = []
        self._locked: list[Path] = []
        self._needs_passphrase = False
        self._conversation = Conversation(target, secrets)

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Called by paramiko once the host key is verified. Raises ConnectError, and UsageError of secrets."""
        agent = self._agent()
        keys = self._keys(agent)
        try:
            methods = self._methods(transport)
            while methods:
                after = self._further(transport, keys, methods)
                if after is None:
                    raise self._refused(methods, transport)
                methods = after
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

    def _further(
        self, transport: paramiko.Transport, keys: Iterator[tuple[str, paramiko.PKey]], methods: set[str]
    ) -> set[str] | None:
        """What the server wants besides, once it has taken something; nothing left: in. None: it took nothing."""
        after = self._with_keys(transport, keys) if "publickey" in methods else None
        if after is None and "keyboard-interactive" in methods and transport.is_active():
            after = self._with_answers(transport)
        # Both lead to the same judge: what was answered there is not said again here.
        if after is None and "password" in methods and transport.is_active() and not self._conversation.asked:
            after = self._with_password(transport)
        return after

    def _with_keys(self, transport: paramiko.Transport, keys: Iterator[tuple[str, paramiko.PKey]]) -> set[str] | None:
        for name, key in keys:
            try:
                return set(transport.auth_publickey(self._target.user, key))
            except paramiko.SSHException as error:
                refused = "refused" if isinstance(error, paramiko.AuthenticationException) else str(error)
                self._seen.append(f"tried {name}: {refused if transport.is_active() else 'the server hung up'}")
            if not transport.is_active():
                break
        return None

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
        public = public_blob(path)
        if public in held:
            yield f"{path} (by the agent)", held.pop(public)
        else:
            yield from self._load(path, ask=False)

    def _load(self, path: Path, *, ask: bool) -> Iterator[tuple[str, paramiko.PKey]]:
        try:
            keys = self._keyring.load(path, self._target.certificates, ask=ask)
        except Encrypted as error:
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

    def _with_answers(self, transport: paramiko.Transport) -> set[str] | None:
        """keyboard-interactive: the server asks whatever it likes."""
        transport.auth_timeout = ANSWER_SECONDS
        try:
            return set(transport.auth_interactive(self._target.user, self._conversation.answer))
        except Unanswered as error:
            raise self._nobody_answers(error) from error
        except paramiko.AuthenticationException:
            if self._conversation.asked:
                end = "refused" if transport.is_active() else "the server hung up"
                self._seen.append(f"{self._conversation}: {end}")
            return None

    def _with_password(self, transport: paramiko.Transport) -> set[str] | None:
        password = self._secrets.login(self._target)
        if password is None:
            self._seen.append("tried password: none was given")
            return None
        try:
            return set(transport.auth_password(self._target.user, password, fallback=False))
        except paramiko.AuthenticationException:
            self._seen.append("tried password: refused")
            return None

    def _nobody_answers(self, unanswered: Unanswered) -> ConnectError:
        target = self._target
        key = f"put your key there: ssh-copy-id -p {target.port} {target.user}@{target.alias}"
        alone = f"let a key do for {target.user}: AuthenticationMethods publickey in the sshd_config of {target.host}"
        given = ", or set KUBEUP_SSH_PASSWORD or KUBEUP_SSH_PASSWORD_FILE" if unanswered.is_password else ""
        return failure(
            target,
            "login",
            f"{target} asks at the login, and there is nobody to answer",
            evidence=[*self._seen, f"it asks: {unanswered.question}"],
            fix=f"run kubeup on a terminal{given}; or {key if unanswered.is_password else alone}",
        )

    def _refused(self, methods: set[str], transport: paramiko.Transport) -> ConnectError:
        target = self._target
        evidence = self._seen or ["there was no key to try: no agent, no key file"]
        if methods:
            evidence = [*evidence, f"the server takes: {', '.join(sorted(methods))}"]
        message, fix = self._why(transport)
        return failure(target, "login", message, evidence=[*evidence, *self._conversation.said], fix=fix)

    def _why(self, transport: paramiko.Transport) -> tuple[str, str]:
        """What happened, and what to do."""
        target = self._target
        if self._needs_passphrase:
            return (
                f"{target} did not let kubeup in, and a key could not be decrypted",
                f"type: ssh-add {self._locked[0]}; or set KUBEUP_KEY_PASSPHRASE; or run kubeup on a terminal",
            )
        if self._conversation.asked_more_than_a_password:
            return (
                f"{target} did not let kubeup in by what was answered",
                "run the same command again, with the right answers and before the server's LoginGraceTime is over",
            )
        if not transport.is_active():
            return (
                f"{target} hung up during the login",
                "too many keys in the agent? name the right one: key: in the profile, or IdentityFile with "
                "IdentitiesOnly yes in ~/.ssh/config",
            )
        return (
            f"{target} did not let kubeup in",
            f"put your key there: ssh-copy-id -p {target.port} {target.user}@{target.alias}; "
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
