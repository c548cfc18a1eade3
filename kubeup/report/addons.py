"""Addons as people and scripts see them: what is installed, what can be, what a command changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from kubeup import addons
from kubeup.commands.addons import Change, Installed
from kubeup.model.cluster import Cluster


def show(console: Console, cluster: Cluster, found: Mapping[str, Installed]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for title in ("ADDON", "INSTALLED", "AVAILABLE", "PODS", "ASKED FOR", "WHAT"):
        table.add_column(title, no_wrap=title != "WHAT")
    for name in names(cluster, found):
        addon, here = addons.BY_NAME.get(name), found.get(name)
        table.add_row(
            name,
            (here.version if here and here.version != "-" else "yes") if here else "-",
            cluster.versions.of(addon.program) if addon else "-",
            f"{here.ready}/{here.wanted}" if here and here.wanted else "-",
            _asked(cluster, name),
            what(name),
        )
    console.print(table, soft_wrap=False)


def names(cluster: Cluster, found: Mapping[str, Installed]) -> list[str]:
    return list(dict.fromkeys((*addons.BY_NAME, *cluster.addons, *found)))


def _asked(cluster: Cluster, name: str) -> str:
    if name in cluster.addons_by_hand:
        return "by hand"
    return "profile" if name in cluster.addons else "-"


def what(name: str) -> str:
    addon = addons.BY_NAME.get(name)
    if addon is None:
        return "your own"
    return f"{addon.summary} ({addon.runs})" + (f"; {addon.remark}" if addon.remark else "")


def as_json(cluster: Cluster, found: Mapping[str, Installed]) -> str:
    rows = []
    for name in names(cluster, found):
        addon, here = addons.BY_NAME.get(name), found.get(name)
        rows.append(
            {
                "name": name,
                "installed": here.version if here else None,
                "available": cluster.versions.of(addon.program) if addon else None,
                "ready": here.ready if here else 0,
                "wanted": here.wanted if here else 0,
                "asked": _asked(cluster, name),
            }
        )
    return json.dumps({"addons": rows}, indent=2)


def show_changes(console: Console, cluster: Cluster, changed: Iterable[Change]) -> None:
    """One line an addon, then what to type next where there is something new."""
    for one in changed:
        console.print(f"{one.name}: {_words(one)}", highlight=False, soft_wrap=True)
    for one in changed:
        addon = addons.BY_NAME.get(one.name)
        if addon and one.made and addon.hint(cluster):
            console.print(f"  try {one.name}: {addon.hint(cluster)}", highlight=False, soft_wrap=True)


def _words(one: Change) -> str:
    if one.gone:
        return "taken away"
    parts = [f"{count} {word}" for count, word in ((one.made, "new"), (one.changed, "changed")) if count]
    if not parts:
        return f"runs; nothing changed ({one.same} objects)"
    rest = [f"{one.same} as they were"] if one.same else []
    return f"runs; {', '.join((*parts, *rest))}"


def changes_json(changed: Sequence[Change]) -> str:
    rows = [
        {"name": one.name, "new": one.made, "changed": one.changed, "unchanged": one.same, "gone": one.gone}
        for one in changed
    ]
    return json.dumps(
        {"changed": any(row["new"] or row["changed"] or row["gone"] for row in rows), "addons": rows}, indent=2
    )
