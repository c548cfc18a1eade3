"""What OpenSSH's client configuration says about a machine, as a value.

Fabric's parser knows no Include, HostKeyAlias, UserKnownHostsFile, IdentitiesOnly or IdentityAgent; a user's ssh does.
"""

from __future__ import annotations

import getpass
import glob
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kubeup.model.errors import ConnectError

DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
USER_KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
MAX_DEPTH = 16

Settings = Mapping[str, "str | list[str]"]
"""What a parser says about one host: keys in lower case, tokens like %h as they stand (but in HostName)."""
Lookup = Callable[[str], Settings]


@dataclass(frozen=True)
class Target:
    """One machine as SSH dials it: a node, or a bastion on the way to one.

    title: the node all this is for. alias: the name asked for; host: what is dialled. keys: private key files that
    someone named (else the usual ones are tried: default_keys). agent: the agent's socket, or empty. known_hosts: the
    user's own files first; new keys go to the first. names: what known_hosts may call it, most exact first.
    jumps: bastions on the way, first hop first. config: the configuration's path where it is not the user's own.
    """

    title: str
    alias: str
    host: str
    port: int
    user: str
    keys: tuple[Path, ...]
    default_keys: tuple[Path, ...]
    identities_only: bool
    agent: str
    known_hosts: tuple[Path, ...]
    names: tuple[str, ...]
    hash_names: bool
    proxy_command: str
    jumps: tuple[str, ...]
    config: str = ""
    pinned: str = ""
    bastion: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + (f":{self.port}" if self.port != 22 else "")

    @property
    def ssh(self) -> str:
        """The command by which a person goes the same way."""
        config = ["-F", self.config] if self.config else []
        jumps = ["-J", ",".join(self.jumps)] if self.jumps else []
        port = ["-p", str(self.port)] if self.port != 22 else []
        return " ".join(["ssh", *config, *jumps, *port, f"{self.user}@{self.alias}"])


def read(path: Path, folder: Path, depth: int = 0) -> str:
    """A configuration with its Includes in place. folder: what relative Includes are relative to.

    An Include under a Host line is followed by that line again: what comes after it still belongs there. A file that
    is not there is empty. Raises OSError, UnicodeDecodeError, RecursionError.
    """
    if depth > MAX_DEPTH:
        raise RecursionError(f"{path} is included by itself")
    lines: list[str] = []
    block = ""
    for line in path.read_text("utf-8").split("\n") if path.exists() else ():
        word, _, rest = re.sub(r"^\s*(\w+)\s*=?\s*", r"\1 ", line).partition(" ")
        if word.lower() in ("host", "match"):
            block = line
        if word.lower() != "include":
            lines.append(line)
            continue
        for pattern in shlex.split(rest):
            for found in sorted(glob.glob(str(folder / os.path.expanduser(pattern)))):
                lines.append(read(Path(found), folder, depth + 1))
        lines.append(block)
    return "\n".join(lines)


