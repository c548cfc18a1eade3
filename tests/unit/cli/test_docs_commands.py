"""The command lines of README.md and docs/, and those that `make demo` ends with, typed.

All lines of a fence are command lines where its language is sh or console, or where it has none and a line begins with
one of PROGRAMS. Code in prose is one where it begins with kubeup or make, and may leave arguments out. Those of kubeup
are read by kubeup itself, and those in RUN carried out on recorded nodes; make must know its targets; lines of other
programs stand in OTHERS, each with who holds it.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from kubeup import profile
from kubeup.cli import main
from kubeup.planning import resolve
from tests.support.docs import ROOT, TEXTS
from tests.support.machines import fill_cache
from tests.support.recorded import Kubeup

OTHERS = {
    "sudo apt install pipx && pipx ensurepath": "the system's own",
    "pipx install .": "setup.cfg, by what tests/unit/test_imports.py holds of it",
    "pipx install dist/kubeup-0.1.0-py3-none-any.whl": "its name, by the test of the version below",
    "sudo apt install python3-pip": "the system's own",
    "pip wheel --no-deps -w dist .": "setup.cfg, as above",
    "pip wheel -w wheels .": "setup.cfg, as above",
    "python3 -m venv ~/.local/share/kubeup": "Python's own",
    "~/.local/share/kubeup/bin/pip install .": "setup.cfg, as above",
    "~/.local/share/kubeup/bin/pip install --no-index --find-links wheels kubeup": "no index is asked for that name",
    "mkdir -p ~/.local/bin && ln -s ~/.local/share/kubeup/bin/kubeup ~/.local/bin/kubeup": "the system's own",
    "kubectl get nodes": "kubectl's own; tests/lab has it run",
    "docker save app:1 | kubeup images push -": "docker's own; kubeup's half is read",
    "docker save appstore:5000/django:1 | kubeup images push -": "docker's own; kubeup's half is read",
    "curl -H 'Host: foo.bar.com' http://192.168.200.13/foo": "tests/lab/test_story.py",
}
"""Lines with another program than kubeup and make, and who holds them instead."""
PROGRAMS = {"kubeup", "make", "pip", "pipx", "python", "python3", "sudo", "mkdir", "docker", "kubectl", "curl", "git"}
PLACEHOLDERS = {
    "PROFILE": "profile.yaml",
    "FILE": "kubeup.tar",
    "ARCHIVE": "app.tar",
    "KEY": "roles",
    "NODE": "node4",
    "NAME": "ha",
    "...": "",
}
FILES = ("kubeup.tar", "app.tar", "app.tar.gz", "other.tar", "config-default.sh", "before", "after")
"""What the lines take for granted beside the profile; one that reads them for real has its own in RUN."""
RUN = (
    "kubeup plan",
    "kubeup plan profile.yaml",
    "kubeup down",
    "kubeup up",
    "kubeup up profile.yaml",
    "kubeup up --dry-run",
    "kubeup profile keys",
    "kubeup profile keys KEY",
    "kubeup profile example NAME",
    "kubeup --version",
    "kubeup --help",
    "kubeup release list PROFILE",
)
"""kubeup's lines that are carried out."""
UNASKED = {"down": ("--yes",), "up": ("--no-validate",)}
"""What these nodes are spared: nobody answers a question, and test_validate.py has what validates."""
TO_COME = {"kubeup nodes"}
"""What a recipe of contributing.md adds."""


@dataclass(frozen=True)
class Line:
    """place: FILE:NUMBER. prose: where it stands, which may name a command without its arguments."""

    place: str
    text: str
    prose: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def without_comment(text: str) -> str:
    return re.sub(r"(^|\s+)#.*", "", text).strip().removeprefix("$ ")


def is_command(text: str) -> bool:
    first = text.split(" ")[0]
    return first in PROGRAMS or first.startswith("~/")


def fences(path: Path) -> Iterator[tuple[str, list[Line]]]:
    """(language, lines without comments)"""
    language: str | None = None
    lines: list[Line] = []
    for number, text in enumerate(path.read_text().splitlines(), 1):
        if text.startswith("```"):
            if language is not None:
                yield language, lines
            language, lines = (text[3:], []) if language is None else (None, [])
        elif language is not None and without_comment(text):
            lines.append(Line(f"{path.name}:{number}", without_comment(text)))


def fenced() -> Iterator[Line]:
    for path in TEXTS:
        for language, lines in fences(path):
            if language in ("sh", "console") or (not language and any(is_command(line.text) for line in lines)):
                yield from lines


