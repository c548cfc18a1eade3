"""The keys of a profile as people and scripts see them, out of the same rows that read it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kubeup.profile import keys
from kubeup.profile.keys.base import ProfileKey


def show(console: Console) -> None:
    """All keys, by what they are about."""
    for number, group in enumerate(keys.GROUPS):
        console.print(Text(f"{chr(10) if number else ''}{group.title}", "bold"))
        console.print(_table(group.keys))
    console.print("\nall of one: kubeup profile keys KEY", highlight=False)


def show_one(console: Console, path: str, key: ProfileKey) -> None:
    """What one key means, an example, and the keys inside of it. path: its name, behind those of what it stands in."""
    # Where they are few, the words of the form name them.
    choices = ", ".join(key.form.choices) if key.form.kind == "list" else ""
    rows = [
        ("what", key.help),
        ("value", key.form.words),
        ("known", choices),
        ("default", default(key)),
        ("example", key.line),
    ]
    console.print(Text(path, "bold"))
    for title, text in rows:
        if text:
            console.print(Text(f"  {title + ':':9}{_plain(text)}"), soft_wrap=True)
    if key.keys:
        console.print(Text("\ninside of it"))
        console.print(_table(key.keys))


def as_json() -> str:
    return json.dumps({"keys": _rows(keys.ALL)}, indent=2)


def one_as_json(key: ProfileKey) -> str:
    return json.dumps(_row(key), indent=2)


def default(key: ProfileKey) -> str:
    """What holds where the profile does not say it."""
    return key.default or key.unsaid


def _table(rows: Iterable[ProfileKey]) -> Table:
    table = Table(box=None, padding=(0, 0, 0, 2), show_header=False)
    table.add_column(no_wrap=True, min_width=max(len(key.name) for key in keys.ALL) + 2)
    table.add_column(overflow="fold")
    for key in rows:
        holds = f" (default: {default(key)})" if default(key) else ""
        table.add_row(key.name, Text(_plain(f"{key.help}{holds}")))
    return table


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")


def _rows(rows: Iterable[ProfileKey]) -> list[dict[str, object]]:
    return [_row(key) for key in rows]


def _row(key: ProfileKey) -> dict[str, object]:
    found: dict[str, object] = {
        "name": key.name,
        "value": _plain(key.form.words),
        "help": _plain(key.help),
        "default": _plain(default(key)) or None,
        "example": key.line,
    }
    if key.form.choices:
        found["choices"] = list(key.form.choices)
    if key.keys:
        found["keys"] = _rows(key.keys)
    return found
