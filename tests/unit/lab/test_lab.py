"""The lab's pure parts: names and addresses, what it refuses to be in the way of, where its packages come from."""

from __future__ import annotations

import ipaddress
import json
import threading
from pathlib import Path

import pytest

from kubeup.lab import apt, cgroups, kernel, state
from kubeup.lab import image as image_builder
from kubeup.lab.kinds import IMAGES, KINDS
from kubeup.lab.model import Lab
from kubeup.lab.network import METRIC, Present, conflict, parse
from kubeup.model.errors import LabError

SUBNET = ipaddress.IPv4Network("192.168.201.0/24")
LAB = Lab("test", SUBNET)


def test_nodes_are_numbered_by_their_address_less_ten() -> None:
    assert [(node.name, node.address) for node in Lab(size=3).nodes] == [
        ("node3", "192.168.200.13"),
        ("node4", "192.168.200.14"),
        ("node5", "192.168.200.15"),
    ]
    assert Lab(first_host=40, size=1).nodes[0].name == "node30"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "my-lab"}, "cannot name a lab"),
        ({"name": "laboratory"}, "cannot name a lab"),
        ({"name": "läb"}, "cannot name a lab"),
        ({"subnet": ipaddress.IPv4Network("8.8.8.0/24")}, "cannot be a lab's subnet"),
        ({"subnet": ipaddress.IPv4Network("10.0.0.0/16")}, "cannot be a lab's subnet"),
        ({"size": 0}, "a lab of 0 nodes"),
        ({"size": 250}, "a lab of 250 nodes"),
        ({"first_host": 250, "size": 5}, "a lab of 5 nodes"),
        ({"first_host": 1}, "cannot be at .1"),
        ({"like": "windows"}, "like `windows`"),
    ],
)
def test_a_lab_that_cannot_be_is_refused_with_what_can(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(LabError, match=message) as caught:
        Lab(**wrong)  # type: ignore[arg-type]
    assert caught.value.fix


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_stands_on_an_image_that_there_is(name: str) -> None:
    image = KINDS[name].image
    while image:
        # Images of one kind are found by what stands before the dash.
        assert "-" not in image
        assert (image_builder.FOLDER / IMAGES[image].script).is_file()
        image = IMAGES[image].over


def test_an_image_that_is_there_needs_the_one_it_was_made_of_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEUP_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KUBEUP_LAB_DIR", str(tmp_path / "labs"))
    made = image_builder.folder("ubuntu26")
    made.mkdir(parents=True)
    said: list[str] = []
    assert image_builder.ensure(Lab(like="ubuntu26"), said.append) == made
    assert said == []


def test_a_lab_owns_its_names_and_not_those_of_a_longer_one() -> None:
    lab = Lab("lab")
    assert lab.owns("kubeup-lab")
    assert lab.owns("kubeup-lab-node3")
    assert not lab.owns("kubeup-lab2")
    assert not lab.owns("kubeup-lab2-node3")


def present(
    addresses: list[dict[str, object]] | None = None,
    routes: list[dict[str, object]] | None = None,
    links: tuple[str, ...] = (),
    namespaces: tuple[str, ...] = (),
) -> Present:
    """A machine's network as ``ip -j`` tells of it."""
    names = json.dumps([{"ifname": name} for name in links])
    return parse(json.dumps(addresses or []), json.dumps(routes or []), names, frozenset(namespaces))


def address(link: str, local: str, length: int) -> dict[str, object]:
    return {"ifname": link, "addr_info": [{"family": "inet", "local": local, "prefixlen": length}]}


IN_THE_WAY = {
    "an address in it": (present([address("eth0", "192.168.201.7", 24)]), "eth0 has the address 192.168.201.7/24"),
    "an address around it": (present([address("wg0", "192.168.0.1", 16)]), "wg0 has the address 192.168.0.1/16"),
    "a route to it": (
        present(routes=[{"dst": "192.168.201.0/24", "dev": "tun0"}]),
        "there is a route to 192.168.201.0/24 (tun0)",
    ),
    "a route around it": (
        present(routes=[{"dst": "192.168.0.0/16", "gateway": "10.0.0.1", "dev": "eth0"}]),
        "there is a route to 192.168.0.0/16 (eth0)",
    ),
    "a host route in it": (
        present(routes=[{"dst": "192.168.201.9", "dev": "eth0"}]),
        "there is a route to 192.168.201.9/32 (eth0)",
    ),
    "somebody's blackhole": (
        present(routes=[{"type": "blackhole", "dst": "192.168.201.0/24"}]),
        "there is a route to 192.168.201.0/24 (blackhole)",
    ),
    "another lab": (
        present(routes=[{"dst": "192.168.201.0/24", "dev": "kl-other"}]),
        "there is a route to 192.168.201.0/24 (kl-other)",
    ),
    "a link of its name": (present(links=("kl-test",)), "there is a network link kl-test that no lab"),
    "a namespace of its name": (
        present(namespaces=("kubeup-test-node3",)),
        "there is a network namespace kubeup-test-node3 that no lab",
    ),
}


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_what_the_lab_would_be_in_the_way_of_is_named(case: str) -> None:
    there, expected = IN_THE_WAY[case]
    assert conflict(LAB, there, known=False).startswith(expected)


def test_a_default_route_and_other_subnets_are_no_conflict() -> None:
    there = present(
        [address("lo", "127.0.0.1", 8), address("eth0", "192.168.20.2", 24)],
        [
            {"dst": "default", "gateway": "192.168.20.1", "dev": "eth0"},
            {"dst": "192.168.20.0/24", "dev": "eth0"},
            {"dst": "192.168.200.0/24", "dev": "kl-lab"},
        ],
        links=("lo", "eth0", "kl-lab"),
        namespaces=("kubeup-lab", "kubeup-lab-node3", "mine"),
    )
    assert conflict(LAB, there, known=False) == ""


def test_what_an_earlier_run_of_the_same_lab_left_is_its_own() -> None:
    there = present(
        [address("kl-test", "192.168.201.254", 32)],
        [
            {"dst": "192.168.201.0/24", "dev": "kl-test"},
            {"type": "unreachable", "dst": "192.168.201.0/24", "metric": METRIC},
        ],
        links=("kl-test",),
        namespaces=("kubeup-test", "kubeup-test-node3"),
    )
    assert conflict(LAB, there, known=True) == ""


def test_the_unreachable_route_alone_is_no_conflict_for_a_new_lab() -> None:
    there = present(routes=[{"type": "unreachable", "dst": "192.168.201.0/24", "metric": METRIC}])
    assert conflict(LAB, there, known=False) == ""


CLOUD = """\
# See https://wiki.debian.org
Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: bookworm bookworm-updates bookworm-backports
Components: main
"""
VENDOR = """\
Types: deb
URIs: https://packages.example.com/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg

Enabled: no
Types: deb
URIs: http://off.example.com/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.example.com/debian
 http://second.example.com/debian
Suites: bookworm bookworm-updates
# where it comes from
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
ONE_LINE = """\
# deb http://commented.example.com/debian bookworm main
deb-src http://source.example.com/debian bookworm main
deb [arch=amd64] http://security.example.com/debian-security bookworm-security main
deb [arch=amd64 signed-by=/usr/share/keyrings/docker.gpg] https://docker.example.com/linux/debian bookworm stable
deb [signed-by=/usr/share/keyrings/debian-archive-stable.gpg] http://mirror.example.com/debian/ bookworm main # ours
"""
DEFAULT = '#!/bin/sh\nset -e\nDEF_MIRROR="http://default.example.com/debian"\n'
UBUNTU = "deb http://archive.ubuntu.example.com/ubuntu noble main universe\n"


def machine(root: Path, files: dict[str, str]) -> Path:
    """A root folder with these files, and Debian's keys."""
    keys = [apt.KEYRING, "/usr/share/keyrings/debian-archive-stable.gpg", "/usr/share/keyrings/vendor.gpg"]
    for name, text in {**files, **dict.fromkeys(keys, "key")}.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/etc/apt/sources.list.d/debian.sources": VENDOR}, ("http://mirror.example.com/debian", apt.KEYRING)),
        (
            {
                "/etc/apt/sources.list.d/debian.sources": CLOUD,
                "/etc/apt/mirrors/debian.list": "https://cloud.example.com/debian\nhttps://other.example.com/debian\n",
            },
            ("https://cloud.example.com/debian", apt.KEYRING),
        ),
        (
            {"/etc/apt/sources.list": ONE_LINE},
            ("http://mirror.example.com/debian/", "/usr/share/keyrings/debian-archive-stable.gpg"),
        ),
        (
            {"/etc/apt/sources.list": UBUNTU, apt.DEBOOTSTRAP: DEFAULT},
            ("http://default.example.com/debian", apt.KEYRING),
        ),
        ({apt.DEBOOTSTRAP: DEFAULT}, ("http://default.example.com/debian", apt.KEYRING)),
    ],
    ids=["stanzas", "cloud image", "one line", "Ubuntu", "none"],
)
def test_the_mirror_is_the_one_this_machine_uses(
    tmp_path: Path, files: dict[str, str], expected: tuple[str, str]
) -> None:
    assert apt.archive(machine(tmp_path, files)) == expected


