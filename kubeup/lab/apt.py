"""Where Debian's archive is for this machine: read from its own apt sources, both formats.

Facts: sources.list(5). A stanza of a ``.sources`` file may name several URIs and suites; ``mirror+file:`` names a
file with a list of mirrors, as Debian's cloud images have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kubeup.model.errors import LabError

SUITES = frozenset(
    {"bullseye", "bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable", "oldoldstable"}
)
DEBOOTSTRAP = "/usr/sbin/debootstrap"
"""Has a mirror of its own for machines whose packages do not come from Debian (Ubuntu); signed all the same."""
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
UBUNTU = "http://archive.ubuntu.com/ubuntu"
UBUNTU_KEYRING = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"


@dataclass(frozen=True)
class AptSource:
    """One place that packages come from. signed_by: a file, or empty if the entry does not name one."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    @property
    def is_debian(self) -> bool:
        """Debian's own archive or a mirror of it; not a vendor's packages for a Debian release."""
        own_key = not self.signed_by or Path(self.signed_by).name.startswith("debian-archive-")
        return own_key and "main" in self.components and not SUITES.isdisjoint(self.suites)


def parse_stanzas(text: str) -> Iterator[AptSource]:
    """Entries of a ``.sources`` file (deb822)."""
    lines = [line for line in text.split("\n") if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        folded = re.sub(r"\n[ \t]+", " ", stanza)
        fields = {name.lower(): value for name, value in re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", folded, re.MULTILINE)}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").strip().lower() in (
            "no",
            "false",
        ):
            continue
        key = fields.get("signed-by", "").strip()
        for uri in fields.get("uris", "").split():
            suites, components = fields.get("suites", "").split(), fields.get("components", "").split()
            yield AptSource(uri, tuple(suites), tuple(components), key if key.startswith("/") else "")


def parse_lines(text: str) -> Iterator[AptSource]:
    """Entries of a ``sources.list`` or ``.list`` file (one line each)."""
    for line in text.split("\n"):
        found = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)", line)
        if found:
            options = dict(option.split("=", 1) for option in (found[1] or "").split() if "=" in option)
            yield AptSource(found[2], (found[3],), tuple(found[4].split()), options.get("signed-by", ""))


def entries(root: Path = Path("/")) -> list[AptSource]:
    """All of this machine's, in apt's order."""
    folder = root / "etc/apt"
    found: list[AptSource] = []
    for path in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]:
        if path.is_file() and path.suffix in (".list", ".sources"):
            text = path.read_text(errors="replace")
            found.extend(parse_stanzas(text) if path.suffix == ".sources" else parse_lines(text))
    return found


def archive(root: Path = Path("/")) -> tuple[str, str]:
    """(mirror, keyring). Raises LabError where nothing could prove that the packages are Debian's, or no mirror is
    known."""
    debian = [entry for entry in entries(root) if entry.is_debian]
    mirrors = [(uri, entry.signed_by) for entry in debian for uri in _addresses(root, entry.uri)]
    mirrors += [(uri, "") for uri in _of_debootstrap(root)]
    for uri, signed_by in mirrors:
        for keyring in (signed_by, KEYRING):
            if keyring and (root / keyring.lstrip("/")).is_file():
                return uri, keyring
    if not mirrors:
        raise LabError(
            "no mirror of Debian is known to this machine, and base images are made from one",
            fix="apt-get install debootstrap; or add a source of Debian's to /etc/apt/sources.list.d",
        )
    raise LabError(
        "Debian's archive keys are not on this machine: a base image could not be verified",
        fix="apt-get install debian-archive-keyring",
    )


def ubuntu(root: Path = Path("/")) -> tuple[str, str]:
    """(mirror, keyring) of Ubuntu's archive: this machine's own where its packages are Ubuntu's. Raises LabError."""
    if not (root / UBUNTU_KEYRING.lstrip("/")).is_file():
        raise LabError(
            "Ubuntu's archive keys are not on this machine: a base image could not be verified",
            fix="apt-get install ubuntu-keyring",
        )
    mine = [
        entry for entry in entries(root) if "main" in entry.components and entry.uri.rstrip("/").endswith("/ubuntu")
    ]
    found = [uri for entry in mine for uri in _addresses(root, entry.uri)]
    return (found or [UBUNTU])[0].rstrip("/"), UBUNTU_KEYRING


def _of_debootstrap(root: Path) -> list[str]:
    path = root / DEBOOTSTRAP.lstrip("/")
    text = path.read_text(errors="replace") if path.is_file() else ""
    return re.findall(r'^DEF_MIRROR="(\S+)"', text, re.MULTILINE)


def _addresses(root: Path, uri: str) -> list[str]:
    """What debootstrap can use of a URI."""
    if uri.startswith("mirror+file:"):
        path = root / uri.removeprefix("mirror+file:").lstrip("/")
        lines = path.read_text().split("\n") if path.is_file() else []
        return [line.split()[0] for line in lines if line.startswith(("http:", "https:"))]
    return [uri] if uri.startswith(("http:", "https:", "file:")) else []
