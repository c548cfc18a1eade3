"""Prints docs/preflight.md: what preflight may find in the way, out of kubeup/model/preflight_ids.py.

python docs/preflight.py >docs/preflight.md
"""

from __future__ import annotations

from kubeup.model.preflight_ids import PREFLIGHT_IDS

HEAD = """\
# What preflight may find

<!-- Made by: python docs/preflight.py >docs/preflight.md -->

Before anything is touched, `kubeup up` and `kubeup plan` look at every node and tell all that is in the way at once,
each problem with its id in brackets. An error stops the run. `waive: [ID]` in the profile makes it a warning, for
who knows better; what only warns need not be waived.

| id | what it means | severity | can be waived |
|---|---|---|---|
"""


def page() -> str:
    """The whole text of docs/preflight.md."""
    rows = [
        f"| `{one.id}` | {one.meaning} | {one.severity} | {'yes' if one.waivable else 'only warns'} |\n"
        for one in PREFLIGHT_IDS.values()
    ]
    return HEAD + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