def test_without_any_mirror_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no mirror of Debian") as caught:
        apt.archive(machine(tmp_path, {"/etc/apt/sources.list": UBUNTU}))
    assert "debootstrap" in caught.value.fix


def test_ubuntu_comes_from_the_mirror_that_this_machine_uses_for_it_else_from_its_own_archive(tmp_path: Path) -> None:
    here = {apt.UBUNTU_KEYRING: "key", "/etc/apt/sources.list.d/debian.sources": VENDOR}
    assert apt.ubuntu(machine(tmp_path, here)) == ("http://archive.ubuntu.com/ubuntu", apt.UBUNTU_KEYRING)
    machine(tmp_path, {"/etc/apt/sources.list": UBUNTU})
    assert apt.ubuntu(tmp_path) == ("http://archive.ubuntu.example.com/ubuntu", apt.UBUNTU_KEYRING)
    with pytest.raises(LabError, match="Ubuntu's archive keys") as caught:
        apt.ubuntu(tmp_path / "nowhere")
    assert caught.value.fix == "apt-get install ubuntu-keyring"


def test_an_image_that_cannot_be_verified_is_not_built(tmp_path: Path) -> None:
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/debootstrap").write_text(DEFAULT)
    with pytest.raises(LabError, match="archive keys") as caught:
        apt.archive(tmp_path)
    assert caught.value.fix == "apt-get install debian-archive-keyring"


