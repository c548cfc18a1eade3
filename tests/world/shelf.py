"""The bytes of the world: the programs of a release cache, packed as upstream packs them, each once and when asked for.

Nothing is held in memory: what is packed lies in a folder, and what is not is served where it lies in the cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.world import packing, table
from tests.world.table import MACHINES, Published

SIGNED = """-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

{}-----BEGIN PGP SIGNATURE-----

none, for nobody here has runc's key
-----END PGP SIGNATURE-----
"""

Sums = Mapping[str, str]
"""File name -> sha256."""
SUMS: Mapping[str, Callable[[Sums], str]] = {
    "bare": lambda sums: "".join(sums.values()),
    "line": lambda sums: "".join(f"{digest}  {name}\n" for name, digest in sums.items()),
    "list": lambda sums: "".join(f"{digest}  {name}\n" for name, digest in sums.items()),
    "signed": lambda sums: SIGNED.format("".join(f"{digest}  {name}\n" for name, digest in sums.items())),
}
"""How projects write them: kubectl.sha256, FILE.sha256sum, SHA256SUMS, runc's clear-signed list."""


class Shelf:
    """cache: a release cache of kubeup's, NAME/VERSION/ARCH/NAME below release/. folder: of one's own. Thread-safe."""

    def __init__(self, cache: Path, folder: Path) -> None:
        self._cache, self._folder = cache / "release", folder
        self._locks = packing.Locks()
        self._sums: dict[Path, str] = {}

    def file(self, url: str) -> Path | None:
        """What lies at HOST/PATH: a program, an archive or a checksum. None: nothing."""
        for row in table.FILES:
            if fields := table.matched(row.url, url):
                return self._of(row, fields["v"], fields["arch"])
            if row.sums and (fields := table.matched(row.sums, url)):
                return self._sums_of(row, fields["v"], fields.get("arch", ""))
        if found := re.fullmatch(r"dl\.k8s\.io/release/stable-(1\.[0-9]+)\.txt", url):
            return self._stable(found.group(1))
        return None

    def release(self, repository: str, tag: str) -> Mapping[str, Path]:
        """The files of a release on GitHub by their names. repository: OWNER/NAME."""
        found: dict[str, Path] = {}
        for row, version in table.of_release(repository, tag):
            urls = [row.at(version, arch) for arch in MACHINES]
            urls += [row.sums.format(v=version, arch=arch) for arch in MACHINES] if row.sums else []
            found |= {url.rpartition("/")[2]: path for url in urls if (path := self.file(url))}
        return found

    def sum_of(self, path: Path) -> str:
        """sha256 of a file, hashed once."""
        with self._locks.of(f"sum {path}"):
            if path not in self._sums:
                self._sums[path] = packing.sum_of(path)
            return self._sums[path]

    def _of(self, row: Published, version: str, arch: str) -> Path | None:
        programs = {member: self.program(name, version, arch, row.stand_in) for member, name in row.holds.items()}
        there = {member.format(v=version, arch=arch): path for member, path in programs.items() if path}
        if len(there) < len(programs):
            return None
        if "" in there:
            return there[""]
        target = self._folder / "files" / row.at(version, arch)
        with self._locks.of(str(target)):
            if not target.exists():
                folders = [one.format(v=version, arch=arch) for one in row.folders]
                packing.put(target, lambda out: packing.tgz(out, folders, there))
        return target

    def _sums_of(self, row: Published, version: str, arch: str) -> Path | None:
        arches = (arch,) if arch else tuple(MACHINES)
        found = {row.at(version, one).rpartition("/")[2]: self._of(row, version, one) for one in arches}
        sums = {name: self.sum_of(path) for name, path in found.items() if path}
        return self._text(row.sums.format(v=version, arch=arch), SUMS[row.sums_as](sums)) if sums else None

    def _stable(self, minor: str) -> Path | None:
        patches = [int(path.name.rpartition(".")[2]) for path in self._cache.glob(f"kubelet/{minor}.*")]
        return self._text(f"dl.k8s.io/release/stable-{minor}.txt", f"v{minor}.{max(patches)}") if patches else None

    def _text(self, url: str, text: str) -> Path:
        target = self._folder / "files" / url
        with self._locks.of(str(target)):
            if not target.exists():
                packing.put(target, lambda out: out.write(text.encode()))
        return target

    def program(self, name: str, version: str, arch: str, stand_in: bool = False) -> Path | None:
        """From the cache; for the other architecture, and where nothing here builds it, a script that says its name."""
        name = name.replace(":", "_")
        path = self._cache / name / version / arch / name
        if path.is_file():
            return path
        if not stand_in and not any((self._cache / name / version / one / name).is_file() for one in MACHINES):
            return None
        return self._text(f"stand-in/{name}-{version}-{arch}", f"#!/bin/sh\necho {name} {version} {arch}\n")
