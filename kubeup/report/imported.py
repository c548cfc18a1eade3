"""What an old configuration became: a row for every setting, what was not followed, what to look at."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kubeup.importer import Imported
from kubeup.importer.conversion import Fate, HowItEnded
from kubeup.importer.shell import ShellNote
from kubeup.model.redaction import without_passwords

STYLES = {HowItEnded.TAKEN: "green", HowItEnded.DEFAULT: "green", HowItEnded.GONE: "dim", HowItEnded.LEFT: "yellow"}
MARKS = {HowItEnded.TAKEN: "taken", HowItEnded.DEFAULT: "default", HowItEnded.GONE: "gone", HowItEnded.LEFT: "look"}
WIDEST = 34


def show(console: Console, imported: Imported) -> None:
    """On stderr: the table and the notes; warnings are told by themselves."""
    if imported.fates:
        console.print(_table(imported.fates))
    if imported.notes:
        console.print(Text("\nnot followed, for nothing of the file is carried out:", "bold"))
        for note in imported.notes:
            console.print(Text(_note(note)), soft_wrap=True)
    if imported.overridable:
        names = ", ".join(imported.overridable)
        text = f"\nthe environment could change these when kube-up ran; kubeup takes the file's values: {names}"
        console.print(Text(text), soft_wrap=True)


def warnings(console: Console, imported: Imported) -> None:
    """The problems that leave a profile that loads."""
    for text in imported.warnings:
        console.print(Text(text), soft_wrap=True)


def _table(fates: tuple[Fate, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("LINE", justify="right", no_wrap=True)
    table.add_column("SETTING", no_wrap=True)
    table.add_column("WAS", overflow="fold", max_width=WIDEST)
    table.add_column("", no_wrap=True)
    table.add_column("BECAME", overflow="fold")
    for fate in fates:
        mark = Text(MARKS[fate.outcome], STYLES[fate.outcome])
        table.add_row(str(fate.line), _plain(fate.name), _short(fate.was), mark, _plain(fate.became))
    return table


def _note(note: ShellNote) -> str:
    sets = f"; it sets {', '.join(note.names)}" if note.names else ""
    return _plain(f"  line {note.line}: {note.text}{sets}").plain


def _short(text: str) -> Text:
    hidden = without_passwords(" ".join(text.split()))
    return _plain(hidden if len(hidden) <= 3 * WIDEST else f"{hidden[: 3 * WIDEST - 3]}...")


def _plain(text: str) -> Text:
    """Without passwords, and without what a terminal would act upon."""
    return Text("".join(char if char.isprintable() else "?" for char in without_passwords(text)))
