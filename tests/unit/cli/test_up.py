"""``kubeup up`` and ``kubeup plan`` as a whole: who is touched, what the operator gets, what bare words then mean."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from kubeup import profile
from kubeup.commands import operator_access
from kubeup.model.errors import ConnectError
from kubeup.model.facts import Facts, Said, running
from kubeup.pki import kubeconfig
from kubeup.planning import resolve
from tests.support.machines import bare, built_nodes, fill_cache, installed
from tests.support.recorded import KEYS, SNAPSHOT, Answer, Kubeup, RecordedNode
from tests.unit.cli.conftest import FIRST, SECOND

THIRD = "192.168.200.15"


@pytest.fixture
def machines(kubeup: Kubeup) -> Kubeup:
    """Three bare machines; a.yaml is a cluster of two of them, b.yaml one of the third; all binaries are at hand."""
    kubeup.nodes |= {host: RecordedNode(bare(number)) for number, host in ((3, FIRST), (4, SECOND), (5, THIRD))}
    a, _ = kubeup.profile("a", FIRST, SECOND), kubeup.profile("b", THIRD)
    facts = {host: node.facts for host, node in kubeup.nodes.items()}
    fill_cache(resolve.resolve(profile.load(a).cluster, facts), facts, kubeup.home / "cache")
    return kubeup


def contexts(kubeup: Kubeup) -> set[str]:
    servers = {"a": FIRST, "b": THIRD}
    return {name for name, host in servers.items() if kubeconfig.has(kubeup.kubeconfig, name, f"https://{host}:6443")}


def test_a_plan_of_bare_machines_touches_nothing_and_remembers_nothing(machines: Kubeup) -> None:
    done = machines("plan", "a.yaml")
    assert done.exit_code == 0, done.output
    assert "Plan: 2 of 2 nodes change: " in done.stdout
    assert not machines.touched
    assert [path.name for path in (machines.home / "state/kubeup").iterdir()] == ["logs"]
    assert contexts(machines) == set()


def test_a_plan_that_is_checked_exits_with_1_where_there_is_anything_to_do(machines: Kubeup) -> None:
    done = machines("plan", "a.yaml", "--check")
    assert (done.exit_code, "Plan: 2 of 2 nodes change: " in done.stdout) == (1, True)
    assert machines("plan", "a.yaml", "--check", "-o", "json").exit_code == 1
    assert machines("plan", "a.yaml", "--check", "--limit", "node9").exit_code == 2


def test_a_plan_for_scripts_is_json(machines: Kubeup) -> None:
    told = json.loads(machines("plan", "a.yaml", "-o", "json").stdout)
    assert (told["cluster"], told["changed"]) == ("a", True)
    assert [node["name"] for node in told["nodes"]] == ["node3", "node4"]
    assert "etcd.service" in told["nodes"][0]["units"]
    assert "etcd.service" not in told["nodes"][1]["units"]


def test_a_limit_leaves_the_others_as_they_are(machines: Kubeup) -> None:
    told = json.loads(machines("plan", "a.yaml", "--limit", "node4", "-o", "json").stdout)
    assert [node["changed"] for node in told["nodes"]] == [False, True]


@pytest.mark.parametrize("command", ["up", "plan"])
def test_a_limit_that_is_no_node_s_is_wrong_use_and_touches_nothing(machines: Kubeup, command: str) -> None:
    done = machines(command, "a.yaml", "--limit", "node9")
    assert done.exit_code == 2
    assert "the profile has no node node9" in done.stderr
    assert "it has: node3, node4" in done.stderr
    assert not machines.touched


def test_up_gives_the_operator_access_and_is_remembered(machines: Kubeup) -> None:
    done = machines("up", "a.yaml", "--no-validate")
    assert done.exit_code == 0, done.output
    assert machines.touched == {FIRST, SECOND}
    assert contexts(machines) == {"a"}
    assert "the context a in " in done.stderr
    again = machines("plan")
    assert "profile: that of the last `up`, " in again.stderr


def test_after_an_up_of_a_second_cluster_bare_commands_mean_that_one(machines: Kubeup) -> None:
    for name in ("a.yaml", "b.yaml"):
        assert machines("up", name, "--no-validate").exit_code == 0
    assert contexts(machines) == {"a", "b"}
    for number, (host, cluster, roles) in enumerate(
        ((FIRST, "a", "control-plane,worker"), (SECOND, "a", "worker"), (THIRD, "b", "control-plane,worker")), 3
    ):
        node = RecordedNode(installed(number, cluster, roles, "etcd.service", "kubelet.service"))
        node.answers[SNAPSHOT] = Answer("kubeup-snapshot 11\nall of etcd")
        machines.nodes[host] = node
    assert "/b.yaml" in machines("plan").stderr
    done = machines("down", "b.yaml", "--yes")
    assert done.exit_code == 0, done.output
    assert "The cluster b is down." in done.stdout
    assert machines.touched == {THIRD}
    assert contexts(machines) == {"a"}
    forgotten = machines("down", "--yes")
    assert forgotten.exit_code == 2, "no other cluster is meant by a bare word"
    assert "no profile" in forgotten.stderr
    assert machines.touched == {THIRD}


@pytest.fixture
def a_then_half_of_b(machines: Kubeup) -> Kubeup:
    """The cluster a was brought up; an `up` of b failed when it had begun."""
    assert machines("up", "a.yaml", "--no-validate").exit_code == 0
    machines.nodes[THIRD].breaks = ConnectError("node5", "staging", "the connection was lost")
    failed = machines("up", "b.yaml", "--no-validate")
    assert failed.exit_code == 1, failed.output
    assert machines.touched == {FIRST, SECOND, THIRD}
    for number, (host, cluster) in enumerate(((FIRST, "a"), (SECOND, "a"), (THIRD, "b")), 3):
        roles = "worker" if host == SECOND else "control-plane,worker"
        machines.nodes[host] = RecordedNode(installed(number, cluster, roles, "kubelet.service"))
    return machines


def test_an_up_that_failed_half_way_is_what_bare_commands_mean(a_then_half_of_b: Kubeup) -> None:
    assert "/b.yaml" in a_then_half_of_b("plan").stderr


def test_where_two_clusters_could_be_meant_a_bare_down_takes_none(a_then_half_of_b: Kubeup) -> None:
    done = a_then_half_of_b("down", "--yes")
    assert done.exit_code == 2, done.output
    assert "`down` without a profile could mean a or b; nothing was touched" in done.stderr
    assert "kubeup down PROFILE --yes" in done.stderr
    assert not a_then_half_of_b.touched


BARE = {
    "up": "kubeup up",
    "addons up metrics-server": "kubeup addons up",
    "addons down dns": "kubeup addons down",
    "images pull": "kubeup images pull",
    "images push app.tar": "kubeup images push",
}


@pytest.mark.parametrize("words", BARE)
def test_what_changes_a_cluster_wants_to_know_which_one_of_two(a_then_half_of_b: Kubeup, words: str) -> None:
    done = a_then_half_of_b(*words.split())
    assert done.exit_code == 2, done.output
    word = BARE[words]
    assert f"`{word}` without a profile could mean a or b; nothing was touched" in done.stderr
    assert f"a: {Path('a.yaml').resolve()}" in done.stderr
    assert f"{word} PROFILE" in done.stderr
    assert not any(node.asked for node in a_then_half_of_b.nodes.values())


@pytest.mark.parametrize("command", ["plan", "up --dry-run"])
def test_what_only_looks_means_the_last_one(a_then_half_of_b: Kubeup, command: str) -> None:
    assert "/b.yaml" in a_then_half_of_b(*command.split()).stderr


def test_a_profile_that_lies_here_is_what_up_means(a_then_half_of_b: Kubeup) -> None:
    Path("a.yaml").rename("profile.yaml")
    done = a_then_half_of_b("up", "--no-validate")
    assert "could mean" not in done.stderr


@pytest.mark.parametrize("command", ["up a.yaml", "plan a.yaml", "down a.yaml --yes"])
@pytest.mark.parametrize("limit", ["", ",", " "])
def test_a_limit_that_is_blank_does_not_mean_all(machines: Kubeup, command: str, limit: str) -> None:
    """As where a script's variable is empty."""
    done = machines(*command.split(), "--limit", limit)
    assert done.exit_code == 2, done.output
    assert "--limit names no node; nothing was touched" in done.stderr
    assert not any(node.asked for node in machines.nodes.values())


