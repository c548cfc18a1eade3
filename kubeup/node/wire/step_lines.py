"""Steps as lines of ``steps``, and the blobs that they name.

The node's half is apply.sh; the verbs here are the ones it knows. They need no number of a version: the scripts that
read them come in the same stream, so both halves are always of one kubeup. What stays on a node is the record, which
has one.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.model.errors import KubeupError
from kubeup.model.resources import Action, File, sha256
from kubeup.plan.steps import (
    Await,
    CreateDirectory,
    DeleteState,
    LinkBinary,
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
from kubeup.plan.waves import Gate

IssuedSecrets = Mapping[str, bytes]
"""What was issued or brought from a control-plane node, by the ``source`` of the files that wait for it."""


class Writer:
    """Collects lines, their titles, the blobs they name, and which of them are gates (by number, from 1)."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.titles: list[str] = []
        self.blobs: dict[str, bytes] = {}
        self.gates: dict[int, Gate] = {}

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

    def gate(self, gate: Gate) -> None:
        self.line(gate.title, "gate", self.script(gate.check), str(gate.timeout), gate.lacks)
        self.gates[len(self.lines)] = gate


def content_of(file: File, issued: IssuedSecrets) -> bytes:
    """The bytes of a file, known from the start, or issued by now."""
    if file.content is not None:
        return file.content
    try:
        return issued[file.source]
    except KeyError:
        raise KubeupError(f"nothing was issued for {file.path}", fix="report this") from None


def write(writer: Writer, step: Step, issued: IssuedSecrets) -> None:
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
