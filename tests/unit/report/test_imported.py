"""What an old configuration became, on a screen."""

from __future__ import annotations

from kubeup.importer import Imported
from kubeup.importer.conversion import Fate, HowItEnded
from kubeup.importer.shell import ShellNote
from kubeup.report import imported
from tests.unit.report.conftest import Shown

FOUND = Imported(
    "config-default.sh",
    "nodes: []\n",
    (
        Fate("roles", 4, "ai i", HowItEnded.TAKEN, "roles: ai i"),
        Fate("HTTP_PROXY", 9, "http://ann:secret@proxy:3128", HowItEnded.LEFT, "say it yourself"),
    ),
    (ShellNote(12, "a command", ("A", "B")),),
    ("config-default.sh:9:1: warning: look",),
    (),
    ("MASTER", "NODES"),
    secret=True,
)


def test_settings_notes_and_what_the_environment_could_change_are_told(shown: Shown) -> None:
    text = shown(imported.show, FOUND)
    assert "   4  roles       ai i" in text
    assert "look" in text
    assert "not followed, for nothing of the file is carried out:\n  line 12: a command; it sets A, B" in text
    assert text.endswith("kubeup takes the file's values: MASTER, NODES")


def test_no_password_is_shown(shown: Shown) -> None:
    assert "secret" not in shown(imported.show, FOUND)
    assert "***@proxy" in shown(imported.show, FOUND)


def test_warnings_are_told_by_themselves(shown: Shown) -> None:
    assert shown(imported.warnings, FOUND) == "config-default.sh:9:1: warning: look"
