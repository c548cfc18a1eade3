"""leave.sh with a stub of kubectl: what is cordoned, drained and deleted, and that nothing stays half done."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field

import pytest

from kubeup.commands.leave import MARK, SCRIPT
from tests.support.sandbox import Sandbox

FAILS = "echo 'cannot evict' >&2; exit 1"
PODS = "echo default/web-1"
STATE, CORDONED = "echo 'false True'", "echo 'true True'"


@dataclass
class Api:
    """What a stub of kubectl answers. answers: a pattern of its words -> shell; the first that fits. mark: the
    annotation that the Node object has."""

    box: Sandbox
    answers: dict[str, str] = field(default_factory=dict)
    mark: str = ""

    def run(self, do: str = "drain") -> subprocess.CompletedProcess[str]:
        root = self.box.root
        (root / "mark").write_text(self.mark)
        own = {
            "annotate*--overwrite*": f"echo cordoned >{root}/mark",
            f"annotate*{MARK}-": f": >{root}/mark",
            f"get?node?node5*{MARK}*": f"cat {root}/mark",
            "get?node?node5*": STATE,
        }
        cases = "".join(f"{pattern}) {shell} ;;\n" for pattern, shell in {**self.answers, **own}.items())
        skip = 'while [ "${1#--}" != "$1" ]; do shift; done\n'
        text = f'#!/bin/sh\n{skip}echo "$*" | head -n 1 >>{root}/asked\ncase "$*" in\n{cases}esac\n'
        self.box.write("bin/kubectl", text, 0o755)
        (root / "asked").write_text("")
        script = SCRIPT.read_text().replace("/opt/kubeup/bin/kubectl", str(root / "bin/kubectl"))
        head = f"NAME=node5 DO={do} SECONDS_OF_DRAIN=7\n"
        words = [self.box.shell, "-c", head + script]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    @property
    def asked(self) -> list[str]:
        """The words of what changes something, in order."""
        lines = (self.box.root / "asked").read_text().split("\n")
        return [line for line in lines if line.split(" ")[0] in ("annotate", "cordon", "uncordon", "drain", "delete")]


@pytest.fixture
def api(sandbox: Sandbox) -> Api:
    return Api(sandbox)


CORDON = [f"annotate --overwrite node node5 {MARK}=cordoned", "cordon node5"]
UNCORDON = ["uncordon node5", f"annotate node node5 {MARK}-"]
DRAIN = "drain node5 --ignore-daemonsets --delete-emptydir-data --timeout=7s"
DELETE = "delete node node5"


def test_a_node_is_cordoned_and_drained_and_stays_so_until_it_is_deleted(api: Api) -> None:
    done = api.run()
    assert (done.returncode, done.stdout.split()) == (0, ["done"]), done.stderr
    assert api.asked == [*CORDON, DRAIN]
    api.mark = "cordoned"
    done = api.run("delete")
    assert (done.returncode, done.stdout.split(), api.asked) == (0, ["done"], [DELETE])


def test_where_pods_do_not_go_they_are_named_and_it_takes_pods_again(api: Api) -> None:
    api.answers = {
        "drain*": FAILS,
        "get?poddisruptionbudgets*": "echo 'default one-web app=web,tier~in~(a,b)'",
        "-n?default?get?pods*app=web,tier?in?*": PODS,
        "get?pods?--all-namespaces*": "echo left default/web-1",
    }
    done = api.run()
    assert done.returncode == 1
    assert done.stdout.split("\n") == ["held default/web-1 one-web", "left default/web-1", ""]
    assert "cannot evict" in done.stderr
    assert api.asked == [*CORDON, DRAIN, *UNCORDON]


def test_what_somebody_else_cordoned_stays_cordoned(api: Api) -> None:
    api.answers = {"get?node?node5?--ignore-not-found*": CORDONED, "drain*": FAILS}
    assert api.run().returncode == 1
    assert api.asked == [DRAIN]


def test_what_a_killed_run_cordoned_is_uncordoned_by_the_next_that_does_not_come_to_an_end(api: Api) -> None:
    api.answers = {"get?node?node5?--ignore-not-found*": CORDONED, "drain*": FAILS}
    api.mark = "cordoned"
    assert api.run().returncode == 1
    assert api.asked == [DRAIN, *UNCORDON]
    assert api.run("uncordon").returncode == 0
    assert api.asked == UNCORDON


def test_a_node_that_is_dead_is_not_waited_for(api: Api) -> None:
    api.answers = {"get?node?node5?--ignore-not-found*": "echo 'false Unknown'"}
    done = api.run()
    assert (done.returncode, done.stdout.split()) == (0, ["not-ready", "done"])
    assert api.asked == CORDON


def test_one_that_is_gone_already_is_gone(api: Api) -> None:
    api.answers = {"get?node?node5?--ignore-not-found*": ":"}
    done = api.run()
    assert (done.returncode, done.stdout.split(), api.asked) == (0, ["gone", "done"], [])


@pytest.mark.parametrize("fails", ["get?node?node5?--ignore-not-found*", "cordon?node5"])
def test_an_api_that_says_no_is_no_success_and_leaves_nothing_cordoned(api: Api, fails: str) -> None:
    api.answers = {fails: FAILS}
    done = api.run()
    assert done.returncode == 1
    assert "done" not in done.stdout.split()
    assert DRAIN not in api.asked
    assert api.asked[-2:] == UNCORDON or not api.asked


def test_an_object_that_is_not_deleted_is_no_success(api: Api) -> None:
    api.answers = {"delete?node*": FAILS}
    done = api.run("delete")
    assert (done.returncode, done.stdout) == (1, "")