def in_prose() -> Iterator[Line]:
    for path in TEXTS:
        text = re.sub(r"^```.*?^```", lambda fence: "\n" * fence[0].count("\n"), path.read_text(), flags=re.S | re.M)
        for found in re.finditer(r"`((?:kubeup|make) [^`]+)`", text):
            words = " ".join(found[1].split())
            yield Line(f"{path.name}:{text[: found.start()].count(chr(10)) + 1}", without_comment(words), prose=True)


def printed_by_the_demo() -> Iterator[Line]:
    """What `make demo` ends with, where no kubectl is installed."""
    text = (ROOT / "demo/run.sh").read_text().partition("<<NEXT\n")[2].partition("\nNEXT")[0]
    text = text.replace("$kubectl", "kubeup lab shell node3 kubectl").replace("$kubeup", "kubeup")
    for line in text.splitlines():
        if line.startswith("  "):
            yield Line("demo/run.sh", without_comment(line))


LINES = [*fenced(), *in_prose(), *printed_by_the_demo()]
KUBEUP = [line for line in LINES if re.search(r"(^|\| )kubeup ?", line.text) and line.text not in TO_COME]


def words_of(line: str) -> list[str]:
    """What kubeup is called with: behind a pipe, before a redirection, with values for placeholders."""
    words = shlex.split(re.sub(r"\s*[<>]+\s*\S+", "", line.split("| ")[-1]))
    filled = (re.sub(r"^\[|\]$", "", word) for word in words[1:])
    return [value for value in (PLACEHOLDERS.get(word, word) for word in filled) if value]


def read(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """As click would, but that nothing is carried out. Raises ClickException."""
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        context = click.Context(command, parent=parent, info_name=command.name)
        known = command.get_command(context, words[0])
        if known is not None:
            return read(known, words[1:], context)
        assert command.name == "addons", f"{command.name} has no command {words[0]}"
    if isinstance(command, click.Group) and not words:
        return None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("click.echo", lambda *_, **__: None)
        # --help and --version end it.
        with contextlib.suppress(click.exceptions.Exit):
            command.make_context(command.name, list(words), parent)
    return None


@pytest.mark.parametrize("line", KUBEUP, ids=str)
def test_kubeup_knows_its_commands_and_their_options(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).touch()
    try:
        read(main.main, words_of(line.text))
    except click.MissingParameter as error:
        if not line.prose:
            pytest.fail(f"{line}: {error.format_message()}")
    except click.ClickException as error:
        pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.parametrize("line", RUN)
def test_lines_of_kubeup_do_what_they_say(line: str, demo: Kubeup) -> None:
    assert line in [one.text for one in KUBEUP], "the docs no longer have it"
    facts = {host: node.facts for host, node in demo.nodes.items()}
    fill_cache(resolve.resolve(profile.load(Path("profile.yaml")).cluster, facts), facts, demo.home / "cache")
    words = words_of(line)
    done = demo(*words, *UNASKED.get(words[0], ()))
    assert done.exit_code == 0, done.output
    assert done.output.strip()


def test_make_knows_its_targets() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for line in LINES if line.text.startswith("make ")]
    assert len(lines) > 5
    assert not [str(line) for line in lines if line.text.split()[1] not in targets]


def test_every_other_line_is_held_by_somebody_and_none_is_of_yesterday() -> None:
    others = [line for line in fenced() if not re.match("(kubeup|make) ?", line.text)]
    assert not [str(line) for line in others if line.text not in OTHERS]
    assert not set(OTHERS) - {line.text for line in others}


def resembles(word: str) -> bool:
    return bool(difflib.get_close_matches(word, PROGRAMS, 1, 0.8))


def test_no_fence_is_taken_for_something_else_because_a_program_is_misspelt() -> None:
    close = []
    for path in TEXTS:
        for language, lines in fences(path):
            if not language and not any(is_command(line.text) for line in lines):
                close += [str(line) for line in lines if resembles(line.text.split()[0])]
    assert not close


def test_no_line_installs_what_others_may_have_put_under_the_bare_name() -> None:
    bare = [line for line in fenced() if re.search(r"\b(pip|pipx) install\b.* kubeup$", line.text)]
    assert not [str(line) for line in bare if "--no-index" not in line.text]


def test_the_wheel_is_called_as_this_version_is() -> None:
    setup = (ROOT / "setup.cfg").read_text()
    version = re.search(r"^version = (.+)$", setup, re.MULTILINE)
    assert version
    wheels = re.findall(r"kubeup-([\d.]+)-py3-none-any\.whl", (ROOT / "README.md").read_text())
    assert wheels
    assert set(wheels) == {version[1]}
