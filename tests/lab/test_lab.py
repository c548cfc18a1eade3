"""The lab itself: real nodes that come up, come back, reach nothing outside, and leave nothing behind.

A lab of its own name, subnet and folder; only the cache of base images is shared.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubeup.lab import image, life, model, network, node
from kubeup.lab.shell import wait_until
from kubeup.model.errors import LabError
from tests.lab.conftest import at_the_machine

NAME = "t2"
SUBNET = ipaddress.IPv4Network("192.168.205.0/24")
LAB = model.Lab(NAME, SUBNET)
NODE3, NODE4 = LAB.nodes
CHECKOUT = Path(__file__).parents[2]
UP = (
    "import ipaddress; from kubeup.lab import life, model; "
    f"life.up(model.Lab('{NAME}', ipaddress.IPv4Network('{SUBNET}')), lambda text: print(text, flush=True))"
)


def quiet(_: str) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The labs' folder of these tests. The base image is built before any of them."""
    path = tmp_path_factory.mktemp("labs") / "state"
    with at_the_machine(alone=True), pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBEUP_LAB_DIR", str(path))
        life.down(NAME, quiet)
        path.mkdir(parents=True)
        image.ensure(LAB, print)
        yield path
        life.down(NAME, quiet, purge=True)


@pytest.fixture
def running() -> model.Lab:
    life.up(LAB, quiet)
    return LAB


@pytest.fixture
def bare() -> Iterator[None]:
    """No lab before, none after."""
    life.down(NAME, quiet)
    yield
    life.down(NAME, quiet)


def output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout


def ssh(target: str, command: str) -> subprocess.CompletedProcess[str]:
    """What a person types; a question would be an error."""
    argv = ["ssh", *life.ssh_options(NAME), "-o", "BatchMode=yes", target, command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)


def on(name: str, script: str) -> str:
    done = life.inside(NAME, name, script)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def first_process(one: model.LabNode) -> int:
    return node.init_pid(LAB, one)


def traces(folder: Path) -> list[str]:
    """Everything on this machine that names the lab; the unreachable route apart."""
    routes = [line for line in output("ip", "route").split("\n") if str(SUBNET) in line and "unreachable" not in line]
    rules = [line for line in output("ip", "rule").split("\n") if f"iif {LAB.host_link}" in line]
    mounts = [line for line in Path("/proc/mounts").read_text().split("\n") if str(folder) in line]
    processes = [
        line
        for line in output("ps", "-eww", "-o", "args=").split("\n")
        if f"{folder}/{NAME}" in line or LAB.netns in line
    ]
    return [*life.leftovers(NAME), *routes, *rules, *mounts, *processes]


def unreachable() -> bool:
    return f"unreachable {SUBNET}" in output("ip", "route")


@pytest.mark.usefixtures("bare")
def test_two_nodes_boot_within_thirty_seconds_from_a_ready_base() -> None:
    started = time.monotonic()
    life.up(LAB, quiet)
    assert time.monotonic() - started < 30
    assert [(one.name, one.running, one.ssh) for one in life.status(NAME)] == [
        ("node3", True, True),
        ("node4", True, True),
    ]


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("target", ["node3", "192.168.205.14"])
def test_ssh_works_at_once_with_a_host_key_that_is_known(target: str) -> None:
    done = ssh(target, "hostname; id -un; systemctl is-system-running --wait")
    expected = "node3" if target == "node3" else "node4"
    assert (done.stdout.split(), done.stderr) == ([expected, "root", "running"], "")


@pytest.mark.usefixtures("running")
def test_nodes_are_machines_of_their_own() -> None:
    ids = {on(one.name, "cat /etc/machine-id") for one in LAB.nodes}
    keys = {on(one.name, "cat /etc/ssh/ssh_host_ed25519_key.pub") for one in LAB.nodes}
    assert len(ids) == len(keys) == 2
    assert on("node3", "systemctl list-units --failed --no-legend") == ""
    assert on("node3", "findmnt -no PROPAGATION /") == "shared"
    assert " ro," not in on("node3", "grep ' /sys/fs/cgroup/' /proc/mounts || true")


@pytest.mark.usefixtures("running")
def test_a_second_up_is_quick_and_keeps_what_runs() -> None:
    before = [first_process(one) for one in LAB.nodes]
    started = time.monotonic()
    life.up(LAB, quiet)
    assert time.monotonic() - started < 5
    assert [first_process(one) for one in LAB.nodes] == before


def reaches(name: str, address: str, port: int) -> bool:
    return life.inside(NAME, name, ["bash", "-c", f"timeout 2 bash -c '</dev/tcp/{address}/{port}'"]).returncode == 0


