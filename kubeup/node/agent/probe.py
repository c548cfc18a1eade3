"""Asking a node everything in one trip: the script that is sent, and its answer as Facts."""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubeup.model.errors import NodeError
from kubeup.model.facts import FAMILIES, Facts, read
from kubeup.model.facts.answer import parse_lines
from kubeup.model.resources import ProbeRequest

SCRIPT = Path(__file__).with_name("probe.sh")
MARKER = b"kubeup-probe 1\n"


def probe_script(request: ProbeRequest) -> bytes:
    """The bytes for the standard input of ``sh -s``: the request, what the families of facts ask, probe.sh."""
    quick, slow = ([family.name for family in FAMILIES if family.slow is is_slow] for is_slow in (False, True))
    variables = (
        f"FAMILIES={shlex.quote(' '.join(quick))}\n"
        f"SLOW={shlex.quote(' '.join(slow))}\n"
        f"FILES={shlex.quote(chr(10).join(request.files))}\n"
        f"CONTENTS={shlex.quote(chr(10).join(request.contents))}\n"
        f"FOLDERS={shlex.quote(chr(10).join(request.folders))}\n"
        f"UNITS={shlex.quote(' '.join(request.units))}\n"
        f"PORTS={shlex.quote(' '.join(map(str, request.ports)))}\n"
        f"{_calls('check', request.checks)}{_calls('ask', request.asks)}"
    )
    return variables.encode() + b"".join(part.read_bytes() for part in (*(f.script for f in FAMILIES), SCRIPT))


def _calls(verb: str, every: Sequence[tuple[str, str]]) -> str:
    """The function run_VERBs, which begins them all at once."""
    lines = "".join(f"{verb} {shlex.quote(id_)} {shlex.quote(text)} &\n" for id_, text in every)
    return f"run_{verb}s() {{\n:\n{lines}}}\n"


def parse(reply: bytes, *, sent_at: float, received_at: float, node: str, root: str = "") -> Facts:
    """Facts out of an answer. Times in seconds since the epoch, of the operator's clock. root: a sandbox's folder.

    Raises NodeError where the answer is not one.
    """
    start = reply.find(MARKER)
    if start < 0:
        raise NodeError(
            node,
            "asking",
            "the node did not answer as kubeup's probe does",
            evidence=reply.decode("utf-8", "replace").split("\n")[-5:],
            fix="log in by hand and see what its shell prints",
        )
    body = reply[start + len(MARKER) :]
    end = body.find(b"\ntar\n")
    if end < 0:
        raise NodeError(
            node,
            "asking",
            "the answer broke off",
            evidence=body.decode("utf-8", "replace").split("\n")[-5:],
            fix="run the command again; if it happens again, look at the node's /var/log and disk",
        )
    text = body[:end].decode("utf-8", "replace")
    return read(parse_lines(text, _contents(body[end + 5 :]), (sent_at + received_at) / 2, root))


def _contents(archive: bytes) -> Mapping[str, bytes]:
    if not archive.strip(b"\0"):
        return {}
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                found["/" + member.name.lstrip("/")] = file.read()
    return found
