"""What of a profile's files is in the cache already."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from kubeup.release.artifacts import Artifact, ArtifactRef
from kubeup.report.progress import size

WIDTH = 140
"""Whatever the terminal: a sum that is cut off cannot be compared."""


def show(files: Iterable[tuple[ArtifactRef, Artifact | None]]) -> None:
    """Each file that is needed, with what the cache has of it."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for title in ("NAME", "VERSION", "IN CACHE", "SIZE", "FROM", "SHA256"):
        table.add_column(title, no_wrap=True)
    for needed, found in files:
        had = ("yes", size(found.size), found.source, found.sha256[:16]) if found else ("no", "", "", "")
        table.add_row(needed.name, needed.version, *had)
    Console(width=WIDTH).print(table)
