"""What is at the paths that were asked for, and at those that kubeup owns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeup.model.facts.answer import Answer

KINDS = {"regular file": "file", "regular empty file": "file", "symbolic link": "link", "directory": "dir"}


@dataclass(frozen=True)
class FileFact:
    """One path. kind: file, link, dir, other or absent. sha256 and size of a file; target of a link.
    leads_to_folder: a link behind which there is one."""

    path: str
    kind: str = "absent"
    mode: int = 0
    owner: str = ""
    size: int = 0
    sha256: str = ""
    target: str = ""
    content: bytes | None = None
    leads_to_folder: bool = False

    @property
    def exists(self) -> bool:
        return self.kind != "absent"

    @property
    def is_folder(self) -> bool:
        return self.kind == "dir" or self.leads_to_folder


@dataclass(frozen=True)
class FileFacts:
    """files: path -> what is there; a path that was asked for and is not in it does not exist."""

    files: Mapping[str, FileFact] = field(default_factory=dict)

    def file(self, path: str) -> FileFact:
        """What is at a path that was asked for; absent if the probe found nothing."""
        return self.files.get(path, FileFact(path))


def parse(answer: Answer) -> FileFacts:
    # 64 digits, two characters, the name.
    hashes = {answer.path(text[66:]): text[:64] for text in answer.texts("sha256sum")}
    targets = {answer.path(row[1]): row[0] for row in answer.all("target") if len(row) > 1}
    folders = {answer.path(name) for name in answer.texts("link_to_folder")}
    found = {}
    for kind, mode, owner, size, name in answer.all("file"):
        path = answer.path(name)
        found[path] = FileFact(
            path,
            KINDS.get(kind, "other"),
            int(mode, 8),
            owner,
            int(size),
            hashes.get(path, ""),
            targets.get(path, ""),
            answer.contents.get(path),
            path in folders,
        )
    return FileFacts(found)
