"""What a probe asks aloud: an answer comes back whole, or it is known that it did not."""

from __future__ import annotations

import os
import time

from kubeup.model.facts import Said
from kubeup.model.resources import ProbeRequest
from kubeup.node.agent.probe import probe_script
from kubeup.node.wire.remote_commands import Kind
from tests.support.sandbox import Sandbox

IMPATIENT = '#!/bin/sh\nshift 3\nexec /usr/bin/timeout -k 1 0.5 "$@"\n'
"""``timeout``, whose limit of 10 s is half of one."""


def said(sandbox: Sandbox, **commands: str) -> dict[str, Said]:
    return dict(sandbox.probe(ProbeRequest(asks=tuple(commands.items()))).said)


def test_an_answer_comes_back_as_it_was_given(sandbox: Sandbox) -> None:
    odd = "printf 'one\\ttwo\\n\\n  three \\\\n %%s\\n'; echo warned >&2"
    assert said(sandbox, odd=odd, none="true", no_break="printf end") == {
        "odd": Said("one\ttwo\n\n  three \\n %s"),
        "none": Said(),
        "no_break": Said("end"),
    }


def test_an_answer_that_is_not_whole_is_none(sandbox: Sandbox) -> None:
    sandbox.write("bin/timeout", IMPATIENT, 0o755)
    begun = time.monotonic()
    found = said(
        sandbox,
        failed="echo half; echo 'Error: the server is gone' >&2; exit 1",
        silent="echo half; exit 3",
        slow="echo half; sleep 30",
        stubborn="trap '' TERM; echo half; while :; do sleep 1; done",
        missing="/opt/kubeup/bin/kubectl get nodes",
    )
    assert time.monotonic() - begun < 20
    assert {id_: one.text for id_, one in found.items()} == dict.fromkeys(found, "")
    assert found["missing"].why.endswith("not found") or found["missing"].why.endswith("No such file or directory")
    assert {id_: one.why for id_, one in found.items() if id_ != "missing"} == {
        "failed": "Error: the server is gone",
        "silent": "it ended with status 3",
        "slow": "no answer within 10 s",
        "stubborn": "no answer within 10 s",
    }


def test_an_answer_without_end_is_cut_off_and_none(sandbox: Sandbox) -> None:
    found = said(sandbox, long="yes 'node node3'; echo end 0")
    assert found == {"long": Said(why="the answer broke off")}


def test_answers_that_come_at_the_same_time_do_not_tear_each_other(sandbox: Sandbox) -> None:
    """A pipe takes what is longer than 4096 bytes in pieces, and what others write comes between."""
    paths = tuple(f"/etc/files/{number}" for number in range(300))
    for path in paths:
        sandbox.write(path, "")
        # To be hashed for a while, and no room on the disk.
        os.truncate(sandbox.root / path[1:], 200_000)
    lines = "seq -f 'line %.0f of a long answer with some words' 3000"
    meanwhile = tuple((f"c{number}", f"sleep 0.{number:02}") for number in range(40))
    request = ProbeRequest(files=paths, asks=tuple((f"ask{n}", lines) for n in range(3)), checks=meanwhile)
    facts = sandbox.probe(request)
    assert [path for path in paths if not facts.file(path).sha256] == []
    assert facts.checks == {name: True for name, _ in meanwhile}
    whole = "\n".join(f"line {number} of a long answer with some words" for number in range(1, 3001))
    assert [one.text == whole for one in facts.said.values()] == [True] * 3


def test_a_probe_that_could_not_bring_the_record_along_is_none(sandbox: Sandbox) -> None:
    """Without it, the machine looks like one on which nothing of kubeup's is."""
    sandbox.write("/var/lib/kubeup/record", "meta\tformat\t2\n")
    sandbox.write("bin/tar", "#!/bin/sh\necho 'tar: Input/output error' >&2\nexit 2\n", 0o755)
    reply = sandbox.send(Kind.PROBE, probe_script(ProbeRequest()))
    assert reply.returncode != 0
    assert b"Input/output error" in reply.stderr