@pytest.mark.usefixtures("running")
def test_nodes_reach_each_other_and_nothing_outside() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = int(server.getsockname()[1])
        assert reaches("node3", NODE4.address, 22)
        assert reaches("node3", LAB.host_address, port)
        others = [
            info["local"]
            for link in json.loads(output("ip", "-j", "-4", "addr"))
            for info in link["addr_info"]
            if link["ifname"] not in ("lo", LAB.host_link)
        ]
        assert not [address for address in others if reaches("node3", address, port)]
    # Documentation addresses (RFC 5737): asked of the routing tables only, nothing is sent.
    assert output("ip", "route", "get", "203.0.113.9", "from", NODE3.address, "iif", LAB.host_link) == ""
    forward = output("ip", "netns", "exec", LAB.netns, "cat", "/proc/sys/net/ipv4/ip_forward")
    assert forward.strip() == "0"
    assert Path(f"/proc/sys/net/ipv4/conf/{LAB.host_link}/forwarding").read_text().strip() == "0"


@pytest.mark.usefixtures("running")
def test_a_node_that_reboots_comes_back_with_its_disk() -> None:
    before = first_process(NODE3)
    on("node3", "echo kept >/var/lib/kubeup/kept; echo kept >/root/kept")
    assert ssh("node3", "systemctl reboot").returncode in (0, 255)
    assert wait_until(lambda: first_process(NODE3) not in (0, before), 30)
    node.wait_booted(LAB, NODE3)
    assert on("node3", "cat /var/lib/kubeup/kept /root/kept").split() == ["kept", "kept"]
    again = first_process(NODE3)
    life.reboot(NAME, "node3")
    assert first_process(NODE3) not in (0, before, again)
    assert ssh("node3", "true").returncode == 0


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("pull", [False, True], ids=["asked", "plug pulled"])
def test_a_node_is_switched_off_and_on(pull: bool) -> None:
    other = first_process(NODE4)
    life.power_off(NAME, "node3", pull=pull)
    assert [one.running for one in life.status(NAME)] == [False, True]
    with pytest.raises(LabError, match="not running"):
        life.inside(NAME, "node3", ["true"])
    life.power_on(NAME, "node3")
    assert ssh("node3", "systemctl is-system-running --wait").stdout.strip() == "running"
    assert first_process(NODE4) == other


@pytest.mark.usefixtures("bare")
def test_more_nodes_join_a_lab_that_runs() -> None:
    life.up(LAB, quiet)
    before = [first_process(one) for one in LAB.nodes]
    life.up(model.Lab(NAME, SUBNET, 3), quiet)
    assert [first_process(one) for one in LAB.nodes] == before
    assert ssh("node5", "hostname").stdout.strip() == "node5"
    assert on("node3", "getent hosts node5").split() == ["192.168.205.15", "node5"]
    life.up(LAB, quiet)
    assert len(life.status(NAME)) == 3, "an up of fewer nodes takes none away"


IMPORT = (
    "tar -C / -c bin lib lib64 usr/lib64 usr/bin/cat usr/lib/x86_64-linux-gnu/libc.so.6 "
    "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 | docker import - small"
)


@pytest.mark.usefixtures("bare")
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the small image is made of amd64 files")
def test_docker_is_there_but_stopped_and_runs_containers_once_started() -> None:
    life.up(LAB, quiet)
    assert life.inside(NAME, "node3", "systemctl is-active docker containerd docker.socket").stdout.split() == (
        ["inactive"] * 3
    )
    on("node3", f"systemctl start docker && {IMPORT}")
    # A negative score is what kubelet and some images ask for; not every machine may grant it.
    score = on("node3", "docker run --rm --network none --oom-score-adj -500 small cat /proc/self/oom_score_adj")
    assert score in ("0", "-500")


@pytest.mark.usefixtures("bare")
def test_down_leaves_nothing_but_the_route_and_purge_takes_that_too(folder: Path) -> None:
    life.up(LAB, quiet)
    shared = Path("/proc/sys/kernel/panic")
    before = shared.read_text()
    on("node3", f"echo {int(before) + 7} >/proc/sys/kernel/panic")
    assert shared.read_text() != before
    life.down(NAME, quiet)
    assert shared.read_text() == before
    assert traces(folder) == []
    assert unreachable()
    life.down(NAME, quiet, purge=True)
    assert not unreachable()
    assert not folder.exists()


def boots(name: str) -> bool:
    return (LAB.state / "nodes" / name / "pid").exists()


MOMENTS: dict[str, Callable[[], bool]] = {
    "recorded": lambda: (LAB.state / "lab.json").exists(),
    "namespace": lambda: LAB.netns in network.names(),
    "link": lambda: Path(f"/sys/class/net/{LAB.host_link}").exists(),
    "key": lambda: (LAB.state / "id_ed25519").exists(),
    "first node": lambda: boots("node3"),
    "second node": lambda: boots("node4"),
    "its systemd": lambda: boots("node4") and first_process(NODE4) != 0,
}


