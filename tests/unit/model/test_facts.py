"""Facts: what is asked and what is read are the same things, and what tools print is read whatever they print."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from kubeup.model.facts import FAMILIES, DroppingChain, Facts, Family, FirewallFact, Listener, read
from kubeup.model.facts.answer import Answer, parse_lines

ASKED = re.compile(r"(?:\bfact|\| each|^\s*each) ([a-z_]\w*)", re.MULTILINE)
READ = re.compile(r'\banswer\.\w+\(\s*"([a-z_]\w*)"')


def asked(script: str) -> set[str]:
    return set(ASKED.findall(script))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_line_that_a_family_asks_for_is_read_and_nothing_else_is(family: Family) -> None:
    """Both halves of a fact are changed together: what NAME.sh prints, NAME.py reads."""
    lines = asked(family.script.read_text())
    assert lines
    assert lines == set(READ.findall(family.script.with_suffix(".py").read_text()))


def test_no_two_families_print_the_same_kind_of_line() -> None:
    count = Counter(kind for family in FAMILIES for kind in asked(family.script.read_text()))
    assert [kind for kind, times in count.items() if times > 1] == []


def test_every_field_belongs_to_one_family() -> None:
    empty = Answer({}, {})
    count = Counter(name for family in FAMILIES for name in vars(family.parse(empty)))
    assert set(count) == {field.name for field in dataclasses.fields(Facts)}
    assert [name for name, times in count.items() if times > 1] == []


def test_a_node_that_has_nothing_to_say_has_the_facts_of_no_node() -> None:
    assert read(Answer({}, {})) == Facts()


def facts(*lines: str, contents: Mapping[str, bytes] | None = None) -> Facts:
    return read(parse_lines("\n".join(line.replace(" -> ", "\t", 1) for line in lines), contents or {}))


ROUTES = {
    "an ordinary one": ('{"dst":"10.0.0.0/24","dev":"eth0","protocol":"kernel"}', [("10.0.0.0/24", "eth0")]),
    "the default": ('{"dst":"default","gateway":"10.0.0.1","dev":"eth0"}', [("default", "eth0")]),
    "of one address": ('{"dst":"10.8.0.1","dev":"tun0","scope":"link"}', [("10.8.0.1", "tun0")]),
    "by an IPv6 neighbour": (
        '{"dst":"10.7.0.0/16","via":{"family":"inet6","host":"fe80::1"},"dev":"eth0"}',
        [("10.7.0.0/16", "eth0")],
    ),
    "throw": ('{"type":"throw","dst":"10.1.0.0/16"}', [("10.1.0.0/16", "")]),
    "unreachable": ('{"type":"unreachable","dst":"10.2.0.0/16","metric":99}', [("10.2.0.0/16", "")]),
    "unreachable with a device": ('{"type":"unreachable","dst":"10.2.0.0/16","dev":"lo"}', [("10.2.0.0/16", "lo")]),
    "blackhole": ('{"type":"blackhole","dst":"10.3.0.0/16"}', [("10.3.0.0/16", "")]),
    "prohibit": ('{"type":"prohibit","dst":"10.6.0.0/16"}', [("10.6.0.0/16", "")]),
    "an unreachable default": ('{"type":"unreachable","dst":"default","metric":999}', [("default", "")]),
    "throw, as iproute2 4.20 writes it": ('{"throw","dst":"10.1.0.0/16","flags":[]}', [("10.1.0.0/16", "")]),
    "ECMP over two devices": (
        '{"dst":"10.4.0.0/16","nexthops":[{"gateway":"10.9.0.2","dev":"eth0"},{"gateway":"10.8.0.3","dev":"eth1"}]}',
        [("10.4.0.0/16", "eth0"), ("10.4.0.0/16", "eth1")],
    ),
    "an ECMP default over one device": (
        '{"dst":"default","nexthops":[{"gateway":"10.9.0.2","dev":"eth0"},{"gateway":"10.9.0.3","dev":"eth0"}]}',
        [("default", "eth0")],
    ),
    "by a group of nexthop objects": (
        '{"dst":"10.10.0.0/16","nhid":7,"nexthops":[{"gateway":"10.9.0.9","dev":"eth0","weight":1}]}',
        [("10.10.0.0/16", "eth0")],
    ),
}


@pytest.mark.parametrize("kind", ROUTES)
def test_a_route_of_any_kind_is_read(kind: str) -> None:
    printed, expected = ROUTES[kind]
    assert list(facts(f"ip_route -> [{printed}]").routes) == expected


def test_the_gateways_of_a_route_are_read_with_it() -> None:
    hops = '"nexthops":[{"gateway":"10.9.0.2","dev":"eth0"},{"gateway":"10.9.0.3","dev":"eth0"}]'
    found = facts(
        f'ip_route -> [{{"dst":"172.16.1.0/24","gateway":"10.0.0.2","dev":"eth0"}},{{"dst":"10.4.0.0/16",{hops}}},'
        '{"dst":"10.0.0.0/24","dev":"eth0"},{"type":"throw","dst":"10.1.0.0/16"}]'
    )
    assert found.gateways == (
        ("172.16.1.0/24", "eth0", "10.0.0.2"),
        ("10.4.0.0/16", "eth0", "10.9.0.2"),
        ("10.4.0.0/16", "eth0", "10.9.0.3"),
    )


@pytest.mark.parametrize("printed", ["", "[]", "[{}]", "{}", "Error: ipv4: FIB table does not exist.", "[{"])
def test_an_ip_that_prints_nothing_of_use_leaves_nothing_known(printed: str) -> None:
    found = facts(f"ip_addr -> {printed}", f"ip_route_get -> {printed}")
    assert (found.addresses, found.primary_address) == ((), "")


def test_addresses_and_the_way_out_are_read_from_json() -> None:
    found = facts(
        'ip_addr -> [{"ifname":"lo","addr_info":[{"local":"127.0.0.1","prefixlen":8}]},{},'
        '{"ifname":"tun0","addr_info":[{"local":"10.8.0.2","address":"10.8.0.1","prefixlen":32}]}]',
        'ip_route_get -> [{"dst":"1.1.1.1","gateway":"10.0.0.1","dev":"eth0","prefsrc":"10.0.0.7","cache":[]}]',
    )
    assert found.addresses == ("127.0.0.1/8", "10.8.0.2/32")
    assert (found.primary_address, found.primary_device) == ("10.0.0.7", "eth0")


def test_the_addresses_of_links_that_lead_out_are_known() -> None:
    names = ("lo", "docker0", "br-1f2e3d4c5b6a", "cni0", "flannel.1", "eth0", "wg0", "bond0.7", "enp1s0", "br0")
    links = [
        f'{{"ifname":"{name}","addr_info":[{{"local":"10.0.{n}.1","prefixlen":24}}]}}' for n, name in enumerate(names)
    ]
    found = facts(f"ip_addr -> [{','.join(links)}]")
    assert found.link_addresses == ("10.0.5.1", "10.0.6.1", "10.0.7.1", "10.0.8.1", "10.0.9.1")


def test_listeners_are_those_whose_process_is_still_there() -> None:
    found = facts(
        'listener -> LISTEN 0      4096               *:6443            *:*    users:(("kube-apiserver",pid=98,fd=3))',
        'listener -> LISTEN 0      5           127.0.0.1%lo:2379      0.0.0.0:*    users:(("etcd",pid=97,fd=7))',
        'listener -> LISTEN 0      5       [::]:10250       [::]:*    users:(("nginx",pid=5,fd=6),("ngx",pid=6,fd=6))',
        'listener -> LISTEN 0      5         0.0.0.0:10250         0.0.0.0:*    users:(("nginx",pid=5,fd=7))',
        "listener -> LISTEN 0      64        0.0.0.0:2049          0.0.0.0:*",
        "process -> 98\tkube-apiserver.service",
        "process -> 5\t",
    )
    assert found.listeners == (
        Listener(6443, "kube-apiserver", 98, "kube-apiserver.service"),
        Listener(10250, "nginx", 5),
    )


DISKS = {
    "/dev/vda1        61631496 20000000  38437636      35% /": (61631496, 38437636),
    "my long device   61631496 20000000  38437636      35% /var/lib": (61631496, 38437636),
    "overlay          61631496 20000000  38437636        - /var/lib": (61631496, 38437636),
}


@pytest.mark.parametrize("line", DISKS)
def test_a_disk_is_read_whatever_its_device_is_called(line: str) -> None:
    found = facts("disk_folder -> /var/lib/kubeup", f"disk -> {line}").disk("/var/lib/kubeup")
    assert (found.size // 1024, found.free // 1024) == DISKS[line]
    assert found.mount == f"/{line.rpartition('/')[2]}".replace("/lib", "/var/lib")


def test_where_df_has_nothing_to_say_of_a_folder_nobody_knows_which_line_is_whose() -> None:
    line = "/dev/vda1 61631496 20000000 38437636 35% /"
    assert facts("disk_folder -> /var/lib/kubeup", "disk_folder -> /var/lib/kubelet", f"disk -> {line}").disks == {}


def test_how_a_folder_is_mounted_is_read_with_a_space_in_its_name() -> None:
    found = facts("mounted -> /opt\t/opt/my disk rw,noexec,relatime", "mounted -> /etc\t")
    assert found.mounted == {"/opt": ("/opt/my disk", frozenset({"rw", "noexec", "relatime"}))}


DOCKERS = {
    '28.5.2 systemd /var/lib/docker [["Backing Filesystem","extfs"]]': ("/var/lib/docker", "/var/lib/docker"),
    '28.5.2 systemd /data/docker [["Backing Filesystem","extfs"]]': ("/data/docker", "/data/docker"),
    '29.1.0 systemd /var/lib/docker [["driver-type","io.containerd.snapshotter.v1"]]': (
        "/var/lib/docker",
        "/var/lib/containerd",
    ),
    "": ("/var/lib/docker", "/var/lib/docker"),
}


@pytest.mark.parametrize("line", DOCKERS)
def test_where_docker_keeps_images_is_known(line: str) -> None:
    found = facts(f"docker_info -> {line}").docker
    assert (found.root, found.images) == DOCKERS[line]
    assert found.version == line.partition(" ")[0]


def test_the_rules_of_each_firewall_are_its_own() -> None:
    found = facts("firewall -> ufw", "ufw_rule -> Status: active", "firewall -> firewalld", "firewalld_rule -> public")
    assert found.firewalls == (FirewallFact("ufw", ("Status: active",)), FirewallFact("firewalld", ("public",)))


LISTED = """
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
	}
	chain services {
	}
}
table ip other {
	chain mine {
		type filter hook forward priority -10; policy drop;
	}
	chain output {
		type filter hook output priority filter; policy drop;
	}
}
"""


def firewall_said(tools: Path, programs: Mapping[str, str]) -> Facts:
    """The probe's own lines, on a machine that has these programs."""
    (family,) = [one for one in FAMILIES if one.name == "firewall"]
    for name, script in programs.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    helpers = """
        T=$(printf '\\t')
        fact() { printf '%s\\t%s\\n' "$1" "$2"; }
        each() { sed "s/^/$1$T/"; }
        have() { [ -e "$ROOT/$1" ]; }
    """
    script = f"ROOT={tools}; PATH=$ROOT:$PATH{helpers}{family.script.read_text()}\nask_firewall"
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=20, check=True).stdout
    return read(parse_lines(said, {}))


