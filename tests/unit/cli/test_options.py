"""What commands make of their words."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kubeup.cli import main
from kubeup.cli.options import profile_first


@pytest.mark.parametrize(
    ("words", "path", "rest"),
    [
        ((), None, ()),
        (("p.yaml",), Path("p.yaml"), ()),
        (("sites/p.yml", "dns"), Path("sites/p.yml"), ("dns",)),
        (("ghcr.io/team/app:1", "p.yaml"), None, ("ghcr.io/team/app:1", "p.yaml")),
        (("app.tar", "other.tar.gz"), None, ("app.tar", "other.tar.gz")),
    ],
)
def test_the_first_word_is_a_profile_where_it_is_called_like_one(
    words: tuple[str, ...], path: Path | None, rest: tuple[str, ...]
) -> None:
    assert profile_first(words) == (path, rest)


@pytest.mark.parametrize(
    "command",
    ["up", "plan", "down", "validate", "addons", "addons list", "images list", "images check", "images pull"],
)
def test_every_command_takes_a_profile_as_its_first_word(command: str, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("nodes: []\n")
    done = CliRunner().invoke(main.main, [*command.split(), str(tmp_path / "p.yaml")])
    assert done.exit_code == 2
    assert f"{tmp_path}/p.yaml:1:8: there are no nodes" in done.output + done.stderr
