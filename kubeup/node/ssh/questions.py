"""What a server asks at a login besides keys: a password, a code, whatever it likes, in its own words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kubeup.node.ssh.secrets import Secrets
from kubeup.node.ssh.sshconfig import Target

PASSWORD = re.compile(r"(\S+'s )?((unix|login) )?password( for \S+)?\s*:?", re.IGNORECASE)
"""The question for the password of the account, as PAM and others put it. "New password:", say, is another one."""
LONGEST = 200


class Unanswered(Exception):
    """There is nobody to answer the server's question."""

    def __init__(self, question: str, *, is_password: bool) -> None:
        super().__init__(question)
        self.question, self.is_password = question, is_password


class Conversation:
    """A server's questions at one login (keyboard-interactive, RFC 4256), and who answers them.

    The account's password is the one of all nodes, once; all else, also a password that is asked for a second time, is
    put to the person for this very login. asked: the questions answered. said: what the server told without asking.
    """

    def __init__(self, target: Target, secrets: Secrets) -> None:
        self._target, self._secrets = target, secrets
        self.asked: list[str] = []
        self.said: list[str] = []

    def __str__(self) -> str:
        if not self.asked_more_than_a_password:
            return "tried password"
        return "answered " + ", ".join(f"`{question}`" for question in self.asked)

    @property
    def asked_more_than_a_password(self) -> bool:
        return bool(self.asked[1:]) or any(not PASSWORD.fullmatch(question) for question in self.asked)

    def answer(self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]) -> list[str]:
        """Called by paramiko for each of the server's requests. Raises Unanswered, UsageError."""
        told = [shown for shown in (_shown(title), _shown(instructions)) if shown]
        if not prompts:
            self.said += [f"the server says: {one}" for one in told]
        return [self._answer(_shown(prompt), told) for prompt, _ in prompts]

    def _answer(self, question: str, told: Sequence[str]) -> str:
        is_password = bool(PASSWORD.fullmatch(question)) and not self.asked
        if is_password:
            answer = self._secrets.login(self._target)
        else:
            answer = self._secrets.answer(f"{self._target}: {' '.join([*told, question])} ")
        if answer is None:
            raise Unanswered(" ".join([*told, question]), is_password=is_password)
        self.asked.append(question)
        return answer


def _shown(text: str) -> str:
    """A server's words on one line of a terminal, without what would control it."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:LONGEST]
