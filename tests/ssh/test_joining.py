"""What a node that joins or leaves costs the others, in trips over a real sshd: the same for two of them or fifty."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.commands import leave, up
from kubeup.execution import probing
from kubeup.execution.fleet import Fleet
from kubeup.execution.job import Job, Outcome
from kubeup.model.cluster import Cluster, Role, Runtime
from kubeup.model.facts import Facts
from kubeup.model.preflight_ids import PREFLIGHT_IDS
from kubeup.node.wire.transport import SshConnection
from kubeup.pki import kubeconfig, specs
from kubeup.planning import inquiry, resolve
from kubeup.sources import cache
from tests.ssh.conftest import Operator
from tests.ssh.machine import Machine, make_key
from tests.ssh.stub_nodes import PROGRAMS, StubNodes
from tests.support.machines import built_nodes, fill_cache

BOTH, WORKER = frozenset({Role.CONTROL_PLANE, Role.WORKER}), frozenset({Role.WORKER})
NOW = datetime.datetime.now(datetime.timezone.utc)


class Stubbed:
    """A cluster of stub nodes that an `up` finished, but for the last node, which is bare."""

    def __init__(self, nodes: StubNodes, operator: Operator, home: Path) -> None:
        self.nodes, self._operator, self._home = nodes, operator, home
        every = []
        for count, (name, daemon) in enumerate(nodes.daemons.items(), 1):
            operator.trust(daemon)
            roles = BOTH if count == 1 else WORKER
            every.append(operator.node(daemon, name=name, address=f"10.9.0.{count}", roles=roles))  # type: ignore[arg-type]
        waived = frozenset(PREFLIGHT_IDS)
        self.whole = replace(
            operator.cluster(*every),
            runtime=Runtime.CONTAINERD,
            addons=(),
            waive=waived,
            sources=operator.cluster().sources[:1],
        )
        self.founded = replace(self.whole, nodes=self.whole.nodes[:-1])
        self._build()

    def _build(self) -> None:
        (bare,) = self._ask(replace(self.whole, nodes=self.whole.nodes[-1:])).values()
        facts = {
            node.endpoint: replace(bare, addresses=(f"{node.address}/16",), primary_address=node.address)
            for node in self.whole.nodes
        }
        artifacts = fill_cache(self.whole, facts, cache.cache_root(), PROGRAMS)
        cluster = resolve.resolve(self.founded, facts)
        built = built_nodes(cluster, facts, artifacts, NOW)
        for node in self.founded.nodes:
            self.nodes.fill(node.name, built[node.endpoint].facts, artifacts)
        first, admin = built[cluster.nodes[0].endpoint], specs.admin()
        paths = (specs.CERTIFICATE_AUTHORITIES[0].cert_path, admin.path, admin.key_path)
        access = kubeconfig.Access(cluster.api_server, *(first.secrets[path] for path in paths))
        kubeconfig.merge(self._home / "kubeconfig", cluster.name, access)

    def _ask(self, cluster: Cluster) -> dict[str, Facts]:
        with self._fleet() as fleet:
            return {
                node.endpoint: probing.probe(fleet.connection(node), inquiry.probe_request(self.whole, node))
                for node in cluster.nodes
            }

    def up(self, cluster: Cluster) -> Outcome:
        with self._job() as job:
            return up.execute(job, up.prepare(job, cluster))

    def up_without(self, cluster: Cluster) -> dict[str, int]:
        """As `up --remove`, by a profile that lacks some nodes; the trips, by name, of all that were asked."""
        with self._job() as job:
            prepared = up.prepare(job, cluster)
            up.execute(job, prepared)
            failures = leave.remove(job, prepared, prepared.plan.leaving, self.whole.nodes, 30)
            assert failures is None, [str(one) for one in failures.causes]
            return {node.name: job.fleet.trips(node) for node in self.whole.nodes}

    @contextmanager
    def _job(self) -> Iterator[Job]:
        with self._fleet() as fleet:
            environ = {"KUBECONFIG": str(self._home / "kubeconfig")}
            yield Job(fleet, lambda _: None, lambda _: None, "ann@laptop", lambda: NOW, environ)

    @contextmanager
    def _fleet(self) -> Iterator[Fleet]:
        dialer = self._operator.dialer(*self.whole.nodes)
        with closing(Fleet(lambda node: SshConnection(dialer, node))) as fleet:
            yield fleet


def trips(outcome: Outcome) -> dict[str, int]:
    return {node.name: node.round_trips for node in outcome.nodes}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One of its own: its systemctl is a stub."""
    if os.geteuid() != 0:
        pytest.skip("a throwaway machine needs root")
    made = Machine(tmp_path_factory.mktemp("nodes"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def key(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_key(tmp_path_factory.mktemp("keys") / "id_ed25519")
    machine.authorize(path.with_suffix(".pub"))
    return path


@pytest.mark.parametrize("others", [2, 10, pytest.param(50, marks=pytest.mark.soak)])
def test_a_node_that_joins_or_leaves_costs_the_lead_two_trips_more_and_nobody_else_one(
    machine: Machine, operator: Operator, tmp_path: Path, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEUP_CACHE", str(tmp_path / "cache"))
    nodes = StubNodes(machine, others + 1)
    new = nodes.names[-1]
    stubbed = Stubbed(nodes, operator, tmp_path)
    before = {name: nodes.read(name, "/var/lib/kubeup/record") for name in nodes.names[1:-1]}
    begin = time.monotonic()
    done = stubbed.up(stubbed.whole)
    seconds = time.monotonic() - begin
    # The lead: asked, read for what signs, told to make the object. Who joins: asked, given files, two levels.
    assert trips(done) == {**dict.fromkeys(nodes.names, 1), "node1": 3, new: 4}
    assert {name: nodes.read(name, "/var/lib/kubeup/record") for name in before} == before
    assert nodes.read("node1", "/stub/applied").count("\n") == 1
    assert nodes.read("node1", "/stub/objects").count(f"node {new}\n") == 1
    begin = time.monotonic()
    again = stubbed.up(stubbed.whole)
    print(f"a node joins {others}: {seconds:.1f} s; nothing to do: {time.monotonic() - begin:.1f} s")
    assert trips(again) == dict.fromkeys(nodes.names, 1)
    assert not again.changed
    begin = time.monotonic()
    # The lead: asked, told who the nodes are now, to drain, to delete. Who leaves: asked, undone.
    assert stubbed.up_without(stubbed.founded) == {**dict.fromkeys(nodes.names, 1), "node1": 4, new: 2}
    print(f"a node leaves {others}: {time.monotonic() - begin:.1f} s")
    assert {name: nodes.read(name, "/var/lib/kubeup/record") for name in before} == before
    assert f"node {new}\n" not in nodes.read("node1", "/stub/objects")
    assert nodes.read(new, "/var/lib/kubeup/record") == ""
    after = stubbed.up(stubbed.founded)
    assert trips(after) == dict.fromkeys(nodes.names[:-1], 1)
    assert not after.changed
