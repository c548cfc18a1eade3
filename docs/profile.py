"""Prints docs/profile.md: every key of a profile, out of the table in kubeup/profile/keys/.

python docs/profile.py >docs/profile.md
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubeup.profile import keys
from kubeup.profile.keys.base import Group, ProfileKey

HEAD = """\
# The profile

<!-- Made by: python docs/profile.py >docs/profile.md -->

A YAML file. Only `nodes` and `roles` have to be there. `kubeup profile keys` prints the same where this page is not at
hand, `kubeup profile keys KEY` all of one key.
"""


def page() -> str:
    """The whole text of docs/profile.md."""
    return HEAD + "".join(line + "\n" for group in keys.GROUPS for line in _group(group))


def _group(group: Group) -> Iterator[str]:
    yield from ("", f"## {group.title}", "")
    if group.text:
        yield from (group.text, "")
    yield from _table(group.keys)
    for inside in dict.fromkeys(key.keys for key in group.keys if key.keys):
        names = ", ".join(f"`{key.name}`" for key in group.keys if key.keys == inside)
        yield from ("", f"Inside of {names}:", "")
        yield from _table(inside)
    examples = {key.example: key.line for key in group.keys}
    yield from ("", "```yaml", *examples.values(), "```")


def _table(rows: Sequence[ProfileKey]) -> Iterator[str]:
    yield "| key | value | meaning | default |"
    yield "|---|---|---|---|"
    for key in rows:
        more = f"; see [{key.see}]({key.see})" if key.see else ""
        default = f"`{key.default}`" if key.default else key.unsaid
        yield f"| `{key.name}` | {key.form.words} | {key.help}{more} | {default} |".replace("|  |", "| |")


if __name__ == "__main__":
    print(page(), end="")
