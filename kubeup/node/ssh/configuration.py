"""What the user's SSH configuration says of a machine: ssh itself is asked, by ``ssh -G``.

It alone knows all of ssh_config(5): Include, Match, Canonicalize, which of two lines wins, where a value ends. So
kubeup goes where a person's ssh goes. Without an ssh that can be asked, without_ssh.py reads what is plain.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO

from kubeup.model.errors import ConnectError
from kubeup.node.ssh import without_ssh
from kubeup.node.ssh.sshconfig import Settings

ANSWER_SECONDS = 10.0
"""An answer comes in milliseconds, unless a name is looked up for it or a ``Match exec`` asks elsewhere."""

Question = tuple[str, str, "int | None"]


class Unusable(Exception):
    """The configuration gives no answer. evidence: what was said. whole: it is so for every machine."""

    def __init__(self, evidence: list[str], *, whole: bool = True, fix: str = "") -> None:
        super().__init__(*evidence)
        self.evidence, self.whole, self.fix = evidence, whole, fix


class Configuration:
    """One SSH configuration; each machine is asked about once a run, by whichever thread needs it first."""

    def __init__(self, path: str) -> None:
        """path: of the profile; empty: the user's and the machine's own."""
        self.path = path
        self._defaults: Settings | None = None
        self._answers: dict[Question, Settings | Unusable] = {}
        self._locks: dict[Question, threading.Lock] = {}
        self._lock = threading.Lock()

    def look_up(self, title: str, host: str, user: str = "", port: int | None = None) -> Settings:
        """What holds for ``ssh -l user -p port host``. title: the node it is for. Raises ConnectError."""
        question = (host, user, port)
        with self._lock:
            lock = self._locks.setdefault(question, threading.Lock())
        with lock:
            if question not in self._answers:
                self._answers[question] = self._ask(question)
            answer = self._answers[question]
        if isinstance(answer, Unusable):
            raise unusable(self.path, answer, title)
        return answer

    def _ask(self, question: Question) -> Settings | Unusable:
        host, user, port = question
        try:
            defaults = self._what_nobody_said()
            if not defaults:
                return without_ssh.settings(self.path, host, user, port)
            said = _ssh(
                *(["-F", str(Path(self.path).expanduser())] if self.path else []),
                *(["-l", user] if user else []),
                *(["-p", str(port)] if port else []),
                host,
            )
        except Unusable as error:
            return error
        except (OSError, ValueError) as error:
            return Unusable([str(error)], fix=without_ssh.FIX if isinstance(error, without_ssh.NeedsSsh) else "")
        return {key: values for key, values in said.items() if key != KEYS or values != defaults.get(KEYS)}

    def _what_nobody_said(self) -> Settings:
        """What ssh says without any configuration; nothing where no ssh can be asked (-G is of OpenSSH 6.8)."""
        with self._lock:
            if self._defaults is None:
                self._defaults = {}
                if shutil.which("ssh"):
                    with contextlib.suppress(Unusable, OSError):
                        self._defaults = _ssh("-F", "/dev/null", "localhost")
            return self._defaults


KEYS = "identityfile"
"""Where nobody names one, ssh prints all it would try. kubeup has usual ones of its own, tried after the agent's."""


def _ssh(*words: str) -> Settings:
    """What ``ssh -G`` prints, by keyword in lower case. Raises Unusable, OSError."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        # Files, not pipes: what a Match exec leaves behind may hold them open. A group of its own ends as a whole.
        command = ["ssh", "-G", *words[:-1], "--", words[-1]]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
        )
        try:
            status = process.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            said = _said(errors)
            raise Unusable(
                [f"`{' '.join(command)}` did not end within {ANSWER_SECONDS:.0f} s", *said],
                whole=False,
                fix="does a `Match exec` of it wait for something? Type that command to see",
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if status:
            raise Unusable(_said(errors) or [f"`{' '.join(command)}` ended with {status}"])
        output.seek(0)
        return parsed(os.fsdecode(output.read()))


def _said(errors: IO[bytes]) -> list[str]:
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").split("\n")
    # Of a login, which this is none.
    return [line.strip() for line in lines if line.strip() and not line.startswith("Pseudo-terminal")]


def parsed(output: str) -> Settings:
    found: dict[str, tuple[str, ...]] = {}
    for line in output.split("\n"):
        key, space, value = line.partition(" ")
        if space:
            found[key] = (*found.get(key, ()), value)
    return found


def unusable(path: str, reason: Unusable, title: str) -> ConnectError:
    return ConnectError(
        "all nodes" if reason.whole else title,
        "ssh configuration",
        f"{path or '~/.ssh/config'} cannot be used",
        evidence=reason.evidence,
        fix=reason.fix or "correct the file, or name another one in the profile under ssh: config:",
    )
