"""Routes as `ip` prints them, whatever they are: those that the kernel itself tells, and never a fault."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeup.model.facts import Facts, read
from kubeup.model.facts.answer import parse_lines
from tests.support.fuzzing import fuzz
from tests.unit.preflight.subjects import problems

DEVICES = ("d0", "d1", "lo")
SETUP = """
ip link set lo up
ip link add d0 type veth peer d1
ip addr add 10.9.0.1/24 dev d0
ip addr add 10.9.1.1/24 dev d1
ip link set d0 up
ip link set d1 up
"""
ASK = """
echo case
ip -j -4 route show table main
echo kernel
cat /proc/net/route
ip -4 route flush table main
"""

length = st.one_of(st.integers(1, 32), st.sampled_from([8, 16, 24, 32]))
prefix = st.builds(
    lambda address, bits: ipaddress.IPv4Network((address, bits), strict=False),
    st.one_of(st.integers(1 << 24, (224 << 24) - 1), st.sampled_from([(10 << 24) + 77, (172 << 24) + (16 << 16)])),
    length,
)
gateway = st.sampled_from(["via 10.9.0.2", "via 10.9.1.3", "via 10.9.1.4"])
nexthops = st.lists(gateway.map("nexthop {} weight 2".format), min_size=2, max_size=3).map(" ".join)
way = st.one_of(gateway, nexthops, st.sampled_from(DEVICES).map("dev {}".format), st.just("via inet6 fe80::7 dev d0"))
extra = st.sampled_from(["", "metric 7", "mtu 1400", "proto static", "src 10.9.0.1", "tos 4", "onlink"])
route = st.one_of(
    st.builds("{} {} {}".format, st.one_of(prefix, st.just("default")), way, extra),
    st.builds("{} {} {}".format, st.sampled_from(["throw", "unreachable", "blackhole", "prohibit"]), prefix, extra),
)


def told_by_the_kernel(table: str) -> set[tuple[str, str]]:
    """Destination, and the device of the first next hop; none where it leads nowhere."""
    found = set()
    for line in table.strip().split("\n")[1:]:
        device, address, _, _, _, _, _, mask, *_ = line.split()
        network = ipaddress.IPv4Network((_number(address), bin(_number(mask)).count("1")))
        found.add((str(network), "" if device == "*" else device))
    return found


def _number(text: str) -> int:
    return int.from_bytes(bytes.fromhex(text), "little")


def routes(printed: str) -> dict[str, list[str]]:
    """Destination -> its devices, as facts tell them."""
    found: dict[str, list[str]] = {}
    for to, device in read(parse_lines(f"ip_route\t{printed}", {})).routes:
        network = str(ipaddress.IPv4Network("0.0.0.0/0" if to == "default" else to))
        found.setdefault(network, []).append(device)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
@fuzz(1 / 50)
@given(st.lists(st.lists(route, max_size=12), min_size=1, max_size=10))
def test_no_table_makes_anything_but_the_routes_that_the_kernel_has(tables: list[list[str]]) -> None:
    script = SETUP
    for table in tables:
        script += "ip -force -batch - <<'end' 2>/dev/null\n" + "".join(f"route add {one}\n" for one in table) + "end\n"
        script += ASK
    words = ["unshare", "--net", "sh", "-c", script]
    told = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60).stdout
    cases = told.split("case\n")[1:]
    assert len(cases) == len(tables)
    for case in cases:
        printed, _, table_of_the_kernel = case.partition("kernel\n")
        ours = routes(printed.strip())
        theirs = told_by_the_kernel(table_of_the_kernel)
        assert set(ours) == {to for to, _ in theirs}
        assert not [(to, device) for to, device in theirs if device not in ours[to]]


text = st.sampled_from(
    ["default", "10.0.0.0/8", "172.16.9.0/24", "10.96.0.7", "0.0.0.0/1", "::/0", "10.1", "300.1.1.1", "10.0.0.0/33",
     "x", "", "eth0", "cni0", "flannel.1", "10.0.0.2", "unreachable"]
)  # fmt: skip
anything = st.recursive(
    st.one_of(text, st.integers(-1, 99), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["dev", "gateway"]), inner)),
    max_leaves=4,
)
keys = st.sampled_from(
    ["dst", "dst", "dev", "gateway", "type", "nexthops", "prefsrc", "local", "prefixlen", "ifname", "addr_info"]
)
objects = st.lists(st.dictionaries(keys, anything, max_size=5), max_size=4)
printed = st.one_of(objects.map(json.dumps), anything.map(json.dumps), st.text(max_size=20))


def without_line_breaks(text: str) -> str:
    return text.replace("\n", " ")


@fuzz()
@given(printed, printed, printed)
def test_no_answer_of_ip_makes_anything_but_facts_and_problems(addresses: str, routes: str, way: str) -> None:
    lines = zip(("ip_addr", "ip_route", "ip_route_get"), (addresses, routes, way), strict=True)
    facts: Facts = read(parse_lines("\n".join(f"{kind}\t{without_line_breaks(one)}" for kind, one in lines), {}))
    assert all(problem.message for problem in problems(facts))


@pytest.mark.parametrize("to", ["unreachable", "10.1", "300.1.1.1", "10.0.0.0/33", "::/0", ""])
def test_a_route_to_what_is_no_ipv4_network_is_none(to: str) -> None:
    facts = read(
        parse_lines(f'ip_route\t[{{"dst": "{to}", "dev": "eth0"}}, {{"dst": "10.0.0.0/8", "dev": "eth0"}}]', {})
    )
    assert facts.routes == (("10.0.0.0/8", "eth0"),)


@pytest.mark.parametrize("info", ['{"dev": null}', '{"local": "10.0.0.1"}', '{"local": "fe80::1", "prefixlen": 64}'])
def test_what_is_no_ipv4_address_is_none(info: str) -> None:
    good = '{"local": "10.0.0.7", "prefixlen": 24}'
    facts = read(parse_lines(f'ip_addr\t[{{"ifname": "eth0", "addr_info": [{info}, {good}]}}]', {}))
    assert (facts.addresses, facts.link_addresses) == (("10.0.0.7/24",), ("10.0.0.7",))
