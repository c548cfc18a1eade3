"""What a person reads of the search for files, where there is no terminal."""

from __future__ import annotations

import io

from rich.console import Console

from kubeup.release.artifacts import ArtifactRef, Remark, Waiting
from kubeup.report.progress import View

FLANNELD = ArtifactRef("flanneld", "0.28.10", "amd64")


def shown(*events: Remark | Waiting) -> list[str]:
    out = io.StringIO()
    view = View(Console(file=out, width=200), live=False)
    for event in events:
        view.emit_release(event)
    return [line.strip() for line in out.getvalue().rstrip("\n").split("\n")]


def test_a_busy_site_is_told_once_with_its_seconds() -> None:
    told = shown(*(Waiting("api.github.com", left) for left in (30, 29, 28)))
    assert told == ["waiting for api.github.com, which is busy: 30 s"]


def test_how_a_file_is_trusted_is_told_by_its_name() -> None:
    text = "taken out of the image [ghcr.io/flannel-io/flannel:v0.28.10]"
    assert shown(Remark(FLANNELD, text)) == [f"flanneld: {text}"]