def test_the_groups_of_a_node_are_not_those_of_a_node_whose_name_begins_alike(tmp_path: Path) -> None:
    for name in ("memory/kubeup-lab-node3", "memory/kubeup-lab-node30", "system.slice/kubeup-lab-node3.scope"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "memory/kubeup-lab2-node3").mkdir()
    found = [str(path.relative_to(tmp_path)) for path in cgroups.of_node("kubeup-lab-node3", tmp_path)]
    assert found == ["memory/kubeup-lab-node3", "system.slice/kubeup-lab-node3.scope"]
    assert len(cgroups.of_lab("kubeup-lab", tmp_path)) == 3


@pytest.fixture
def labs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBEUP_LAB_DIR", str(tmp_path / "labs"))
    (tmp_path / "labs").mkdir()
    return tmp_path / "labs"


@pytest.mark.usefixtures("labs_folder")
def test_a_lab_is_found_as_it_was_recorded_and_never_shrinks() -> None:
    lab = Lab("test", SUBNET, 3, "ubuntu", 20)
    assert state.record(lab) == lab
    assert state.find("test") == lab
    assert state.record(Lab("test", SUBNET, 2, "ubuntu", 20)).size == 3


@pytest.mark.usefixtures("labs_folder")
def test_another_lab_of_the_same_name_is_refused() -> None:
    state.record(LAB)
    with pytest.raises(LabError, match=r"exists and is another one: like debian, 192\.168\.201\.0/24"):
        state.record(Lab("test", SUBNET, like="ubuntu"))


@pytest.mark.usefixtures("labs_folder")
def test_the_route_is_needed_until_the_last_lab_of_the_subnet_forgot_it() -> None:
    state.record(LAB)
    state.record(Lab("again", SUBNET))
    state.forget_route("test")
    assert state.is_routed(SUBNET)
    state.forget_route("again")
    assert not state.is_routed(SUBNET)


def test_nothing_stays_of_a_folder_of_labs_that_is_empty(labs_folder: Path) -> None:
    with state.alone(lambda _: None):
        state.remove_if_empty()
    assert not labs_folder.exists()


def test_who_waited_while_the_folder_of_labs_was_removed_makes_it_anew(labs_folder: Path) -> None:
    waits, there = threading.Event(), []

    def another() -> None:
        with state.alone(lambda _: waits.set()):
            there.append(labs_folder.is_dir())

    thread = threading.Thread(target=another)
    with state.alone(lambda _: None):
        thread.start()
        assert waits.wait(20)
        state.remove_if_empty()
    thread.join(20)
    assert there == [True]


def test_the_kernel_s_settings_come_back_with_the_last_lab_s_end(
    labs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Limits that all nodes share are raised meanwhile, also where an older kubeup saved the others."""
    settings = {**dict.fromkeys(kernel.SHARED, "0\n"), **dict.fromkeys(kernel.LIMITS, "128\n")}
    monkeypatch.setattr(kernel, "SETTINGS", machine(tmp_path / "sys", settings))
    older = {"boot": kernel.BOOT_ID.read_text().strip(), **dict.fromkeys(kernel.SHARED, "0")}
    (labs_folder / "kernel.json").write_text(json.dumps(older))
    for _ in range(2):
        kernel.save()
        kernel.raise_limits()
    panic, instances = tmp_path / "sys/kernel/panic", tmp_path / "sys/fs/inotify/max_user_instances"
    assert instances.read_text() == "1024\n"
    panic.write_text("10\n")
    kernel.restore(labs_left=True)
    assert (panic.read_text(), instances.read_text()) == ("10\n", "1024\n")
    kernel.restore(labs_left=False)
    assert (panic.read_text(), instances.read_text()) == ("0\n", "128\n")
    assert not (labs_folder / "kernel.json").exists()
