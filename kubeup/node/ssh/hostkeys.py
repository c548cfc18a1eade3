"""Host keys: verified always. Known ones by OpenSSH's files, unknown ones refused or kept, changed ones refused.

The format of known_hosts is sshd(8)'s: markers, lists of patterns, negated and hashed names.
"""

from __future__ import annotations

import base64
import fcntl
import fnmatch
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from kubeup.model.cluster import HostKeys
from kubeup.model.errors import ConnectError
from kubeup.node.ssh.sshconfig import Target
from kubeup.node.ssh.tcp import failure

REVOKED = "@revoked"
AUTHORITY = "@cert-authority"
BLANK, WORD = "[ \\t]", "[^ \\t]"
FIELDS = re.compile(
    rf"{BLANK}*(?:(?P<marker>@{WORD}+) {BLANK}*)?(?P<hosts>{WORD}+){BLANK}+(?P<type>{WORD}+){BLANK}+(?P<key>{WORD}+)"
    rf"(?:{BLANK}.*)?"
)


@dataclass(frozen=True)
class HostKey:
    """type: as in known_hosts, ``ssh-ed25519``. blob: the public key on the wire."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.type} {self.fingerprint}"


@dataclass(frozen=True)
class Known:
    """One line of a known_hosts file that names the host."""

    marker: str
    key: HostKey
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.key} ({self.path}:{self.line})"


def find(paths: Iterable[Path], names: Sequence[str]) -> tuple[Known, ...]:
    """Every line of these files that names one of ``names``. Files that are not there are no trouble.

    Raises OSError for one that cannot be read.
    """
    found = []
    for path in paths:
        try:
            text = path.read_bytes().decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            known = _parse(line, names, path, number)
            if known is not None:
                found.append(known)
    return tuple(found)


def _parse(line: str, names: Sequence[str], path: Path, number: int) -> Known | None:
    """As ssh does: fields are parted by blanks and tabs, a line with another marker or a broken key is none."""
    fields = FIELDS.fullmatch(line)
    if fields is None or fields["hosts"].startswith(("#", "@")) or fields["marker"] not in (None, REVOKED, AUTHORITY):
        return None
    if not any(_matches(fields["hosts"], name) for name in names):
        return None
    try:
        blob = base64.b64decode(fields["key"].strip("\r\v\f"), validate=True)
        serialization.load_ssh_public_key(fields["type"].encode() + b" " + base64.b64encode(blob))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return Known(fields["marker"] or "", HostKey(fields["type"], blob), path, number)


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        return patterns == _hashed(name, patterns.split("|")[2])
    matched = False
    for pattern in patterns.lower().split(","):
        # Brackets are literal here ([host]:port), not sets of characters.
        glob = pattern.removeprefix("!").replace("[", "[[]")
        if fnmatch.fnmatchcase(name, glob):
            if pattern.startswith("!"):
                return False
            matched = True
    return matched


def _hashed(name: str, salt: str) -> str:
    try:
        digest = hmac.new(base64.b64decode(salt), name.encode(), "sha1").digest()
    except ValueError:
        return ""
    return f"|1|{salt}|{base64.b64encode(digest).decode()}"


def accepted(known: Iterable[Known], offered: HostKey) -> bool:
    """Whether one of the lines has this very key, and none revokes it."""
    lines = [one for one in known if one.key == offered]
    return any(not one.marker for one in lines) and not revoked(lines, offered)


def revoked(known: Iterable[Known], offered: HostKey) -> bool:
    return any(one.marker == REVOKED and one.key == offered for one in known)


def is_pinned(pinned: str, offered: HostKey) -> bool:
    """pinned: ``SHA256:...`` or ``ssh-ed25519 AAAA...`` as in known_hosts."""
    if pinned.startswith("SHA256:"):
        return pinned.rstrip("=") == offered.fingerprint
    return pinned.split()[:2] == [offered.type, base64.b64encode(offered.blob).decode()]


def known_to(target: Target) -> tuple[Known, ...]:
    """What known_hosts says about a machine. Raises ConnectError when it cannot be read."""
    try:
        return find(target.known_hosts, target.names)
    except OSError as error:
        raise _unusable(target, error) from error


def _unusable(target: Target, error: OSError) -> ConnectError:
    return failure(
        target,
        "host key",
        "known_hosts cannot be read or written",
        evidence=[str(error)],
        fix="mend that file, or its permissions",
    )


def verify(target: Target, policy: HostKeys, offered: HostKey) -> None:
    """Let the key pass, or raise ConnectError; with ACCEPT_NEW an unknown one is written down first."""
    if target.pinned:
        if not is_pinned(target.pinned, offered):
            raise _not_pinned(target, offered)
        return
    known = known_to(target)
    if revoked(known, offered):
        raise _revoked(target, offered)
    if accepted(known, offered):
        return
    # As OpenSSH does it: a line without the port may let a key in, but not keep it out.
    exact = [one for one in find(target.known_hosts, target.names[:1]) if not one.marker]
    if exact:
        raise _changed(target, exact, offered)
    if policy is not HostKeys.ACCEPT_NEW:
        authorities = [one for one in known if one.marker == AUTHORITY]
        raise _certified(target, authorities, offered) if authorities else _unknown(target, offered)
    try:
        if target.known_hosts:
            remember(target.known_hosts[0], target.names[0], offered, hashed=target.hash_names)
    except OSError as error:
        raise _unusable(target, error) from error


def _not_pinned(target: Target, offered: HostKey) -> ConnectError:
    return failure(
        target,
        "host key",
        f"the host key of {target.host} is not the one the profile pins",
        evidence=[f"offered: {offered}", f"pinned:  {target.pinned}"],
        fix="find out why it differs; if this is the right machine, correct host_key in the profile",
    )


def _revoked(target: Target, offered: HostKey) -> ConnectError:
    return failure(
        target,
        "host key",
        f"the host key of {target.host} is revoked",
        evidence=[f"offered: {offered}"],
        fix="do not use this machine before you know who revoked its key in known_hosts, and why",
    )


def _changed(target: Target, known: Sequence[Known], offered: HostKey) -> ConnectError:
    return failure(
        target,
        "host key",
        f"the host key of {target.host} has CHANGED",
        evidence=[f"offered: {offered}", *(f"known:   {one}" for one in known)],
        fix="somebody may be listening in. If you know that the machine was installed again, type: "
        f"ssh-keygen -f {known[0].path} -R '{target.names[0]}'",
    )


def _unknown(target: Target, offered: HostKey) -> ConnectError:
    return failure(
        target,
        "host key",
        f"the host key of {target.host} is not known",
        evidence=[f"offered: {offered}"],
        fix=f"compare it with what `ssh-keygen -lf {_file(offered)}` prints on the machine's console; "
        f"then type: {target.ssh} true, and answer yes. Or say host_keys: accept-new in the profile under ssh:",
    )


def _certified(target: Target, authorities: Sequence[Known], offered: HostKey) -> ConnectError:
    """ssh gets in by the certificate and notes no key: what helps elsewhere, to log in once by hand, does not here."""
    fetch = f"{target.ssh} cat {_file(offered)}"
    note = f"(printf '%s ' '{target.names[0]}'; {fetch}) >>{target.known_hosts[0]}"
    return failure(
        target,
        "host key",
        f"the host key of {target.host} is known by a certificate only, and kubeup looks at keys",
        evidence=[f"offered: {offered}", *(f"authority: {one}" for one in authorities)],
        fix=f"let ssh, which verifies the certificate, fetch the key: {note}",
    )


def _file(key: HostKey) -> str:
    """Where sshd has the public half of a host key unless it was told otherwise."""
    kind = key.type.removeprefix("ssh-").split("-")[0]
    return f"/etc/ssh/ssh_host_{kind}_key.pub"


def preferred_types(known: Iterable[Known], pinned: str) -> tuple[str, ...]:
    """Key types to ask the server for first: a known ed25519 key is no use if the server shows its rsa key."""
    if pinned:
        return () if pinned.startswith("SHA256:") else (pinned.split()[0],)
    return tuple(dict.fromkeys(one.key.type for one in known if not one.marker))


def remember(path: Path, name: str, key: HostKey, *, hashed: bool) -> None:
    """Append the key to a known_hosts file; once only, whoever else does the same. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if accepted(find([path], [name]), key):
            return
        shown = _hashed(name, base64.b64encode(os.urandom(20)).decode()) if hashed else name
        line = f"{shown} {key.type} {base64.b64encode(key.blob).decode()}\n".encode()
        size = os.fstat(file.fileno()).st_size
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            line = b"\n" + line
        file.write(line)
