"""A trip as bytes for the wire: the lines of ``steps``, the blobs they need, and all of it as one tar stream."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubeup.model.cluster import Proxy
from kubeup.model.errors import KubeupError
from kubeup.node.wire.packing import Meter, Packer, Piece
from kubeup.node.wire.step_lines import IssuedSecrets, Writer, content_of, write
from kubeup.plan.steps import Level, NodePlan, SetMeta
from kubeup.plan.waves import Gate
from kubeup.release.artifacts import Download

CHUNK = 256 * 1024
HALF = Path(__file__).parents[1] / "agent"
SCRIPTS = ("apply.sh", "stage.sh", "undo.sh", "shared.sh")

Body = Iterator[bytes | memoryview]
Arrived = Callable[[int], None]


@dataclass(frozen=True)
class Payload:
    """One trip: its steps with a title each (for progress), its small blobs, its large pieces.

    timeout: seconds it may take, where that is more than usual. gates: number of a step, from 1 -> the gate that it is.
    """

    lines: tuple[str, ...]
    titles: tuple[str, ...]
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    pieces: tuple[Piece, ...] = ()
    timeout: float = 0.0
    gates: Mapping[int, Gate] = field(default_factory=dict)


def stage_payload(
    plan: NodePlan,
    expected: int,
    generation: int,
    operator: str,
    issued: IssuedSecrets,
    paths: Mapping[str, Path],
    arrived: Mapping[str, int],
) -> Payload:
    """Brings every byte to the node, changes nothing that runs. paths: sha256 -> file in the operator's cache.

    arrived: sha256 -> bytes the node has of it already.
    """
    writer = Writer()
    _open(writer, expected, generation, operator)
    for step in plan.steps:
        if isinstance(step, SetMeta) and step.key == "cluster":
            writer.line("record", "set-meta", step.key, step.value)
    for effect in plan.baselines:
        writer.line(f"observe {effect.name}", "record-baseline", effect.kind, effect.name, effect.value)
    for put in plan.files:
        writer.line("staging files", "stage-file", writer.blob(content_of(put.file, issued)))
    pieces = []
    # Small ones first: by the time of the large ones the link's speed is known.
    for binary in sorted(plan.binaries, key=lambda one: one.size):
        offset = arrived.get(binary.sha256, 0)
        packed = arrived.get(f"{binary.sha256}.gz", 0)
        pieces.append(Piece(binary, paths[binary.sha256], offset if offset <= binary.size else 0, packed))
        writer.line(f"storing {binary.name}", "store-binary", binary.sha256, binary.name)
    return finished(writer, pieces)


def download_payload(
    plan: NodePlan, expected: int, generation: int, operator: str, downloads: Mapping[str, Download], proxy: Proxy
) -> Payload:
    """Lets the node fetch binaries by itself; what it does not get is noted.

    downloads: sha256 of the binary -> where. proxy: the profile's; where it names none, the machine's own is asked.
    """
    writer = Writer()
    _open(writer, expected, generation, operator)
    if proxy.http or proxy.https:
        writer.line("downloads", "download-through", proxy.http, proxy.https or proxy.http, ",".join(proxy.no_proxy))
    for step in plan.steps:
        if isinstance(step, SetMeta) and step.key == "cluster":
            writer.line("record", "set-meta", step.key, step.value)
    for binary in plan.binaries:
        where = downloads.get(binary.sha256)
        if where is not None:
            title = f"downloading {binary.name}"
            writer.line(title, "download-binary", binary.sha256, binary.name, where.url, where.sha256, where.member)
    return finished(writer)


def level_payload(
    level: Level,
    expected: int,
    generation: int,
    operator: str,
    issued: IssuedSecrets,
    before: Sequence[Gate] = (),
) -> Payload:
    """Carries out one level; its files were staged. before: what must hold before anything is touched."""
    writer = Writer()
    _open(writer, expected, generation, operator, before)
    for step in level.steps:
        write(writer, step, issued)
    return finished(writer)


def finished(writer: Writer, pieces: Iterable[Piece] = ()) -> Payload:
    """The trip of all that was written."""
    return Payload(
        tuple(writer.lines), tuple(writer.titles), dict(writer.blobs), tuple(pieces), gates=dict(writer.gates)
    )


def _open(writer: Writer, expected: int, generation: int, operator: str, before: Sequence[Gate] = ()) -> None:
    writer.line("record", "expect-generation", str(expected))
    for gate in before:
        writer.gate(gate)
    writer.line("record", "set-generation", str(generation), operator)


def stream(trip: Payload, packer: Packer | None = None, arrived: Arrived = lambda _: None) -> Body:
    """The trip as a tar stream: small things first, so that the steps are there when the last piece arrived.

    packer: packs pieces for a link that is slow; without one all is sent as it is. arrived: told how many bytes of
    size_of(trip) were taken by the link.
    """
    meter = Meter()
    yield _small(trip)
    done = sum(len(blob) for blob in trip.blobs.values())
    for piece in trip.pieces:
        if piece.offset == piece.binary.size and not piece.packed:
            # All of it arrived, and the step that takes it in was not reached.
            continue
        sending = _choose(piece, packer, meter)
        worth = piece.binary.size - piece.offset
        sent = 0
        yield _header(sending.name, sending.length)
        for chunk in _read(sending):
            yield chunk
            sent += len(chunk)
            meter.sent += len(chunk)
            arrived(done + worth * sent // max(sending.length, 1))
        yield b"\0" * (-sending.length % 512)
        done += worth
    yield b"\0" * 1024


@dataclass(frozen=True)
class _Sending:
    """What of a piece goes over the wire, and under which name."""

    name: str
    path: Path
    offset: int
    length: int


def _choose(piece: Piece, packer: Packer | None, meter: Meter) -> _Sending:
    """Packed, if some of it came packed already, or if the link is slower than packing; else as it is."""
    digest, size = piece.binary.sha256, piece.binary.size
    if packer and (piece.packed or (not piece.offset and packer.pays(piece, meter.rate))):
        path = packer.pack(piece)
        whole = path.stat().st_size
        offset = piece.packed if piece.packed <= whole else 0
        return _Sending(f"piece/{digest}.gz.{offset:012d}", path, offset, whole - offset)
    name = f"piece/{digest}.{piece.offset:012d}"
    return _Sending(name, piece.path, piece.start + piece.offset, size - piece.offset)


def _read(sending: _Sending) -> Iterator[memoryview]:
    # Handed on as views: a copy of each slice would halve the throughput.
    with sending.path.open("rb") as file:
        file.seek(sending.offset)
        left = sending.length
        while left:
            chunk = file.read(min(CHUNK, left))
            if not chunk:
                raise KubeupError(f"{sending.path} became shorter while it was being sent", fix="run the command again")
            left -= len(chunk)
            yield memoryview(chunk)


def size_of(trip: Payload) -> int:
    """Bytes of payload, for progress."""
    return sum(len(blob) for blob in trip.blobs.values()) + sum(p.binary.size - p.offset for p in trip.pieces)


def _small(trip: Payload) -> bytes:
    out = io.BytesIO()
    members: dict[str, bytes] = {name: (HALF / name).read_bytes() for name in SCRIPTS}
    members["steps"] = "".join(line + "\n" for line in trip.lines).encode()
    members.update({f"blob/{digest}": content for digest, content in trip.blobs.items()})
    for name, content in members.items():
        out.write(_header(name, len(content)))
        out.write(content + b"\0" * (-len(content) % 512))
    return out.getvalue()


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, 1
    return info.tobuf(format=tarfile.GNU_FORMAT)
