"""Passwords: asked at most once a run, never on a command line, never in a repr. Codes: asked each time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from kubeup.model.errors import UsageError
from kubeup.node.ssh.sshconfig import Target

Ask = Callable[[str], "str | None"]


class Secrets:
    """Where passwords come from: an environment variable, a file named by NAME_FILE, or the person at the terminal.

    The names: KUBEUP_SUDO_PASSWORD, KUBEUP_SSH_PASSWORD, KUBEUP_KEY_PASSPHRASE. ask: shows a prompt and returns the
    answer, or None where there is nobody to ask. Safe to use from many threads: one asks, the others wait for it.
    """

    def __init__(self, environment: Mapping[str, str], ask: Ask) -> None:
        self._environment = environment
        self._ask = ask
        self._known: dict[str, str | None] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "Secrets(...)"

    def sudo(self) -> str | None:
        """The password sudo wants on the nodes; asked only when one was wanted. Raises UsageError."""
        return self._once("sudo", "sudo password on the nodes: ", "KUBEUP_SUDO_PASSWORD")

    def login(self, target: Target) -> str | None:
        """The password of an SSH login: a user's is the same on all nodes, at a bastion another. Raises UsageError."""
        whose = f"login {target}" if target.bastion else f"login {target.user}"
        return self._once(whose, f"password of {target}: ", "KUBEUP_SSH_PASSWORD")

    def answer(self, prompt: str) -> str | None:
        """What a person answers to this very question; asked each time, since a code holds once."""
        with self._lock:
            return self._ask(prompt)

    def passphrase(self, key: str) -> str | None:
        """The passphrase of an encrypted private key. Raises UsageError."""
        return self._once(f"key {key}", f"passphrase of {key}: ", "KUBEUP_KEY_PASSPHRASE")

    def _once(self, name: str, prompt: str, variable: str) -> str | None:
        with self._lock:
            if name not in self._known:
                given = self._from_environment(variable)
                self._known[name] = self._ask(prompt) if given is None else given
            return self._known[name]

    def _from_environment(self, variable: str) -> str | None:
        file = self._environment.get(f"{variable}_FILE")
        if not file:
            return self._environment.get(variable) or None
        try:
            return Path(file).expanduser().read_text().split("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"the file that {variable}_FILE names cannot be read",
                evidence=[str(error)],
                fix=f"correct {variable}_FILE, or unset it",
            ) from error
