"""Which question of a server is the account's password, and how any other is put to a person."""

from __future__ import annotations

import pytest

from kubeup.node.ssh.questions import Conversation, Unanswered
from kubeup.node.ssh.secrets import Secrets
from kubeup.node.ssh.sshconfig import target

NODE = target({"user": ("bob",)}, "node3", "node3")


class Person:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, prompt: str) -> str:
        self.asked.append(prompt)
        return f"answer {len(self.asked)}"


@pytest.mark.parametrize(
    "question", ["Password: ", "bob's password:", "Password for bob@EXAMPLE.COM:", "Unix password"]
)
def test_the_accounts_password_is_known_by_how_it_is_asked_for(question: str) -> None:
    secrets = Secrets({"KUBEUP_SSH_PASSWORD": "secret"}, Person().ask)
    assert Conversation(NODE, secrets).answer("", "", [(question, False)]) == ["secret"]


@pytest.mark.parametrize(
    "question", ["New password:", "One-time password (OATH) for `bob':", "Password + code:", "Verification code:", ""]
)
def test_no_other_question_gets_the_password(question: str) -> None:
    with pytest.raises(Unanswered):
        Conversation(NODE, Secrets({"KUBEUP_SSH_PASSWORD": "secret"}, lambda _: None)).answer(
            "", "", [(question, False)]
        )


def test_a_password_asked_for_again_is_another_secret() -> None:
    """The first was wrong, or the second is a token's."""
    person = Person()
    talk = Conversation(NODE, Secrets({"KUBEUP_SSH_PASSWORD": "secret"}, person.ask))
    assert talk.answer("", "", [("Password:", False), ("Password:", False)]) == ["secret", "answer 1"]
    assert person.asked == ["bob@node3: Password: "]


def test_what_a_server_says_cannot_control_the_terminal() -> None:
    person = Person()
    talk = Conversation(NODE, Secrets({}, person.ask))
    talk.answer("", "Duo\r\n\x1b[2Jlogin", [("Passcode \x07(1-3): " + "x" * 999, True)])
    assert person.asked[0].startswith("bob@node3: Duo [2Jlogin Passcode (1-3): xxx")
    assert len(person.asked[0]) < 300


def test_a_message_without_a_question_is_kept_as_evidence() -> None:
    talk = Conversation(NODE, Secrets({}, Person().ask))
    assert talk.answer("", "Your account expires today", []) == []
    assert talk.said == ["the server says: Your account expires today"]
