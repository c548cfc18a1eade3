"""Writes the table of addons in docs/addons.md anew, out of what the addons say of themselves.

python docs/addons.py
"""

from __future__ import annotations

import re
from pathlib import Path

from kubeup import addons
from kubeup.addons.base import Addon
from kubeup.model.cluster import Cluster

PAGE = Path(__file__).with_name("addons.md")
BEGIN, END = "<!-- made by: python docs/addons.py -->", "<!-- end of the table -->"
HEAD = "| addon | gives | by | to know |\n|---|---|---|---|\n"
OWN = (
    "| `./manifests` | what is in that folder of yours: `.yaml`, `.json`, and `.yaml.j2` templates, "
    "which know `cluster` |  |  |\n"
)


def page() -> str:
    """The whole text of docs/addons.md, with the table as it should be."""
    table = HEAD + "".join(map(row, addons.ALL)) + OWN
    before, after = PAGE.read_text().split(BEGIN)[0], PAGE.read_text().split(END)[1]
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def row(addon: Addon) -> str:
    default = "; the default" if addon.name in Cluster.addons else ""
    return f"| `{addon.name}` | {addon.summary}{default} | {addon.runs} | {keys(addon.remark)} |\n"


def keys(text: str) -> str:
    """Keys of a profile as code."""
    return re.sub(r"\b\w+_\w+\b", r"`\g<0>`", text)


if __name__ == "__main__":
    PAGE.write_text(page())
