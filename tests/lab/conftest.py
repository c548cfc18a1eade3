"""Real nodes: the tests' own lab, beside any other, with its own name and subnet."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubeup.lab import life, model, state
from kubeup.lab.kinds import KINDS
from kubeup.lab.model import NETNS_PREFIX

# Modules that run side by side have labs of their own (pytest -n), as has another run of the tests beside this one.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PREFIX = os.environ.get("KUBEUP_TEST_LAB", "test") + (str(WORKER) if WORKER else "")
NET = int(os.environ.get("KUBEUP_TEST_NET", "201")) + 10 * WORKER
# A kind has a lab of its own name, and all kinds but the first one subnet.
SUBNETS = {like: f"192.168.{NET + bool(number)}.0/24" for number, like in enumerate(KINDS)}
LETTERS = dict(zip(KINDS, "duvxyln", strict=True))
# The README's machines have one beside them: tests/lab/world.py.
README_LETTER = "w"
UP_LIMIT = 1800
# kubeup's own containerd, asked on a node.
CTR = "/opt/kubeup/bin/ctr -a /run/kube-containerd/containerd.sock -n k8s.io"
# Nodes share one disk with the machine: how full that is, in per cent, says nothing of them.
OWN_DISK = (
    "imageGCHighThresholdPercent: 100, evictionHard: "
    "{imagefs.available: 1Gi, nodefs.available: 1Gi, memory.available: 100Mi}"
)


def kubelet(*settings: str, flags: str = "") -> str:
    """A profile's line for kubelet on lab nodes. settings: further ones, as KEY: VALUE."""
    config = ", ".join(("failCgroupV1: false", OWN_DISK, *settings))
    return f"{{config: {{{config}}}, flags: {{{flags}}}}}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/lab" in str(item.path):
            item.add_marker(pytest.mark.lab)


@dataclass
class Cluster:
    """A lab and a profile for it, driven by the real command line in a home of its own."""

    name: str
    like: str
    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    # What the command line runs in: a command that runs another one.
    within: tuple[str, ...] = ()
    # Lines that every profile of this cluster has, unless a test says otherwise.
    lines: dict[str, str] = field(default_factory=dict)

    @property
    def addresses(self) -> list[str]:
        found = state.find(self.name)
        assert found is not None
        return [node.address for node in found.nodes]

    @property
    def kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    def profile(self, more: str = "", **changes: str) -> Path:
        """Write the profile; changes replace top-level lines, or take them away where they are empty."""
        user = KINDS[self.like].users[0]
        lines = {
            "name": self.name,
            "lab": self.name,
            "nodes": f"[{', '.join(f'{user}@{address}' for address in self.addresses)}]",
            "roles": "ai i",
            "service_cluster_ip_range": "100.0.0.0/16",
            "flannel_net": "172.16.0.0/16",
            "dns_server_ip": "100.0.0.2",
            "runtime": "containerd",
            "sources": "[cache, go]",
            # Each test that is about addons says which.
            "addons": "[]",
            "kubelet": kubelet(),
            **self.lines,
            **changes,
        }
        path = self.home / "profile.yaml"
        path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items() if value) + more)
        return path

    def environment(self) -> dict[str, str]:
        own = {
            "KUBECONFIG": str(self.kubeconfig),
            "XDG_STATE_HOME": str(self.home / "state"),
            "KUBEUP_SUDO_PASSWORD": model.PASSWORD,
            "COLUMNS": "160",
        }
        return {**os.environ, **own, **self.extra}

    def kubeup(self, *arguments: str, limit: float = UP_LIMIT) -> subprocess.CompletedProcess[str]:
        argv = [*self.within, str(Path(sys.executable).with_name("kubeup")), *arguments]
        return subprocess.run(
            argv,
            env=self.environment(),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=limit,
            cwd=self.home,
            check=False,
        )

    def json(self, *arguments: str) -> dict[str, object]:
        done = self.kubeup(*arguments, "-o", "json")
        assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
        value = json.loads(done.stdout)
        assert isinstance(value, dict)
        return value

    def on(self, node: str, script: str, limit: float = 60) -> str:
        """Run a script on a node as root, without kubeup and without ssh; what it printed."""
        # kubectl's own cache is not to be mistaken for something that kubeup left.
        done = life.inside(
            self.name, node, ["env", "KUBECACHEDIR=/dev/shm/test-cache", "sh", "-c", script], limit=limit
        )
        return done.stdout + done.stderr

    def feed(self, node: str, script: str) -> str:
        """The same for a script that is too long for a command line."""
        done = life.inside(self.name, node, ["env", "KUBECACHEDIR=/dev/shm/test-cache", "sh", "-s"], stdin=script)
        return done.stdout + done.stderr

    def kubectl(self, arguments: str) -> str:
        return self.on("node3", f"kubectl --kubeconfig=/etc/kubernetes/admin.conf {arguments}")


@contextmanager
def at_the_machine(*, alone: bool) -> Iterator[None]:
    """With labs of others beside one's own, or alone, where a test is about what all share: routes, kernel settings."""
    with (Path(tempfile.gettempdir()) / "kubeup-test-labs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@pytest.fixture(scope="module", params=["debian", "ubuntu"])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two bare nodes of each kind."""
    like = str(request.param)
    name = f"{PREFIX}{LETTERS[like]}"
    with bare(model.Lab(name, ipaddress.IPv4Network(SUBNETS[like]), 2, like), tmp_path_factory.mktemp(name)) as found:
        yield found


@contextmanager
def bare(lab: model.Lab, home: Path) -> Iterator[Cluster]:
    """A lab's bare nodes. home: the operator's."""
    if os.geteuid():
        pytest.fail("the lab tests need root: they boot nodes")
    with at_the_machine(alone=False):
        life.down(lab.name, lambda _: None)
        life.up(lab, print)
        try:
            yield Cluster(lab.name, lab.like, home)
        finally:
            life.down(lab.name, lambda _: None, purge=True)


@contextmanager
def nothing_leaves(cluster: Cluster) -> Iterator[None]:
    """A listener on the lab's gateway, where everything without another way goes, hears nothing for a service."""
    command = ["ip", "netns", "exec", f"kubeup-{cluster.name}"]
    rules = (
        "add table ip watch; add chain ip watch in { type filter hook prerouting priority -400; }; "
        "add rule ip watch in ip daddr 100.0.0.0/16 counter"
    )
    subprocess.run([*command, "nft", rules], check=True)
    try:
        yield
        show = [*command, "nft", "list", "table", "ip", "watch"]
        listing = subprocess.run(show, capture_output=True, text=True, check=True).stdout
        assert "packets 0 bytes 0" in listing, listing
    finally:
        subprocess.run([*command, "nft", "delete", "table", "ip", "watch"], check=True)


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_lab_stays() -> Iterator[None]:
    """Other labs on this machine come and go as they like."""
    yield
    own = tuple(f"{NETNS_PREFIX}{PREFIX}{letter}" for letter in (*LETTERS.values(), README_LETTER))
    assert not [path.name for path in Path("/run/netns").glob("*") if path.name.startswith(own)]