def killed_at(moment: str) -> None:
    """A `lab up` that is killed as soon as something is there."""
    process = subprocess.Popen([sys.executable, "-c", UP], cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not MOMENTS[moment]() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.wait(10)
    assert MOMENTS[moment]()


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("moment", MOMENTS)
def test_down_removes_what_a_killed_up_left(moment: str, folder: Path) -> None:
    killed_at(moment)
    life.down(NAME, quiet)
    assert traces(folder) == []


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("moment", MOMENTS)
def test_up_completes_what_a_killed_up_left(moment: str) -> None:
    killed_at(moment)
    life.up(LAB, quiet)
    assert all(one.running and one.ssh for one in life.status(NAME))
    holders = output("ps", "-eww", "-o", "args=").split("\n")
    assert len([line for line in holders if line.startswith("systemd-nspawn") and LAB.netns in line]) == 2


@pytest.mark.usefixtures("bare")
def test_down_needs_no_record(folder: Path) -> None:
    life.up(LAB, quiet)
    (LAB.state / "lab.json").unlink()
    life.down(NAME, quiet)
    assert traces(folder) == []


SLOW_DEBOOTSTRAP = """\
#!/bin/sh
for last; do case $last in *.partial) target=$last ;; esac; done
mkdir -p "$target/proc"
mount -t tmpfs slow "$target/proc"
touch "$target/proc/mounted" "$target/begun"
sleep 600
"""


def test_a_killed_image_build_leaves_no_mount_and_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin/debootstrap"
    program.parent.mkdir()
    program.write_text(SLOW_DEBOOTSTRAP)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("KUBEUP_LAB_CACHE", str(tmp_path / "cache"))
    process = subprocess.Popen([sys.executable, "-c", UP], cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    assert wait_until(lambda: any((tmp_path / "cache").glob("*.partial/begun")), 30)
    process.kill()
    process.wait(10)
    assert wait_until(lambda: str(tmp_path / "cache") not in output("ps", "-eww", "-o", "args="), 10)
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    images = [path.name for path in (tmp_path / "cache").glob("*-trixie-*") if path.is_dir()]
    assert [name for name in images if not name.endswith(".partial")] == [], "a half-made image does not count"
    life.down(NAME, quiet)
    shutil.rmtree(tmp_path / "cache")


@pytest.mark.usefixtures("bare")
def test_a_subnet_in_use_is_refused_and_nothing_is_made(folder: Path) -> None:
    link = "kltest-other"
    subprocess.run(["ip", "link", "add", link, "type", "bridge"], check=True)
    try:
        subprocess.run(["ip", "addr", "add", f"{NODE3.address}/24", "dev", link], check=True)
        with pytest.raises(LabError) as caught:
            life.up(LAB, quiet)
    finally:
        subprocess.run(["ip", "link", "delete", link], check=True)
    assert caught.value.evidence == (f"{link} has the address {NODE3.address}/24",)
    assert "--subnet" in caught.value.fix
    assert traces(folder) == []


@pytest.mark.usefixtures("bare")
def test_a_namespace_of_somebody_else_is_refused_and_kept() -> None:
    subprocess.run(["ip", "netns", "add", LAB.netns], check=True)
    try:
        with pytest.raises(LabError) as caught:
            life.up(LAB, quiet)
        assert LAB.netns in network.names()
    finally:
        subprocess.run(["ip", "netns", "delete", LAB.netns], check=True)
    assert LAB.netns in caught.value.evidence[0]


def test_nodes_like_ubuntu_are_what_a_bought_server_is(bare: None) -> None:
    life.up(model.Lab(NAME, SUBNET, 1, "ubuntu"), print)
    assert ssh("node3", "id -un").stdout.strip() == "ubuntu"
    assert "Permission denied" in ssh("root@node3", "true").stderr
    assert ssh("node3", "sudo -n true").returncode == 1
    sudo = subprocess.run(
        ["ssh", *life.ssh_options(NAME), "node3", "sudo -S -p '' id -un"],
        input=f"{model.PASSWORD}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert sudo.stdout.strip() == "root"
    assert on("node3", "readlink /etc/resolv.conf").endswith("systemd/resolve/stub-resolv.conf")
    assert f"nameserver {LAB.gateway}" in on("node3", "cat /run/systemd/resolve/resolv.conf")
    assert on("node3", "systemctl is-active systemd-resolved") == "active"
    assert on("node3", "ufw status") == "Status: inactive"
    assert on("node3", "ls /etc/netplan")
    assert on("node3", "cat /etc/hosts").endswith("127.0.1.1 node3")
