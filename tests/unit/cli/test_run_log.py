"""The log of a run, `-v`, and what is told of a fault in kubeup itself: never a traceback on the screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubeup.model.errors import REPORT
from kubeup.node.wire.exchange import Reply
from kubeup.report import run_log
from kubeup.report.run_log import KEPT
from tests.support.recorded import SNAPSHOT, Answer, Kubeup, RecordedConnection
from tests.unit.cli.conftest import FIRST, SECOND

PASSWORD = "hunter2"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"


def logs(demo: Kubeup) -> list[Path]:
    return sorted((demo.home / "state/kubeup/logs").iterdir())


def test_every_run_leaves_a_log_for_the_operator_alone(demo: Kubeup) -> None:
    assert demo("down", "--yes").exit_code == 0
    (log,) = logs(demo)
    assert log.stat().st_mode & 0o777 == 0o600
    text = log.read_text()
    assert "== asking the nodes" in text
    assert "node4 < steps" in text
    assert re.search(r"node4 <     stop\S* kubelet\.service", text), text
    assert re.search(rf"{SECOND} = apply: status 0 after \d", text), text
    assert text.rstrip().endswith("done")


def test_a_run_has_one_log_however_long_it_takes(demo: Kubeup, monkeypatch: pytest.MonkeyPatch) -> None:
    """`down` asks in between, and people take their time."""
    moments = (f"20200101-0000{second:02}" for second in range(60))
    monkeypatch.setattr(run_log, "stamp", lambda: next(moments))
    assert demo("down", "--yes").exit_code == 0
    (log,) = logs(demo)
    text = log.read_text()
    assert "== asking the nodes" in text
    assert "node4 < steps" in text


def test_the_last_ten_are_kept(demo: Kubeup) -> None:
    folder = demo.home / "state/kubeup/logs"
    folder.mkdir(parents=True)
    for number in range(KEPT + 2):
        (folder / f"20200101-0000{number:02}-1.log").touch()
    assert demo("down", "--yes").exit_code == 0
    assert len(logs(demo)) == KEPT
    assert logs(demo)[0].name == "20200101-000003-1.log"


def test_secrets_are_in_no_log_and_in_nothing_that_is_shown(demo: Kubeup) -> None:
    said = f"proxy http://me:{PASSWORD}@proxy.example:3128 refused\nAuthorization: Bearer {PASSWORD}\n{KEY}"
    demo.nodes[FIRST].answers[SNAPSHOT] = Answer("", status=1, stderr=said)
    done = demo("down", "--yes", "-v")
    (log,) = logs(demo)
    assert "proxy.example:3128 refused" in log.read_text()
    assert "MHcCAQEE" not in log.read_text()
    for text in (log.read_text(), done.output):
        assert PASSWORD not in text


def test_verbose_shows_what_nodes_are_told_and_what_they_say(demo: Kubeup) -> None:
    quiet = demo("down", "--yes", "--limit", "node4")
    assert "node4 <" not in quiet.stderr
    done = demo("down", "--yes", "-v")
    assert done.exit_code == 0, done.output
    assert re.search(r"node3 <     stop\S* kubelet\.service", done.stderr), done.stderr
    assert f"{FIRST} = probe: status 0" in done.stderr
    assert "lines more" in done.stderr


def test_a_fault_of_kubeup_s_own_names_its_log_and_shows_no_traceback(
    demo: Kubeup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Reply:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(RecordedConnection, "call", broken)
    done = demo("validate")
    assert done.exit_code == 1
    (log,) = logs(demo)
    assert f"{REPORT}: {log}" in done.output.replace("\n", "")
    assert "an unexpected ZeroDivisionError: nobody thought of this" in done.output
    assert "Traceback" not in done.output
    assert 'raise ZeroDivisionError("nobody thought of this")' in log.read_text()


def test_so_does_one_between_two_conversations(demo: Kubeup, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LookupError("not even this")

    monkeypatch.setattr("kubeup.commands.down.survey", broken)
    done = demo("down", "--yes")
    assert done.exit_code == 1
    assert "an unexpected LookupError: not even this" in done.output
    assert "Traceback" not in done.output
    (log,) = logs(demo)
    assert str(log) in done.output.replace("\n", "")
    assert 'raise LookupError("not even this")' in log.read_text()


def test_so_does_one_outside_of_any_conversation(demo: Kubeup, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("nor of this")

    monkeypatch.setattr("kubeup.cli.session.load", broken)
    done = demo("down", "--yes")
    assert done.exit_code == 1
    assert "an unexpected RuntimeError: nor of this" in done.output
    assert "Traceback" not in done.output
    (log,) = logs(demo)
    assert "RuntimeError: nor of this" in log.read_text()
    assert str(log) in done.output.replace("\n", "")
    assert not demo.touched & {FIRST, SECOND}


def test_a_run_does_not_stop_where_no_log_can_be_kept(demo: Kubeup, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the folder of logs would be."""
    monkeypatch.setattr("tempfile.tempdir", str(demo.home))
    (demo.home / "state/kubeup").mkdir(parents=True, exist_ok=True)
    (demo.home / "state/kubeup/logs").touch()
    done = demo("down", "--yes")
    assert done.exit_code == 0, done.output
    assert demo.touched == {FIRST, SECOND}
    kept = list(demo.home.glob("kubeup-*.log"))
    assert kept
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)


def test_a_question_answered_with_no_is_no_fault_of_kubeup(demo: Kubeup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    done = demo("down", typed="n\n")
    assert done.exit_code == 1
    assert "[y/N]" in done.stderr
    assert "unexpected" not in done.output
    assert not demo.touched
    assert "unexpected" not in logs(demo)[-1].read_text()
