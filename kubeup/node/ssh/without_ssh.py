"""The SSH configuration where there is no ssh to ask: Host blocks with plain values, by paramiko's reader.

What that reader takes for something else than ssh does is refused: a line that is passed over leads to another machine.
The machine's own file, /etc/ssh/ssh_config, comes with ssh.
"""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import paramiko

from kubeup.node.ssh.sshconfig import Settings, home

FIX = "install OpenSSH's client, which kubeup asks then: apt-get install openssh-client"
NOT_PLAIN = re.compile(r"(?!\s*#)(?:\s*(include|match|canonicalize\w+)\b|[^#]*\S\s+#|[^#]*[\"'\\])", re.IGNORECASE)


class NeedsSsh(ValueError):
    """A line that only ssh itself reads right."""


def settings(path: str, host: str, user: str, port: int | None) -> Settings:
    """What holds for a host, as ``ssh -G`` would say it. Raises NeedsSsh, OSError, ValueError."""
    given = [f"User {user}\n"] if user else []
    given += [f"Port {port}\n"] if port else []
    file = Path(path).expanduser() if path else home() / ".ssh/config"
    text = _plain(file) if path or file.exists() else ""
    reader = paramiko.SSHConfig()
    try:
        reader.parse(StringIO("".join(given) + text))
        found = reader.lookup(host)
    except (paramiko.SSHException, KeyError) as error:
        raise ValueError(str(error)) from error
    if found.get("proxycommand") and found.get("proxyjump"):
        raise NeedsSsh("ProxyCommand and ProxyJump for one host: which counts, only ssh tells")
    return {key: tuple(value) if isinstance(value, list) else (value,) for key, value in found.items() if value}


def _plain(path: Path) -> str:
    text = path.read_text("utf-8")
    for number, line in enumerate(text.split("\n"), 1):
        if NOT_PLAIN.match(line):
            raise NeedsSsh(f"{path}:{number}: no ssh is installed here, and only it can read: {line.strip()}")
    return text
