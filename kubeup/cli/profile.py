"""``kubeup profile``: what can stand in a profile."""

from __future__ import annotations

import click

from kubeup.cli import console
from kubeup.cli.options import OUTPUT
from kubeup.model.errors import UsageError
from kubeup.profile import keys
from kubeup.profile.reading import closest
from kubeup.report import profile_keys as report


@click.group("profile")
def profile_group() -> None:
    """The profile: what can stand in it.

    \b
    kubeup profile keys             every key, what it means and its default
    kubeup profile keys ssh         all of one key, with an example
    kubeup profile keys ssh.port    of one inside of it
    """


@profile_group.command("keys")
@click.argument("path", metavar="[KEY]", required=False)
@OUTPUT
def keys_command(path: str | None, output: str) -> None:
    """Every key of a profile, or all of one KEY."""
    if path is None:
        if output == "json":
            print(report.as_json())
        else:
            report.show(console.stdout())
        return
    known = keys.by_path()
    if path not in known:
        raise UsageError(
            f"a profile has no key {path}", fix=f"kubeup profile keys {closest(path, list(known))}".strip()
        )
    key = known[path]
    if output == "json":
        print(report.one_as_json(key))
    else:
        report.show_one(console.stdout(), path, key)
