"""Names of images: REGISTRY/PATH:TAG or REGISTRY/PATH@sha256:HEX, as runtimes complete what people write.

Grammar: https://github.com/distribution/reference/blob/main/reference.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HUB = "docker.io"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_FULL = re.compile(
    rf"(?:(?P<host>[A-Za-z0-9.-]+(?::[0-9]{{1,5}})?)/)?(?P<path>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True)
class Reference:
    """host: the registry, with its port. tag or digest is empty, not both."""

    host: str
    path: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.repository}{f':{self.tag}' if self.tag else ''}{f'@{self.digest}' if self.digest else ''}"

    @property
    def repository(self) -> str:
        return f"{self.host}/{self.path}"

    @property
    def wanted(self) -> str:
        """What a registry is asked for: the digest where there is one."""
        return self.digest or self.tag


def parse(text: str) -> Reference | None:
    """A name as Docker and containerd complete it: busybox -> docker.io/library/busybox:latest. None for no name."""
    host, slash, rest = text.partition("/")
    # The first word is a registry only when it looks like one: user/app is on Docker Hub.
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, rest = HUB, text
    found = _FULL.fullmatch(f"{host}/{rest}")
    if found is None or found["host"] is None:
        return None
    path, tag, digest = found["path"], found["tag"] or "", found["digest"] or ""
    if host in (HUB, "index.docker.io"):
        host, path = HUB, path if "/" in path else f"library/{path}"
    return Reference(host, path, tag or ("" if digest else "latest"), digest)


def normal(text: str) -> str:
    """The complete name; what is no name stays as it is."""
    found = parse(text)
    return str(found) if found else text
