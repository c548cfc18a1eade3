"""``make outside``: the README's profile on upstream's own sites, and on Ubuntu itself, for whoever has them.

Says first, in words, what cannot be had here; then runs what can, tests/lab/test_outside.py. What came of it belongs
into docs/tested.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kubeup.lab import apt
from kubeup.lab.kinds import IMAGES, KINDS
from kubeup.model.cluster import Proxy
from kubeup.model.errors import LabError
from kubeup.sources.site import Site, UnavailableError

ROOT = "root"
FOR_THE_README = ("dl.k8s.io", "cdn.dl.k8s.io", "github.com", "api.github.com", "registry.k8s.io")
FOR_ALL = (*FOR_THE_README, "ghcr.io", "registry-1.docker.io", "auth.docker.io", "quay.io", "download.docker.com")


@dataclass(frozen=True)
class Part:
    """name: of its tests, as pytest's -k takes it. hosts: of upstream's, that it asks. kind: of lab nodes, empty for
    none. minutes: it may take at most."""

    name: str
    title: str
    minutes: int
    hosts: tuple[str, ...]
    kind: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Sites; a suite of Ubuntu's; root."""
        suite = IMAGES[KINDS[self.kind].image].ubuntu if self.kind else ""
        return (*self.hosts, *((ROOT,) if self.kind else ()), *((suite,) if suite else ()))


PARTS = (
    Part("fetched", "every file of upstream's, for both architectures", 20, FOR_ALL),
    Part("debian", "the README's profile on Debian 13", 20, FOR_THE_README, "debian"),
    Part("noble", "the README's profile on Ubuntu 24.04", 30, FOR_THE_README, "noble"),
    Part("resolute", "the README's profile on Ubuntu 26.04", 30, FOR_THE_README, "resolute"),
)


def missing(need: str) -> str:
    """Why this machine lacks something, empty if it does not. What a site says is no matter, if it answers."""
    if need == ROOT:
        return "root: a lab boots nodes" if os.geteuid() else ""
    if "." in need:
        return _unreachable(f"https://{need}/")
    try:
        mirror, _ = apt.ubuntu()
    except LabError as error:
        return f"Ubuntu {need}: {error.message} ({error.fix})"
    reason = _unreachable(f"{mirror}/dists/{need}/Release", anything=False)
    return f"Ubuntu {need}: {reason}" if reason else ""


def _unreachable(url: str, anything: bool = True) -> str:
    try:
        Site("", Proxy()).open(url, method="HEAD").stream.close()
    except UnavailableError as error:
        return "" if anything and error.status else str(error)
    return ""


def main(parts: Sequence[Part] = PARTS) -> int:
    minutes = sum(part.minutes for part in parts)
    print(f"make outside: {len(parts)} parts, {minutes} minutes at most where all of it can be had", flush=True)
    needs = list(dict.fromkeys(need for part in parts for need in part.needs))
    with ThreadPoolExecutor(len(needs)) as pool:
        lacking = {need: reason for need, reason in zip(needs, pool.map(missing, needs), strict=True) if reason}
    if lacking:
        print("Missing here:", *lacking.values(), sep="\n  ")
    possible = [part for part in parts if lacking.keys().isdisjoint(part.needs)]
    for part in parts:
        print(f"run: {part.title} (at most {part.minutes} minutes)" if part in possible else f"left out: {part.title}")
    if not possible:
        print("Nothing of it can be run here: it takes a machine that reaches upstream's sites. Nothing was changed.")
        return 1
    chosen = " or ".join(part.name for part in possible)
    tests = ["tests/lab/test_outside.py", "-m", "outside", "-k", chosen, "-s", "--durations", "0"]
    limit = 60 * sum(part.minutes for part in possible)
    return subprocess.run([sys.executable, "-m", "pytest", *tests], check=False, timeout=limit).returncode


if __name__ == "__main__":
    sys.exit(main())
