"""Why a login did not lead to root: what sudo, the login shell or nothing at all said, as an error to act on."""

from __future__ import annotations

from dataclasses import dataclass

from kubeup.model.errors import ConnectError
from kubeup.node.ssh.sshconfig import Target
from kubeup.node.ssh.tcp import failure
from kubeup.node.wire.remote_commands import PROMPT

NOT_FOUND = 127
REFUSALS = ("not in the sudoers", "not allowed", "may not run sudo", "not permitted", "I'm afraid I can't do that")


@dataclass(frozen=True)
class Silence:
    """What was seen instead of the node's hello.

    prompts: how often sudo asked. given: whether it got a password. status: of the command, -1 unknown. text: what came
    on standard error, or else on standard output. waited: seconds, if it was waited for in vain.
    """

    sudo: bool
    prompts: int
    given: bool
    status: int
    text: str
    waited: float = 0.0


def explain(target: Target, seen: Silence) -> ConnectError:
    """The cause, the lines that show it, and what to do."""
    # Our prompt, in sudo-rs's wrapping too, is no evidence.
    text = seen.text.replace(f"[sudo: {PROMPT}] Password:", "").replace(PROMPT, "").replace("\r", "")
    lines = [line.strip() for line in text.split("\n") if line.strip()][-4:]
    if not seen.sudo:
        return _no_shell(target, seen, lines)
    message, fix = _sudo(target, seen)
    return failure(target, "sudo", message, evidence=lines, fix=fix)


def _sudo(target: Target, seen: Silence) -> tuple[str, str]:
    user = target.user
    if seen.prompts and not seen.given:
        return (
            f"sudo wants a password of {user}, and none was given",
            "run kubeup on a terminal, or set KUBEUP_SUDO_PASSWORD or KUBEUP_SUDO_PASSWORD_FILE",
        )
    if any(refusal in seen.text for refusal in REFUSALS):
        return (
            f"the user {user} may not use sudo",
            f"as root on the node: usermod -aG sudo {user}; or log in as root (root@{target.alias} in the profile)",
        )
    if seen.prompts > 1:
        return (
            f"sudo did not take the password of {user}",
            "run the command again with the right one, at the prompt or in KUBEUP_SUDO_PASSWORD",
        )
    if "tty" in seen.text:
        return (
            "sudo insists on a terminal",
            f"on the node, with visudo: change `Defaults requiretty` to `Defaults:{user} !requiretty`",
        )
    if seen.status == NOT_FOUND:
        return (
            "there is no sudo on the node",
            f"as root on the node: apt-get install sudo; or log in as root (root@{target.alias} in the profile)",
        )
    if seen.waited:
        return (
            f"sudo did not answer within {seen.waited:.0f} s",
            f"see what it waits for: {target.ssh} sudo true",
        )
    return f"sudo refused to run anything for {user}", f"see why: {target.ssh} -t sudo true"


def _no_shell(target: Target, seen: Silence, lines: list[str]) -> ConnectError:
    if seen.waited:
        message = f"logged in as {target.user}, but the node did not answer within {seen.waited:.0f} s"
    else:
        message = f"logged in as {target.user}, but no command could be run (status {seen.status})"
    return failure(
        target,
        "login shell",
        message,
        evidence=lines,
        fix=f"look at the login shell and its start-up files: {target.ssh} true",
    )
