"""What validate asks a control-plane node, with a stub of kubectl: an API that is slow, ill or flooded is not well."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Mapping
from subprocess import PIPE

import pytest

from kubeup.validate import evaluate, workloads
from kubeup.validate.checks import Check, Status
from kubeup.validate.rows import ApiNode, Rows, Unseen, read, split
from kubeup.validate.scripts import script
from tests.support.plans import two_nodes
from tests.support.sandbox import Sandbox

CLUSTER = two_nodes()
SLOW = "sleep 15; exit 1"
ANSWERS = {
    "get --raw*": "echo ok",
    "get componentstatuses*": "printf 'said\\tcontroller-manager\\tTrue\\tok\\n'",
    "get nodes*": "printf 'node\\tnode3\\tTrue\\tv1\\tcontainerd://2\\t10.0.0.1\\tready\\n'",
    "get services --all*": "printf 'service\\tdefault/kubernetes\\t100.0.0.1\\t443/TCP \\n'",
    "get services,*": "printf 'daemonset\\tspeaker\\n'",
    "get ipaddresspools*": "echo pool",
}
IMPATIENT = '#!/bin/sh\nshift\nexec /usr/bin/timeout 0.5 "$@"\n'
"""``timeout``, whose limit is half a second."""


def asked(box: Sandbox, **changes: str) -> Rows:
    """What the scripts print. changes: of ANSWERS, by the first word behind ``get``."""
    answers: Mapping[str, str] = {**ANSWERS, **{f"get {word}*": answer for word, answer in changes.items()}}
    skip = 'while [ "${1#--}" != "$1" ]; do shift; done\n'
    latest_first = reversed(list(answers.items()))
    cases = "".join(f"{pattern.replace(' ', '?')}) {answer} ;;\n" for pattern, answer in latest_first)
    box.write("bin/kubectl", f'#!/bin/sh\n{skip}case "$*" in\n{cases}esac\n', 0o755)
    box.write("bin/timeout", IMPATIENT, 0o755)
    text = (script("cluster.sh") + script("workloads.sh", SUPPLIES="ipaddresspools")).decode()
    text = text.replace("/opt/kubeup/bin/kubectl", str(box.root / "bin/kubectl"))
    done = subprocess.run([box.shell, "-c", text], capture_output=True, env=box.environment(), timeout=60, check=False)
    return split(done.stdout)


def unseen(rows: Rows) -> list[str]:
    return [one.what for one in read(Unseen, rows)]


def judged(rows: Rows) -> list[Check]:
    said = {CLUSTER.nodes[0].endpoint: rows}
    return [*evaluate.nodes(CLUSTER, said), *workloads.check(CLUSTER, said)]


def test_an_api_that_answers_leaves_nothing_unseen(sandbox: Sandbox) -> None:
    rows = asked(sandbox)
    assert unseen(rows) == []
    assert ["supply", "ipaddresspools", "pool"] in rows
    assert read(ApiNode, rows)


@pytest.mark.parametrize(
    ("question", "what"),
    [
        ("componentstatuses", "component statuses"),
        ("nodes", "nodes"),
        ("services --all", "services"),
        ("services,", "services, policies and pods"),
        ("ipaddresspools", "ipaddresspools"),
    ],
)
def test_a_question_that_an_api_is_too_slow_for_is_told_and_fails(sandbox: Sandbox, question: str, what: str) -> None:
    rows = asked(sandbox, **{question: SLOW})
    assert unseen(rows) == [what]
    failed = [check.message for check in judged(rows) if check.status is Status.FAILED]
    assert f"the API gave no answer about {what}" in failed


def test_a_flood_of_pods_that_does_not_end_in_time_is_no_list(sandbox: Sandbox) -> None:
    """Thirty megabytes and more, and the limit is reached in the middle of it."""
    pod = "bad\tdefault/web\tnode3\tno\tweb:1\tIfNotPresent\tImagePullBackOff\t" + '"not found"' * 300
    flood = f"yes '{pod}' | head -c 30000000; sleep 15"
    rows = asked(sandbox, **{"services,": flood})
    assert unseen(rows) == ["services, policies and pods"]
    assert not all(check.status is not Status.FAILED for check in judged(rows))


def test_a_kind_whose_addon_is_not_there_has_nothing_and_is_seen(sandbox: Sandbox) -> None:
    said = """echo "error: the server doesn't have a resource type \\"ipaddresspools\\"" >&2; exit 1"""
    rows = asked(sandbox, ipaddresspools=said)
    assert unseen(rows) == []
    assert [row for row in rows if row[0] == "supply"] == []


def swept(box: Sandbox, *objects: tuple[str, str, str]) -> list[str]:
    """The runs whose pods are taken away when another one begins. objects: run, when it was made, by which node."""
    rows = "".join(f"{run}\\t{born}\\t{node}\\n" for run, born, node in objects)
    box.write(
        "bin/kubectl",
        f"#!/bin/sh\ncase $* in *' get pods,services '*) printf '{rows}' ;; *' delete '*) "
        f'for word; do case $word in *run=*) echo "${{word#*run=}}" >>{box.root}/deleted ;; esac; done ;; '
        "*) exit 1 ;; esac\n",
        0o755,
    )
    text = script("pods.sh", NODES="", HERE="node3", IMAGE="pause", RUN="mine").decode()
    text = text.replace("/opt/kubeup/bin/kubectl", str(box.root / "bin/kubectl"))
    text = text.replace("/run/kubeup-validate", str(box.root / "run/kubeup-validate"))
    done = subprocess.run(
        [box.shell, "-c", text], input=b"", capture_output=True, env=box.environment(), timeout=60, check=False
    )
    assert done.stdout.endswith(b"held\ncleaned\n"), done
    *others, last = (box.root / "deleted").read_text().split()
    assert last == "mine"
    return others


def test_a_run_sweeps_what_killed_ones_left_and_leaves_others_at_work_alone(sandbox: Sandbox) -> None:
    for run in ("killed", "alive"):
        (sandbox.root / "run" / f"kubeup-validate.{run}").mkdir()
    lock = sandbox.root / "run/kubeup-validate.alive"
    now, old = (
        f"{datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago):%FT%TZ}" for ago in (5, 601)
    )
    with subprocess.Popen(["flock", str(lock), "sh", "-c", "echo held; cat"], stdin=PIPE, stdout=PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        found = swept(
            sandbox,
            ("killed", now, "node3"),
            ("alive", old, "node3"),
            ("rebooted", now, "node3"),
            ("elsewhere", now, "node5"),
            ("forgotten", old, "node5"),
            ("older-kubeup", now, ""),
        )
        assert holder.stdin
        holder.stdin.close()
    assert sorted(found) == ["forgotten", "killed", "rebooted"]
    assert [path.name for path in (sandbox.root / "run").iterdir()] == ["kubeup-validate.alive"]
