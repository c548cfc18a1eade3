"""``kubeup profile``: what can stand in a profile, and ready ones to begin with."""

from __future__ import annotations

import click

from kubeup.cli import console
from kubeup.cli.options import OUTPUT
from kubeup.model.errors import UsageError
from kubeup.planning.data import folder
from kubeup.profile import keys
from kubeup.profile.reading import closest
from kubeup.report import profile_keys as report


@click.group("profile")
def profile_group() -> None:
    """The profile: what can stand in it, and ready ones to begin with.

    \b
    kubeup profile keys             every key, what it means and its default
    kubeup profile keys ssh         all of one key, with an example
    kubeup profile keys ssh.port    of one inside of it
    kubeup profile example >profile.yaml    one to begin with
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


@profile_group.command("example")
@click.argument("name", metavar="[NAME]", default="ai-i")
def example_command(name: str) -> None:
    """Print a ready profile: two machines, or the one called NAME (ha, docker, air-gapped, lab)."""
    ready = {path.stem: path for path in sorted(folder("profiles").glob("*.yaml"))}
    if name not in ready:
        raise UsageError(f"there is no ready profile {name}", fix=f"take one of: {', '.join(ready)}")
    print(ready[name].read_text(), end="")
