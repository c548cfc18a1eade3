"""Passwords: asked at most once a run, never on a command line, never in a repr."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

Ask = Callable[[str], "str | None"]


class Secrets:
    """Where passwords come from: KUBEUP_SUDO_PASSWORD, KUBEUP_SUDO_PASSWORD_FILE, or the person at the terminal.

    ask: shows a prompt and returns the answer, or None where there is nobody to ask.
    """

    def __init__(self, environment: Mapping[str, str], ask: Ask) -> None:
        self._environment = environment
        self._ask = ask
        self._known: dict[str, str | None] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "Secrets(...)"

    def sudo(self) -> str | None:
        """The password sudo wants on the nodes; asked only when one was wanted."""
        return self._once("sudo", "sudo password on the nodes: ", "KUBEUP_SUDO_PASSWORD")

    def known_sudo(self) -> str | None:
        """The sudo password if it is known without asking anybody."""
        with self._lock:
            return self._known.get("sudo") or self._from_environment("KUBEUP_SUDO_PASSWORD")

    def login(self, target: str) -> str | None:
        """The password of an SSH login."""
        return self._once("login", f"password of {target}: ", "KUBEUP_SSH_PASSWORD")

    def passphrase(self, key: str) -> str | None:
        """The passphrase of an encrypted private key."""
        return self._once(f"key {key}", f"passphrase of {key}: ", "KUBEUP_KEY_PASSPHRASE")

    def _once(self, name: str, prompt: str, variable: str) -> str | None:
        with self._lock:
            if name not in self._known:
                self._known[name] = self._from_environment(variable) or self._ask(prompt)
            return self._known[name]

    def _from_environment(self, variable: str) -> str | None:
        file = self._environment.get(f"{variable}_FILE")
        if file:
            return Path(file).expanduser().read_text().rstrip("\n")
        return self._environment.get(variable)
