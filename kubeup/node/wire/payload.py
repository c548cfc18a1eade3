"""A plan as bytes for the wire: the lines of ``steps``, the blobs they need, and all of it as one tar stream.

The node's half is apply.sh; the verbs here are the ones it knows. They need no number of a version: the scripts that
read them come in the same stream, so both halves are always of one kubeup. What stays on a node is the record, which
has one.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubeup.model.cluster import Proxy
from kubeup.model.errors import KubeupError
from kubeup.model.resources import Action, File, sha256
from kubeup.node.wire.packing import Meter, Packer, Piece
from kubeup.plan.steps import (
    Await,
    CreateDirectory,
    DeleteState,
    Level,
    LinkBinary,
    NodePlan,
    RecordBaseline,
    RestorePath,
    RevertSideEffect,
    RunAction,
    SetMeta,
    Start,
    Step,
    Stop,
    Undo,
    WriteFile,
)
from kubeup.release.artifacts import Download

CHUNK = 256 * 1024
HALF = Path(__file__).parents[1] / "agent"
SCRIPTS = ("apply.sh", "stage.sh", "undo.sh", "shared.sh")

Body = Iterator[bytes | memoryview]
Arrived = Callable[[int], None]
IssuedSecrets = Mapping[str, bytes]
"""What was issued or brought from a control-plane node, by the ``source`` of the files that wait for it."""


@dataclass(frozen=True)
class Payload:
    """One trip: its steps with a title each (for progress), its small blobs, its large pieces.

    timeout: seconds it may take, where that is more than usual.
    """

    lines: tuple[str, ...]
    titles: tuple[str, ...]
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    pieces: tuple[Piece, ...] = ()
    timeout: float = 0.0


class Writer:
    """Collects lines, their titles and the blobs they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.titles: list[str] = []
        self.blobs: dict[str, bytes] = {}

    def line(self, title: str, *fields: str) -> None:
        for value in fields:
            if "\n" in value or "\t" in value:
                raise KubeupError(f"a step's field holds a tab or a line break: {value!r}", fix="report this")
        self.lines.append("\t".join(value or "-" for value in fields))
        self.titles.append(title)

    def blob(self, content: bytes) -> str:
        digest = sha256(content)
        self.blobs[digest] = content
        return digest

    def script(self, text: str) -> str:
        return self.blob((text + "\n").encode()) if text else ""

    def action(self, action: Action) -> None:
        undo = self.script(action.undo)
        self.line(action.title, "run-action", action.id, self.script(action.apply), undo, str(action.timeout))

    def payload(self, pieces: Iterable[Piece] = ()) -> Payload:
        return Payload(tuple(self.lines), tuple(self.titles), dict(self.blobs), tuple(pieces))


def content_of(file: File, issued: IssuedSecrets) -> bytes:
    """The bytes of a file, known from the start, or issued by now."""
    if file.content is not None:
        return file.content
    try:
        return issued[file.source]
    except KeyError:
        raise KubeupError(f"nothing was issued for {file.path}", fix="report this") from None


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
    return writer.payload(pieces)


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
    return writer.payload()


def level_payload(level: Level, expected: int, generation: int, operator: str, issued: IssuedSecrets) -> Payload:
    """Carries out one level; its files were staged."""
    writer = Writer()
    _open(writer, expected, generation, operator)
    for step in level.steps:
        _write(writer, step, issued)
    return writer.payload()


def _open(writer: Writer, expected: int, generation: int, operator: str) -> None:
    writer.line("record", "expect-generation", str(expected))
    writer.line("record", "set-generation", str(generation), operator)


def _write(writer: Writer, step: Step, issued: IssuedSecrets) -> None:
    match step:
        case CreateDirectory(directory=d):
            kind, keep = ("tree" if d.owned_recursively else "dir"), ("keep" if d.survives_keep_data else "-")
            writer.line(f"folder {d.path}", "create-directory", d.path, f"{d.mode:o}", d.owner, kind, keep)
        case WriteFile(file=f):
            digest = sha256(content_of(f, issued))
            keep = "keep" if f.survives_keep_data else "-"
            writer.line(f"file {f.path}", "write-file", digest, f.path, f"{f.mode:o}", f.owner, keep)
        case LinkBinary(binary=b):
            writer.line(f"link {b.link}", "link-binary", b.store_path, b.link)
        case Start(unit=u, restart=restart, reload=reload, resume=resume):
            word = "reloading" if reload else "restarting" if restart else "starting"
            how = "reload" if reload else "start" if resume else "restart"
            whose = "foreign" if u.preexisting else "own"
            writer.line(f"{word} {u.name}", "start", u.name, whose, how)
        case Await(unit=u):
            paths = " ".join(u.reads)
            writer.line(f"waiting for {u.name}", "await", u.name, writer.script(u.ready), str(u.timeout), paths)
        case RunAction(action=a):
            writer.action(a)
        case RecordBaseline(side_effect=t):
            writer.line(f"observe {t.name}", "record-baseline", t.kind, t.name, t.value)
        case SetMeta(key=key, value=value):
            writer.line("record", "set-meta", key, value)
        case _:
            _write_undo(writer, step)


def _write_undo(writer: Writer, step: Step) -> None:
    match step:
        case Stop(unit=unit, before=before):
            writer.line(f"stopping {unit}", "stop", unit, before)
        case Undo(action=action):
            writer.line(f"undoing {action}", "undo", action)
        case RevertSideEffect(kind=kind, name=name, before=before):
            writer.line(f"clearing {kind} {name}", "revert-side-effect", kind, name, before)
        case RestorePath(owned=o):
            had = "yes" if o.had_original else "no"
            writer.line(f"giving back {o.path}", "restore-path", o.path, o.kind, o.value, had)
        case DeleteState(keep_data=keep):
            writer.line("removing kubeup's own folder", "delete-state", "keep" if keep else "-")
        case _:
            raise KubeupError(f"no words for the step {step!r}", fix="report this")


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
