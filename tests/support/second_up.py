"""An `up` and the plan after it, on machines that are values: what they are asked, and what they have by then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from kubeup.commands.up import make_plan
from kubeup.components.base import Context
from kubeup.model.cluster import Cluster, Node
from kubeup.model.facts import ClusterFacts, DockerFact, Facts, UnitFact
from kubeup.model.resources import Desired, ProbeRequest, sha256
from kubeup.pki.issue import KeyPair
from kubeup.plan.steps import NodePlan
from kubeup.planning import inquiry, render, required, resolve
from kubeup.planning.lead import lead
from kubeup.release.artifacts import Artifact
from tests.support.plans import BARE, NOW, authorities, carried_out, leaves

ADDRESSES = ("192.168.200.13", "192.168.200.14", "192.168.200.15")

NONE = DockerFact()


@cache
def shared() -> tuple[dict[str, bytes], dict[str, KeyPair]]:
    """Making keys takes longer than all else here."""
    return authorities(NOW)


def machine(number: int, docker: DockerFact = NONE) -> Facts:
    units = {"docker.service": UnitFact("docker.service", "loaded", "active")} if docker.running else {}
    return replace(BARE, hostname=f"machine{number}", primary_address=ADDRESSES[number], docker=docker, units=units)


def answered(request: ProbeRequest, facts: Facts) -> Facts:
    """Of all that is so on a machine, what it is asked for."""
    files = {path: fact for path, fact in facts.files.items() if path in request.files}
    return replace(
        facts,
        files={path: fact if path in request.contents else replace(fact, content=None) for path, fact in files.items()},
        units={name: unit for name, unit in facts.units.items() if name in request.units},
        checks={id_: facts.checks.get(id_, False) for id_, _ in request.checks},
    )


def asked(said: Cluster, machines: Mapping[str, Facts]) -> dict[str, Facts]:
    return {node.host: answered(inquiry.probe_request(said, node), machines[node.host]) for node in said.nodes}


def artifacts(cluster: Cluster, facts: Mapping[str, Facts]) -> tuple[Artifact, ...]:
    return tuple(
        Artifact(one, sha256(one.title.encode()), 1000, Path("/nowhere"), "test")
        for one in required.for_cluster(cluster, facts)
    )


def up(said: Cluster, machines: Mapping[str, Facts]) -> dict[str, Facts]:
    """The machines after everything was done. said: as the profile has it."""
    facts = asked(said, machines)
    cluster = resolve.resolve(said, facts)
    common, pairs = shared()
    after = {}
    for node in cluster.nodes:
        vault = {**common, **leaves(cluster, node, pairs, NOW)}
        after[node.host] = carried_out(wish(cluster, node, facts), vault, machines[node.host])
    return after


def wish(cluster: Cluster, node: Node, facts: Mapping[str, Facts]) -> Desired:
    cidrs = resolve.pod_cidrs(cluster, {})
    context = Context(cluster, node, facts[node.host], ClusterFacts(), cidrs, leads=node == lead(cluster, facts))
    return render.desired(context, artifacts(cluster, facts), NOW)


def plans(said: Cluster, machines: Mapping[str, Facts], *limit: str, off: str = "") -> tuple[NodePlan, ...]:
    """What another `up` would do. limit: hosts of the nodes that it is told to change. off: the host of one that does
    not answer."""
    facts = {host: found for host, found in asked(said, machines).items() if host != off}
    cluster = resolve.resolve(said, facts)
    cluster_facts = resolve.gather_cluster(cluster, facts)
    return make_plan(cluster, facts, cluster_facts, artifacts(cluster, facts), NOW, frozenset(limit)).nodes
