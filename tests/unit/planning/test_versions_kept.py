"""What runs stays until the profile asks for something else: a newer kubeup offers, and does not impose."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from kubeup import components, preflight
from kubeup.commands import up
from kubeup.model.cluster import Cluster, Versions
from kubeup.model.facts import ClusterFacts, Facts, Said, running
from kubeup.model.founding import KUBEUP
from kubeup.plan.steps import Offer, Plan
from kubeup.planning import resolve
from kubeup.report import plan as report
from tests.support.plans import BARE, NOW, artifacts, authorities, carried_out, desired, leaves, two_nodes

OLD = {"etcd": "3.6.15", "containerd": "2.4.0", "flannel": "0.28.9", "coredns": "1.14.6", "kubernetes": "1.36.3"}
MACHINES = {
    "192.168.200.13": replace(BARE, hostname="node3", machine_id="3"),
    "192.168.200.14": replace(BARE, hostname="node4", machine_id="4", primary_address="192.168.200.14"),
}


def built(said: Cluster) -> tuple[dict[str, Facts], ClusterFacts]:
    """The machines after an `up`, and what they know together."""
    cluster = resolve.resolve(said, MACHINES)
    common, pairs = authorities(NOW)
    done: dict[str, Facts] = {}
    for node in cluster.nodes:
        wish = desired(cluster, node, MACHINES[node.host], resolve.gather_cluster(cluster, done))
        done[node.host] = carried_out(wish, {**common, **leaves(cluster, node, pairs, NOW)}, MACHINES[node.host])
    master = cluster.nodes[0].host
    facts = {**done, master: replace(done[master], kept_data=("/var/lib/etcd/member",))}
    return facts, resolve.gather_cluster(cluster, facts)


def planned(cluster: Cluster, facts: dict[str, Facts], shared: ClusterFacts) -> Plan:
    resolved = resolve.resolve(cluster, facts)
    return up.make_plan(resolved, facts, shared, artifacts(resolved), NOW)


def words(plan: Plan) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    report.show(console, plan)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().strip()


LIVING, SHARED = built(two_nodes(versions=Versions(OLD), addons=("dns",)))


def test_a_profile_that_names_no_version_keeps_every_one_that_runs_and_is_offered_the_newer() -> None:
    plan = planned(two_nodes(), LIVING, SHARED)
    assert {one.program: (one.has, one.newer) for one in plan.offers} == {
        program: (has, "1.37.2" if program == "kubernetes" else components.programs()[program].version)
        for program, has in OLD.items()
    }
    restarted = [start.unit.name for node in plan.nodes for start in node.starts]
    assert restarted == []


def test_one_that_it_names_is_what_it_says_and_no_offer() -> None:
    plan = planned(two_nodes(versions=Versions({"etcd": "3.6.16"})), LIVING, SHARED)
    assert [start.unit.name for node in plan.nodes for start in node.starts] == ["etcd.service"]
    assert "etcd" not in {one.program for one in plan.offers}


@pytest.mark.parametrize(
    ("asked", "has", "offered"),
    [
        ("", "1.37.2", ""),
        ("", "1.36.3", "1.37.2"),
        # Through every minor version.
        ("", "1.35.1", "1.36.3"),
        ("1.36", "1.36.1", "1.36.3"),
        ("1.36", "1.36.9", ""),
        ("1.36.1", "1.36.1", ""),
    ],
)
def test_of_kubernetes_the_next_minor_or_the_newest_patch_is_offered(asked: str, has: str, offered: str) -> None:
    facts, shared = built(two_nodes(versions=Versions({"kubernetes": has})))
    said = Versions({"kubernetes": asked or "1.37.2"})
    plan = planned(two_nodes(kubernetes_asked=asked, versions=said), facts, shared)
    assert [one.newer for one in plan.offers if one.program == "kubernetes"] == ([offered] if offered else [])


def test_a_node_that_comes_later_gets_what_the_others_have() -> None:
    facts = {**LIVING, "192.168.200.14": MACHINES["192.168.200.14"]}
    assert resolve.resolve(two_nodes(), facts).versions.of(components.programs()["containerd"]) == "2.4.0"


def test_an_etcd_of_which_no_record_knows_the_version_says_it_itself() -> None:
    first = LIVING["192.168.200.13"]
    meta = {key: value for key, value in first.record.meta.items() if not key.startswith("version/")}
    told = '[{"Endpoint": "x", "Status": {"header": {"cluster_id": 1, "member_id": 2}, "version": "3.6.15"}}]'
    before = replace(first, record=replace(first.record, meta=meta), said={running.ETCD_STATUS: Said(told)})
    kept = resolve.resolve(two_nodes(), {**LIVING, "192.168.200.13": before}).versions
    assert kept.of(components.programs()["etcd"]) == "3.6.15"


def test_the_plan_ends_with_what_is_newer_and_what_to_write() -> None:
    offers = (Offer("etcd", "3.6.13", "3.6.16", "authentication"), Offer("containerd", "2.4.0", "2.4.2"))
    assert words(Plan("demo", (), offers=offers)) == (
        "Nothing to do: every node is as the profile says.\n"
        "Newer, and yours once the profile says versions: {etcd: 3.6.16, containerd: 2.4.2}: etcd 3.6.13 -> 3.6.16 "
        "(known holes in its authentication), containerd 2.4.0 -> 2.4.2."
    )


def by_another(version: str) -> dict[str, Facts]:
    return {
        host: replace(facts, record=replace(facts.record, meta={**facts.record.meta, KUBEUP: version}))
        for host, facts in LIVING.items()
    }


def test_a_newer_kubeup_that_changes_nothing_has_an_empty_plan() -> None:
    plan = planned(two_nodes(versions=Versions(OLD), addons=("dns",)), by_another("0.0.1"), SHARED)
    assert plan.kubeup == ""
    assert not [step for node in plan.nodes for step in node.steps]


def test_what_a_newer_kubeup_changes_stands_under_both_versions() -> None:
    facts = by_another("0.0.1")
    host = "192.168.200.14"
    facts[host] = replace(facts[host], record=replace(facts[host].record, ready={}))
    plan = planned(two_nodes(versions=Versions(OLD), addons=("dns",)), facts, SHARED)
    assert plan.kubeup == "0.0.1 -> 0.1.0"
    assert words(plan).startswith("kubeup 0.0.1 -> 0.1.0: what of this the profile did not ask for comes with it\n")


ANEW = "or, for a new cluster without the old one's data: kubeup down first"
REFUSED = {
    ("etcd", "3.6.14"): "node3: it has etcd 3.6.15, the profile says 3.6.14: an older one cannot read what this one "
    "wrote [older-version]\n    fix: write versions: {etcd: 3.6.15} into the profile, or a newer version; " + ANEW,
    ("kubernetes", "1.35.4"): "node3: it has kubernetes 1.36.3, the profile says 1.35.4: an older one cannot read what "
    'this one wrote [older-version]\n    fix: write kubernetes: "1.36.3" into the profile, or a newer version; ' + ANEW,
    (
        "containerd",
        "2.3.9",
    ): "node3: it has containerd 2.4.0, the profile says 2.3.9: an older one cannot read what this "
    "one wrote [older-version]\n    fix: write versions: {containerd: 2.4.0} into the profile, or a newer version; "
    + ANEW,
    (
        "kubernetes",
        "1.38.0",
    ): "node3: it has kubernetes 1.36.3, the profile says 1.38.0: a minor version in between would "
    'be passed over [skipped-version]\n    fix: write kubernetes: "1.37" into the profile first, and kubeup up; '
    "then the next",
    ("etcd", "3.8.0"): "node3: it has etcd 3.6.15, the profile says 3.8.0: a minor version in between would be passed "
    "over [skipped-version]\n    fix: write versions: {etcd: 3.7.1} into the profile first, and kubeup up; "
    "then the next",
}


def problems(program: str, version: str, facts: dict[str, Facts]) -> list[str]:
    asked = version if program == "kubernetes" else ""
    resolved = resolve.resolve(two_nodes(versions=Versions({program: version}), kubernetes_asked=asked), facts)
    found = preflight.check(resolved, facts)
    return [one.format() for one in found if one.id in ("older-version", "skipped-version")]


@pytest.mark.parametrize(("program", "version"), REFUSED)
def test_no_way_back_and_no_minor_version_passed_over_to_the_letter(program: str, version: str) -> None:
    assert problems(program, version, LIVING) == [REFUSED[program, version]]


@pytest.mark.parametrize(
    ("program", "version"),
    [
        ("etcd", "3.7.1"),
        ("kubernetes", "1.36.1"),
        ("kubernetes", "1.37.2"),
        ("containerd", "2.4.0"),
        ("flannel", "0.27.0"),
    ],
)
def test_the_next_minor_and_an_older_patch_are_no_problem(program: str, version: str) -> None:
    assert problems(program, version, LIVING) == []


def test_a_worker_that_was_away_may_be_further_behind_than_the_control_plane() -> None:
    meta = {**LIVING["192.168.200.14"].record.meta, "kubernetes": "1.35.4"}
    worker = replace(LIVING["192.168.200.14"], record=replace(LIVING["192.168.200.14"].record, meta=meta))
    assert problems("kubernetes", "1.37.2", {**LIVING, "192.168.200.14": worker}) == []


def test_what_an_addon_ran_is_forgotten_with_the_addon() -> None:
    cluster = two_nodes()
    assert dict(desired(cluster, cluster.nodes[0]).meta)["version/coredns"] == "1.14.7"
    without = two_nodes(addons=())
    assert dict(desired(without, without.nodes[0]).meta)["version/coredns"] == ""
