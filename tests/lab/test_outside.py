"""The README's profile on upstream's own sites, as far as this machine reaches them: run by ``make outside`` alone.

Lab nodes have no way out: they download through a proxy on this machine's end of their network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kubeup import addons
from kubeup.lab import state
from tests.lab import world
from tests.lab.conftest import Cluster
from tests.lab.world import MIB
from tests.outside import PARTS
from tests.world import proxy

pytestmark = [pytest.mark.outside, pytest.mark.timeout(60 * max(part.minutes for part in PARTS))]
KINDS = [part.kind for part in PARTS if part.kind]


@pytest.fixture(scope="module", params=KINDS)
def machines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("home")
    with world.readme_machines(home, like=str(request.param)) as found:
        world.somebody_new(found, home / "etc")
        yield found


@contextmanager
def a_way_out(cluster: Cluster) -> Iterator[str]:
    """A proxy's URL."""
    lab = state.find(cluster.name)
    assert lab is not None
    with proxy.serving((lab.host_address, 0), proxy.to_anywhere) as port:
        yield f"http://{lab.host_address}:{port}"


def test_nodes_online(machines: Cluster, tmp_path: Path) -> None:
    machines.extra["KUBEUP_CACHE"] = str(tmp_path / "cache")
    path = machines.home / "profile.yaml"
    before = path.read_text()
    with a_way_out(machines) as url:
        path.write_text(f"{before}proxy: {{http: '{url}', https: '{url}'}}\n")
        sent = world.first_up(machines, f"{machines.like}, nodes online")
        assert all(size < 2 * MIB for size in sent.values()), sent
        world.second_plan_is_empty(machines)
        assert machines.kubeup("down", "--yes", "--no-snapshot").returncode == 0
    path.write_text(before)


def test_only_the_operator_online(machines: Cluster, tmp_path: Path) -> None:
    machines.extra["KUBEUP_CACHE"] = str(tmp_path / "cache")
    sent = world.first_up(machines, f"{machines.like}, only the operator online")
    assert all(size > 200 * MIB for size in sent.values()), sent
    world.second_plan_is_empty(machines)
    assert machines.kubeup("down", "--yes", "--no-snapshot").returncode == 0


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
@pytest.mark.parametrize("runtime", ["containerd", "docker"])
def test_all_that_kubeup_can_want_is_fetched(tmp_path: Path, runtime: str, arch: str) -> None:
    names = ", ".join(one.name for one in addons.ALL)
    (tmp_path / "profile.yaml").write_text(
        f"nodes: [root@192.0.2.3]\nroles: ai\nruntime: {runtime}\naddons: [{names}]\n"
        "load_balancer_addresses: [192.0.2.240-192.0.2.250]\n"
    )
    nobody = Cluster("nobody", "debian", tmp_path, {"KUBEUP_CACHE": str(tmp_path / "cache")})
    done = nobody.kubeup("release", "fetch", "profile.yaml", "--arch", arch)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = nobody.kubeup("release", "list", "profile.yaml", "--arch", arch)
    print(listed.stdout)
    rows = [line.split()[:3] for line in listed.stdout.splitlines()[1:-1]]
    assert len(rows) > 15
    assert [row for row in rows if row[2:] == ["no"]] == []
