"""The control plane as a whole: etcd's quorum, and what balancers say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from kubeup import profile
from kubeup.model.facts import Facts, Said, UnitFact, running
from kubeup.validate import control_plane
from kubeup.validate.checks import Check, Status
from kubeup.validate.rows import Rows

NODES = ", ".join(f"{{address: 10.0.0.{number}, name: m{number}}}" for number in range(1, 5))
CLUSTER = profile.load_text(f"nodes: [{NODES}]\nroles: ai ai ai i\n", "demo.yaml").cluster
ALONE = profile.load_text(f"nodes: [{NODES}]\nroles: ai i i i\n", "demo.yaml").cluster
WELL: Rows = [["own", "etcd", "Healthy", "ok"]]
ILL: Rows = [["own", "etcd", "Unhealthy", "nothing healthy answers on its port 2381"]]
RUNS = Facts(units={"etcd.service": UnitFact("etcd.service", "loaded", "active", "running")})
STOPPED = Facts(units={"etcd.service": UnitFact("etcd.service", "loaded")})


def bad(checks: Iterable[Check]) -> dict[str, tuple[str, str]]:
    """What is not well, by id, with its message and its fix."""
    return {check.id: (check.message, check.fix) for check in checks if check.status is not Status.OK}


LOST = (
    "etcd has lost its quorum: {} of 3 members {}, and 2 are needed; until then nothing in the cluster can be changed, "
    "and what runs runs on"
)
QUORUM: dict[str, tuple[dict[str, Facts], dict[str, Rows], dict[str, tuple[str, str]]]] = {
    "all are well": ({}, {"10.0.0.1": WELL, "10.0.0.2": WELL, "10.0.0.3": WELL}, {}),
    # It says so only where it has the others; who asks may not reach them.
    "one alone answers, and is well": ({"10.0.0.1": RUNS}, {"10.0.0.1": WELL}, {}),
    "nobody answers": ({}, {}, {}),
    "two machines are off": (
        {"10.0.0.1": RUNS},
        {"10.0.0.1": ILL},
        {
            "etcd-quorum": (
                LOST.format(1, "runs"),
                "start 1 of m2, m3 again, with what is on the disk: switch m2 on; switch m3 on",
            )
        },
    ),
    "one is off, one stopped": (
        {"10.0.0.1": RUNS, "10.0.0.2": STOPPED},
        {"10.0.0.1": ILL, "10.0.0.2": ILL},
        {
            "etcd-quorum": (
                LOST.format(1, "runs"),
                "start 1 of m2, m3 again, with what is on the disk: ssh 10.0.0.2 systemctl start etcd; switch m3 on",
            )
        },
    ),
    "all run, and do not reach each other": (
        {"10.0.0.1": RUNS, "10.0.0.2": RUNS, "10.0.0.3": RUNS},
        {"10.0.0.1": ILL, "10.0.0.2": ILL, "10.0.0.3": ILL},
        {
            "etcd-quorum": (
                LOST.format(3, "run"),
                "look at what keeps the members from each other (TCP 2380): ssh 10.0.0.1 journalctl -u etcd -n 20; "
                "ssh 10.0.0.2 journalctl -u etcd -n 20; ssh 10.0.0.3 journalctl -u etcd -n 20",
            )
        },
    ),
}


@pytest.mark.parametrize("case", QUORUM)
def test_a_quorum_is_lost_where_no_member_has_the_others(case: str) -> None:
    facts, said, told = QUORUM[case]
    assert bad(control_plane.quorum(CLUSTER, facts, said)) == told
    assert control_plane.quorum(ALONE, facts, said) == []


HEAD = "# pxname,svname,status,type,check_code,check_desc,last_chk,\n"
UP = "servers,{},UP,2,200,Layer7 check passed,OK,\n"
BACKUPS = "".join(f"servers,m{number}-unchecked,no check,2,,,,\n" for number in (1, 2, 3))
ALL_UP = HEAD + "".join(UP.format(name) for name in ("m1", "m2", "m3")) + BACKUPS
JOURNAL = "ssh 10.0.0.4 journalctl -u api-balancer -n 50"
BALANCERS: dict[str, tuple[Mapping[str, Said], dict[str, tuple[str, str]]]] = {
    "all are used": ({running.BALANCER: Said(f"2a\n{ALL_UP}\n0")}, {}),
    "one is not ready": (
        {
            running.BALANCER: Said(
                ALL_UP.replace("m2,UP,2,200,Layer7 check passed,OK", "m2,DOWN,2,500,Layer7 wrong,Err")
            )
        },
        {
            "balancer/m4/m2": (
                "the API balancer of m4 does not use m2: Layer7 wrong 500: Err",
                f"if m2 is well, see that m4 reaches 10.0.0.2 port 6443; {JOURNAL}",
            )
        },
    ),
    "one is on its way down, one on its way up": (
        {running.BALANCER: Said(ALL_UP.replace("m1,UP", "m1,UP 2/3").replace("m3,UP", "m3,DOWN 1/2"))},
        {
            "balancer/m4/m3": (
                "the API balancer of m4 does not use m3: Layer7 check passed 200: OK",
                f"if m3 is well, see that m4 reaches 10.0.0.3 port 6443; {JOURNAL}",
            )
        },
    ),
    "it knows one fewer": (
        {running.BALANCER: Said(ALL_UP.replace(UP.format("m3"), ""))},
        {"balancer/m4/m3": ("the API balancer of m4 does not use m3: it does not know it", "kubeup up")},
    ),
    "it does not run": (
        {running.BALANCER: Said(why="connection refused")},
        {"balancer/m4": ("the API balancer of m4 is not known to be well: connection refused", JOURNAL)},
    ),
    "it was not asked": (
        {},
        {
            "balancer/m4": (
                "the API balancer of m4 is not known to be well: it did not say which API servers it uses",
                JOURNAL,
            )
        },
    ),
    "it said something else": (
        {running.BALANCER: Said("<html>")},
        {
            "balancer/m4": (
                "the API balancer of m4 is not known to be well: it did not say which API servers it uses",
                JOURNAL,
            )
        },
    ),
}


@pytest.mark.parametrize("case", BALANCERS)
def test_a_server_that_a_balancer_does_not_use_is_told_with_the_reason(case: str) -> None:
    said, told = BALANCERS[case]
    facts = {"10.0.0.1": Facts(), "10.0.0.4": Facts(said=said)}
    assert bad(control_plane.balancers(CLUSTER, facts)) == told
    assert control_plane.balancers(ALONE, facts) == []
    assert control_plane.balancers(CLUSTER, {"10.0.0.1": Facts()}) == []
