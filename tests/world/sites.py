"""All sites by their names, and a mirror of them.

dl.k8s.io sends everything on to cdn.dl.k8s.io, 302: kubernetes.io/blog/2023/06/09/dl-adopt-cdn, and the transcript in
kubernetes/k8s.io#8186. download.docker.com answers by itself:
docs.docker.com/engine/install/binaries, docker/docker-install.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace

from tests.world.exchange import NOT_FOUND, Answer, Asked, Site, of_file, sent_on
from tests.world.github import LIMIT, GitHub
from tests.world.images import Images
from tests.world.registries import Registries
from tests.world.shelf import Shelf
from tests.world.tickets import Tickets


class Sites:
    """api_left: how many requests api.github.com answers an address in this hour. now: the clock."""

    def __init__(
        self, shelf: Shelf, images: Images, *, api_left: int = LIMIT, now: Callable[[], float] = time.time
    ) -> None:
        self._shelf, tickets = shelf, Tickets(now)
        self._github, self._registries = GitHub(shelf, tickets, api_left), Registries(images, tickets)
        self._sites: dict[str, Site] = {
            "dl.k8s.io": lambda asked: sent_on(302, f"https://cdn.dl.k8s.io{asked.path}"),
            "cdn.dl.k8s.io": lambda asked: of_file(shelf.file(f"dl.k8s.io{asked.path}")),
            "download.docker.com": lambda asked: of_file(shelf.file(f"download.docker.com{asked.path}")),
            **self._github.sites,
            **self._registries.sites,
        }

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self._sites)

    def answer(self, asked: Asked) -> Answer:
        site = self._sites.get(asked.host)
        return site(asked) if site and asked.method in ("GET", "HEAD") else NOT_FOUND

    def mirrored(self, asked: Asked) -> Answer:
        """What somebody's mirror has at /HOST/PATH: what upstream has behind its redirects and tokens."""
        host, _, path = asked.path.removeprefix("/").partition("/")
        if found := re.fullmatch(r"repos/([^/]+/[^/]+)/releases/tags/([^/]+)", path):
            return self._github.release(*found.groups()) if host == "api.github.com" else NOT_FOUND
        if path.startswith("v2/"):
            return self._registries.part(replace(asked, host=host, path=f"/{path}"), host)
        return of_file(self._shelf.file(f"{host}/{path}"))
