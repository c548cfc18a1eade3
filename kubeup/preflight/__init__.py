"""What must hold before anything is touched: (Cluster, Facts) -> Problems, all of them at once.

A check is a function of one node's facts; adding one is writing it, naming it in CHECKS, and declaring the ids of its
problems in model/preflight_ids.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from kubeup.model.cluster import Cluster
from kubeup.model.facts import Facts
from kubeup.model.founding import NODES, of_each
from kubeup.preflight import authorities, disk, docker, firewall, folders, identity, living, machine, network, versions
from kubeup.preflight.certificates import run_out
from kubeup.preflight.disk import pressure
from kubeup.preflight.docker import restarts
from kubeup.preflight.members import members
from kubeup.preflight.outsiders import outsiders
from kubeup.preflight.problem import PreflightProblem, Subject
from kubeup.preflight.versions import end_of_life

__all__ = ["check", "end_of_life", "outsiders", "pressure", "restarts", "run_out"]

Check = Callable[[Subject], Iterator[PreflightProblem]]
CHECKS: tuple[Check, ...] = (
    identity.belongs,
    identity.locked,
    identity.known_format,
    machine.system,
    disk.room,
    disk.mounts,
    machine.resources,
    machine.inotify,
    machine.clock,
    machine.cgroups,
    network.address,
    network.lease,
    network.ports,
    machine.tools,
    docker.docker,
    docker.docker_settings,
    disk.docker_disk,
    firewall.front_ends,
    firewall.operators_way,
    firewall.own_chains,
    network.routes,
    identity.data_folders,
    folders.in_use,
    folders.snapshots,
)
TOGETHER: tuple[Callable[[Sequence[Subject]], Iterator[PreflightProblem]], ...] = (
    living.immutable,
    living.of_each,
    living.moves,
    living.roles,
    versions.steps,
    members,
    authorities.lost,
)
"""Of all nodes that answered and are no other cluster's."""


def check(cluster: Cluster, facts: Mapping[str, Facts]) -> tuple[PreflightProblem, ...]:
    """Every problem of every node that answered, and of all of them together. facts: by node.endpoint."""
    records = [one.record for one in facts.values() if one.record.cluster == cluster.name]
    before = frozenset(address for one in records for address in of_each(one.meta.get(NODES, "")).values())
    subjects = [
        Subject(cluster, node, facts[node.endpoint], before) for node in cluster.nodes if node.endpoint in facts
    ]
    found = [problem for subject in subjects for one in CHECKS for problem in one(subject)]
    found.extend(_together(cluster, subjects))
    own = [s for s in subjects if s.facts.record.cluster in ("", cluster.name)]
    found.extend(problem for one in TOGETHER for problem in one(own))
    return tuple(replace(problem, severity="warning") if problem.id in cluster.waive else problem for problem in found)


def _together(cluster: Cluster, subjects: list[Subject]) -> Iterator[PreflightProblem]:
    keys: tuple[tuple[str, str, Callable[[Subject], str], str, Callable[[Subject], Sequence[str]]], ...] = (
        (
            "duplicate-name",
            "name",
            lambda s: s.node.name,
            "hostnamectl set-hostname NAME on one; or name: in the profile",
            lambda _: (),
        ),
        (
            "duplicate-machine-id",
            "machine-id",
            lambda s: s.facts.machine_id,
            "on the clone: rm /etc/machine-id && systemd-machine-id-setup && reboot",
            lambda _: (),
        ),
        (
            "duplicate-address",
            "address",
            lambda s: s.node.address,
            "write address: ADDRESS under each node in the profile, the one by which the other nodes reach it",
            network.addresses_it_has,
        ),
    )
    for id_, what, key, fix, evidence in keys:
        seen: dict[str, Subject] = {}
        for s in subjects:
            value = key(s)
            if value and value in seen:
                yield s.problem(
                    id_,
                    f"its {what} {value} is also that of {seen[value].node.title} ({seen[value].node.endpoint})",
                    fix,
                    evidence(s),
                )
            seen.setdefault(value, s)