def test_a_profile_that_lies_here_is_not_meant_alone_when_the_last_up_was_another_s(a_then_half_of_b: Kubeup) -> None:
    Path("a.yaml").rename("profile.yaml")
    done = a_then_half_of_b("down", "--yes")
    assert done.exit_code == 2, done.output
    assert "could mean a or b" in done.stderr
    assert not a_then_half_of_b.touched


def test_a_profile_that_lies_here_and_was_the_last_one_is_meant(a_then_half_of_b: Kubeup) -> None:
    Path("b.yaml").rename("profile.yaml")
    done = a_then_half_of_b("down", "--yes")
    assert done.exit_code == 0, done.output
    assert "cluster: b" in done.stderr
    assert a_then_half_of_b.touched == {THIRD}


@pytest.mark.parametrize(("typed", "code", "touched"), [("b", 0, {THIRD}), ("a", 2, set()), ("y", 2, set())])
def test_a_person_types_the_name_of_the_one_that_is_meant(
    a_then_half_of_b: Kubeup, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, touched: set[str]
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    done = a_then_half_of_b("down", typed=f"{typed}\n")
    assert done.exit_code == code, done.output
    assert "You could mean a or b" in done.stderr
    assert a_then_half_of_b.touched == touched


def test_an_up_that_fails_in_preflight_touches_nothing_and_gives_no_access(machines: Kubeup) -> None:
    machines.nodes[SECOND].facts = bare(4, init="runit")
    done = machines("up", "a.yaml", "--no-validate")
    assert done.exit_code == 1
    assert "nothing was touched" in done.stderr
    assert not machines.touched
    assert contexts(machines) == set()
    assert "no profile" in machines("plan").stderr, "it is not what bare commands mean"


def test_a_node_that_left_the_profile_and_not_the_cluster_is_told_to_the_letter(machines: Kubeup) -> None:
    said = Said("node node3\npod_cidr 10.244.0.0/24\nnode node9\npod_cidr 10.244.1.0/24")
    machines.nodes[FIRST].facts = bare(3, said={running.NODES: said})
    done = machines("plan", "a.yaml")
    assert (
        "warning: node9: it is a node of the cluster, and the profile does not have it: it stays, with its pods and "
        "its subnet [not-in-profile]\n    fix: put it back into the profile; or take it out: kubectl drain node9 "
        "--ignore-daemonsets, then kubeup down --limit node9 with a profile that has it, then kubectl delete node "
        "node9\n"
    ) in done.stderr
    assert "node3: it is a node" not in done.stderr


FOREIGN = {
    "a context of that name": "contexts: [{name: a, context: {cluster: work, user: me}}]\n",
    "a user of that name": "users: [{name: a, user: {token: abc}}]\n",
    "no yaml": "{",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_kubeconfig_that_cannot_take_the_cluster_is_wrong_use_before_anything_is_touched(
    machines: Kubeup, content: str
) -> None:
    machines.kubeconfig.write_text(content)
    done = machines("up", "a.yaml", "--no-validate")
    assert done.exit_code == 2, done.output
    assert str(machines.kubeconfig) in done.stderr
    assert "fix: " in done.stderr
    assert not machines.touched
    assert machines.kubeconfig.read_text() == content
    planned = machines("plan", "a.yaml")
    assert planned.exit_code == 0
    assert "warning: `up` will refuse to begin: " in planned.stderr
    assert "Plan: 2 of 2 nodes change: " in planned.stdout


def test_a_lock_that_a_kubectl_left_behind_is_told_before_anything_is_touched(
    machines: Kubeup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_access, "PATIENCE_SECONDS", 0.0)
    lock = machines.kubeconfig.with_name("kubeconfig.lock")
    lock.touch()
    done = machines("up", "a.yaml", "--no-validate")
    assert done.exit_code == 2, done.output
    assert f"where no kubectl runs, it was left behind: rm -f {lock}" in done.stderr
    assert not machines.touched


def test_an_unchanged_up_changes_nothing_and_still_gives_access(machines: Kubeup) -> None:
    facts: dict[str, Facts] = {host: machines.nodes[host].facts for host in (FIRST, SECOND)}
    cluster = resolve.resolve(profile.load(Path("a.yaml")).cluster, facts)
    artifacts = fill_cache(cluster, facts, machines.home / "cache")
    now = datetime.datetime.now(datetime.timezone.utc)
    machines.nodes |= built_nodes(cluster, facts, artifacts, now)
    told = json.loads(machines("up", "a.yaml", "--no-validate", "-o", "json").stdout)
    assert told["changed"] is False
    assert [node["round_trips"] for node in told["nodes"]] == [2, 1], "the first one gave the keys of access"
    assert not machines.touched
    assert contexts(machines) == {"a"}
    assert KEYS in machines.nodes[FIRST].asked
    again = json.loads(machines("up", "a.yaml", "--no-validate", "-o", "json").stdout)
    assert [node["round_trips"] for node in again["nodes"]] == [1, 1]
    assert machines("plan", "a.yaml", "--check").exit_code == 0
    stale = kubeconfig.Access(f"https://{FIRST}:6443", b"another cluster's", b"cert", b"key")
    kubeconfig.merge(machines.kubeconfig, "a", stale)
    renewed = json.loads(machines("up", "a.yaml", "--no-validate", "-o", "json").stdout)
    assert [node["round_trips"] for node in renewed["nodes"]] == [2, 1], "what kubectl could not get in by is renewed"