def test_the_chains_that_drop_are_told_as_nft_lists_them(tmp_path: Path) -> None:
    found = firewall_said(tmp_path, {"nft": f"cat <<'END'{LISTED}END"})
    assert found.dropping_chains == (
        DroppingChain("inet", "filter", "input", "input"),
        DroppingChain("ip", "other", "mine", "forward"),
    )


def test_all_zones_of_firewalld_are_told(tmp_path: Path) -> None:
    every = "printf 'public\\n  sources:\\ntrusted\\n  sources: 10.0.0.2\\n'"
    zones = f"case $* in *all-zones) {every} ;; *) echo public ;; esac"
    found = firewall_said(tmp_path, {"firewall-cmd": zones, "systemctl": "echo active"})
    assert found.firewalls == (FirewallFact("firewalld", ("public", "  sources:", "trusted", "  sources: 10.0.0.2")),)


def test_the_controllers_of_cgroup_v1_are_the_enabled_ones() -> None:
    table = ("#subsys_name\thierarchy\tnum_cgroups\tenabled", "cpu\t3\t1\t1", "memory\t0\t1\t0")
    found = facts("cgroup -> 1", *(f"cgroup_v1 -> {line}" for line in table))
    assert (found.cgroup, found.cgroup_controllers) == (1, ("cpu",))


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        (["docker_running -> yes", "docker_info -> 28.3.0 systemd"], "28.3.0"),
        (["docker_running -> yes", "docker_info ->  "], ""),
        (["dockerd_version -> Docker version 26.1.5+dfsg1, build a72d7cd"], "26.1.5"),
    ],
)
def test_the_version_of_docker_is_its_own_answer_or_that_of_the_program(lines: list[str], version: str) -> None:
    assert facts(*lines).docker.version == version


def test_a_sandbox_s_folder_is_no_part_of_a_path() -> None:
    digest = "a" * 64
    text = f"file\tregular file\t644\troot:root\t3\t/tmp/x/etc/y\nsha256sum\t{digest}  /tmp/x/etc/y"
    found = read(parse_lines(text, {"/etc/y": b"abc"}, root="/tmp/x")).file("/etc/y")
    assert (found.exists, found.mode, found.sha256, found.content) == (True, 0o644, digest, b"abc")


def test_an_address_that_ends_by_itself_is_leased() -> None:
    """As iproute2 prints one that networkd got by DHCP, beside one that somebody set."""
    lease = '{"local":"10.0.2.15","prefixlen":24,"scope":"global","dynamic":true,"valid_life_time":86012}'
    fixed = '{"local":"10.0.3.7","prefixlen":24,"scope":"global","valid_life_time":4294967295}'
    assert facts(f'ip_addr -> [{{"ifname":"eth0","addr_info":[{lease},{fixed}]}}]').leased == ("10.0.2.15",)
