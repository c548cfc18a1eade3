"""The table of commands, against the commands themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from kubeup.cli.main import main
from kubeup.cli.table import COMMANDS, Command

HEAVY = ("paramiko", "fabric", "cryptography", "jinja2", "ruamel", "rich")


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_help_says_of_a_command_what_the_command_says_of_itself(entry: Command) -> None:
    command = entry.load()
    assert command.name == entry.name
    # Whether it ends with a full stop depends on the release of click.
    assert command.get_short_help_str(limit=1000).rstrip(".") == entry.help.rstrip(".")


def test_every_command_of_the_table_is_in_the_help_and_can_be_called() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    for entry in COMMANDS:
        assert f"\n  {entry.name} " in listed
        assert CliRunner().invoke(main, [entry.name, "--help"]).exit_code == 0


def test_a_mistyped_command_is_refused_with_the_one_that_was_meant() -> None:
    done = CliRunner().invoke(main, ["validat"])
    assert done.exit_code == 2
    assert "No such command 'validat'" in done.stderr


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_what_needs_no_command_imports_none_of_what_is_slow_to_import(argument: str) -> None:
    script = f"""
import sys
from kubeup.cli.main import main
try:
    main.main([{argument!r}])
finally:
    print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout
    assert done.stderr.strip() == ""
