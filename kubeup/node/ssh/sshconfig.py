"""A machine as SSH dials it, by what OpenSSH's client configuration says of it."""

from __future__ import annotations

import getpass
import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
KNOWN_HOSTS = {
    "userknownhostsfile": "~/.ssh/known_hosts ~/.ssh/known_hosts2",
    "globalknownhostsfile": "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",
}

Settings = Mapping[str, tuple[str, ...]]
"""What a configuration says of one host: keywords in lower case, each with its values; tokens like %h may stand in
them."""


@dataclass(frozen=True)
class Target:
    """One machine as SSH dials it: a node, or a bastion on the way to one.

    title: the node all this is for. alias: the name asked for; host: what is dialled. keys: private key files that
    someone named (else the usual ones are tried: default_keys); certificates: files that may certify one of them.
    agent: the agent's socket, or empty. known_hosts: the user's own files first; new keys go to the first. names: what
    known_hosts may call it, most exact first. jumps: bastions on the way, first hop first. config: the configuration's
    path where it is not the user's own.
    """

    title: str
    alias: str
    host: str
    port: int
    user: str
    keys: tuple[Path, ...]
    certificates: tuple[Path, ...]
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


def home() -> Path:
    """The user's home as ssh sees it: it does not ask HOME, where it knows the user at all."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path.home()


def target(
    settings: Settings, title: str, alias: str, *, key: str = "", host_key: str = "", config: str = ""
) -> Target:
    """A machine by what the configuration says of it. key, host_key: of the profile; they win.

    Raises ValueError for a port that is none.
    """
    host = _one(settings, "hostname") or alias
    jumps = _none_is_empty(_one(settings, "proxyjump"))
    who = _one(settings, "user") or _local_user()
    port = _one(settings, "port") or "22"
    tokens = _tokens(settings, {"%h": host, "%n": alias, "%p": port, "%r": who, "%j": jumps})
    keys = (os.path.expanduser(key),) if key else settings.get("identityfile", ())
    hosts = (*_files(settings, "userknownhostsfile"), *_files(settings, "globalknownhostsfile"))
    return Target(
        title=title,
        alias=alias,
        host=host,
        port=int(port),
        user=who,
        keys=tuple(dict.fromkeys(_path(one, tokens) for one in keys if one != "none")),
        certificates=tuple(_path(one, tokens) for one in settings.get("certificatefile", ()) if one != "none"),
        default_keys=() if keys else tuple(_path(one, tokens) for one in DEFAULT_KEYS),
        identities_only=_one(settings, "identitiesonly") == "yes",
        agent=_agent(settings, tokens),
        known_hosts=tuple(_path(one, tokens) for one in hosts if one != "none"),
        names=_names(host, int(port), _one(settings, "hostkeyalias")),
        hash_names=_one(settings, "hashknownhosts") == "yes",
        proxy_command=_expand(_none_is_empty(_one(settings, "proxycommand")), tokens),
        jumps=tuple(one.strip() for one in _expand(jumps, tokens).split(",") if one.strip()),
        config=config,
        pinned=host_key,
    )


def _tokens(settings: Settings, known: Mapping[str, str]) -> Mapping[str, str]:
    """What %h and the like stand for (ssh_config(5), TOKENS)."""
    here = os.uname().nodename
    return {
        **known,
        "%%": "%",
        "%d": str(home()),
        "%i": str(os.getuid()),
        "%k": _one(settings, "hostkeyalias") or known["%n"],
        "%L": here.split(".")[0],
        "%l": here,
        "%u": _local_user(),
    }


def _local_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return getpass.getuser()


def _files(settings: Settings, key: str) -> tuple[str, ...]:
    """Names of files, which ssh prints in one line without quotes: one that is there may have spaces in it."""
    words = (_one(settings, key) or KNOWN_HOSTS[key]).split()
    found: list[str] = []
    while words:
        ends = range(len(words), 0, -1)
        end = next((end for end in ends if os.path.exists(" ".join(words[:end]))), 1)
        found.append(" ".join(words[:end]))
        del words[:end]
    return tuple(found)


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
    # $NAME is a variable's name, ${NAME} a part of a path.
    if re.fullmatch(r"\$\w+", named):
        return os.environ.get(named[1:], "")
    return str(_path(named, tokens))


def _one(settings: Settings, key: str) -> str:
    return (settings.get(key) or ("",))[0]


def _none_is_empty(value: str) -> str:
    return "" if value.lower() == "none" else value


def _expand(value: str, tokens: Mapping[str, str]) -> str:
    return re.sub("%.", lambda found: tokens.get(found[0], found[0]), value)


def _path(value: str, tokens: Mapping[str, str]) -> Path:
    """A path as a configuration has it: ~, ${HOME} and %h in it. An unset variable stays, and is seen in errors."""
    named = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), _expand(value, tokens))
    if named == "~" or named.startswith("~/"):
        return home() / named[2:]
    return Path(named).expanduser()