def text(path: str) -> str:
    """The configuration at ``path``; empty: the user's and the machine's own. Raises ConnectError."""
    try:
        if not path:
            user = read(Path("~/.ssh/config").expanduser(), Path("~/.ssh").expanduser())
            # A block ends with its file; the machine's settings hold for all hosts.
            return user + "\nHost *\n" + read(Path("/etc/ssh/ssh_config"), Path("/etc/ssh"))
        given = Path(path).expanduser()
        if not given.is_file():
            raise FileNotFoundError(f"{given} does not exist")
        return read(given, Path("~/.ssh").expanduser())
    except (OSError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise unusable(path, error) from error


def unusable(path: str, error: Exception) -> ConnectError:
    return ConnectError(
        "all nodes",
        "ssh configuration",
        f"{path or '~/.ssh/config'} cannot be used",
        evidence=[str(error)],
        fix="correct the file, or name another one in the profile under ssh: config:",
    )


def target(lookup: Lookup, title: str, spec: str, **given: str | int | None) -> Target:
    """A machine by the name a profile or a ProxyJump uses: ``[user@]host[:port]``.

    given: user, port, key, host_key, config of the profile; they win. Raises ConnectError.
    """
    user, host, port = split(spec)
    settings = lookup(host)
    try:
        return _target(settings, title, host, given.get("user") or user, given.get("port") or port, given)
    except ValueError as error:
        raise unusable(str(given.get("config") or ""), error) from error


def _target(
    settings: Settings, title: str, alias: str, user: object, port: object, given: Mapping[str, str | int | None]
) -> Target:
    host = _one(settings, "hostname") or alias
    number = int(str(port or _one(settings, "port") or 22))
    key = str(given.get("key") or "")
    identities = settings.get("identityfile", [])
    keys = [key] if key else [identities] if isinstance(identities, str) else identities
    who = str(user or _one(settings, "user") or getpass.getuser())
    tokens = {"%h": host, "%n": alias, "%p": str(number), "%r": who, "%u": getpass.getuser(), "%d": str(Path.home())}
    return Target(
        title=title,
        alias=alias,
        host=host,
        port=number,
        user=who,
        keys=tuple(_path(one, tokens) for one in keys if one != "none"),
        default_keys=() if keys else tuple(Path(one).expanduser() for one in DEFAULT_KEYS),
        identities_only=_one(settings, "identitiesonly") == "yes",
        agent=_agent(settings, tokens),
        known_hosts=tuple(
            _path(one, tokens)
            for one in shlex.split(
                (_one(settings, "userknownhostsfile") or USER_KNOWN_HOSTS)
                + " "
                + (_one(settings, "globalknownhostsfile") or SYSTEM_KNOWN_HOSTS)
            )
            if one != "none"
        ),
        names=_names(host, number, _one(settings, "hostkeyalias")),
        hash_names=_one(settings, "hashknownhosts") == "yes",
        proxy_command=_expand(_none_is_empty(_one(settings, "proxycommand")), tokens),
        jumps=_jumps(_expand(_one(settings, "proxyjump"), tokens)),
        config=str(given.get("config") or ""),
        pinned=str(given.get("host_key") or ""),
    )


def split(spec: str) -> tuple[str, str, int | None]:
    """``[user@]host[:port]``, ``[user@][address]:port``, or an IPv6 address alone; ``ssh://`` before it is allowed."""
    user, _, rest = spec.removeprefix("ssh://").rpartition("@")
    bracketed = re.fullmatch(r"\[(.+)\](?::(\d+))?", rest)
    if bracketed:
        return user, bracketed[1], int(bracketed[2]) if bracketed[2] else None
    host, colon, port = rest.partition(":")
    return (user, host, int(port)) if colon and port.isdigit() else (user, rest, None)


def _names(host: str, port: int, alias: str) -> tuple[str, ...]:
    if alias:
        return (alias.lower(),)
    return (host.lower(),) if port == 22 else (f"[{host.lower()}]:{port}", host.lower())


def _agent(settings: Settings, tokens: Mapping[str, str]) -> str:
    named = _one(settings, "identityagent")
    if named == "none":
        return ""
    if not named or named == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK", "")
    return os.environ.get(named[1:], "") if named.startswith("$") else str(_path(named, tokens))


def _one(settings: Settings, key: str) -> str:
    value = settings.get(key) or ""
    return value if isinstance(value, str) else value[0]


def _none_is_empty(value: str) -> str:
    return "" if value.lower() == "none" else value


def _jumps(value: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in _none_is_empty(value).split(",") if one.strip())


def _expand(value: str, tokens: Mapping[str, str]) -> str:
    return re.sub("%.", lambda found: "%" if found[0] == "%%" else tokens.get(found[0], found[0]), value)


def _path(value: str, tokens: Mapping[str, str]) -> Path:
    return Path(_expand(value, tokens)).expanduser()
