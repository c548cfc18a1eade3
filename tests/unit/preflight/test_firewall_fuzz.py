"""Rules of any firewall: never a fault, and what is told to type is enough; chains that drop are those nft knows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeup.model.facts import FAMILIES, DroppingChain, FirewallFact, read
from kubeup.model.facts.answer import parse_lines
from tests.support.fuzzing import fuzz
from tests.support.machines import SOUND
from tests.unit.preflight.subjects import problems

place = st.sampled_from(
    ["Anywhere", "10.0.0.1", "10.0.0.2", "10.0.0.0/24", "10.0.0.20", "172.16.0.0/16", "172.16.3.0/24", "0.0.0.0/0"]
)
odd = st.sampled_from(
    ["Anywhere (v6)", "fd00::/8", "OpenSSH", "300.1.1.1", "10.0.0.0/33", "10.0.0.2/255.255.255.0", "10.0.0", "99999999"]
)
ports = st.sampled_from(
    ["", "", "22/tcp", "6443,10250/tcp", "2379:2380/tcp", "8472/udp", "/tcp", "10250", "1:65535", "0"]
)
link = st.sampled_from(["", "", "", " on eth0", " on cni0"])
side = st.builds(
    "{}{}{}".format, place | odd, ports.map(lambda text: f" {text}" if text[:1] not in ("", "/") else text), link
)
deed = st.sampled_from(["ALLOW", "ALLOW IN", "DENY IN", "REJECT IN", "LIMIT IN", "ALLOW FWD", "DENY FWD", "ALLOW OUT"])
note = st.sampled_from(["", "", " (log)", " # mine", " (log-all)  # ALLOW IN"])
rule = st.builds("{}  {}  {}{}".format, side, deed, side, note)
head = st.sampled_from(
    ["", "Default: deny (incoming), allow (outgoing), disabled (routed)", "Default: allow (incoming), allow (routed)"]
)
anything = st.text(max_size=20).map(lambda text: text.replace("\n", " "))
rules = st.builds(lambda head, rules: (head, *rules), head, st.lists(rule | rule | anything, max_size=8))


def commands(found: FirewallFact) -> list[str]:
    about = replace(SOUND, primary_address="10.0.0.1", primary_device="eth0", firewalls=(found,), operator="10.0.0.9")
    told = [one for one in problems(about) if one.id == "firewall"]
    return [one for problem in told for one in problem.fix.removeprefix("on the node: ").split(" && ")]


def typed(lines: tuple[str, ...], command: str) -> tuple[str, ...]:
    """What ufw lists after `ufw [route] [insert 1] allow from|to NETWORK`."""
    *words, way, network = command.split()
    direction = "FWD" if "route" in words else "IN"
    to, source = (network, "Anywhere") if way == "to" else ("Anywhere", network)
    added = f"{to}  ALLOW {direction}  {source}"
    return (lines[0], added, *lines[1:]) if "insert" in words else (*lines, added)


@fuzz()
@given(rules)
def test_no_rules_of_ufw_makes_anything_but_commands_that_are_enough(lines: tuple[str, ...]) -> None:
    after = lines
    for command in commands(FirewallFact("ufw", lines)):
        after = typed(after, command)
    assert commands(FirewallFact("ufw", after)) == []


words = st.lists(
    st.sampled_from(["10.0.0.2", "10.0.0.0/24", "172.16.0.0/16", "ipset:x", "fd00::/8", "eth0", "cni0", "/"])
)
key = st.sampled_from(["  target: ", "  sources: ", "  interfaces: ", "  sources", ":", "  rich rules:\n\trule", ""])
value = st.one_of(words.map(" ".join), st.sampled_from(["ACCEPT", "DROP", "%%REJECT%%", "default", "{'a'}"]), anything)
zone = st.builds(
    lambda name, body: (name, *(f"{key}{value}" for key, value in body)),
    st.sampled_from(["public (active)", "trusted", "drop", "block", "x"]), st.lists(st.tuples(key, value), max_size=4),
)  # fmt: skip
zones = st.lists(zone | anything.map(lambda text: (text,)), max_size=5)


@fuzz()
@given(zones)
def test_no_zones_of_firewalld_makes_anything_but_commands(blocks: list[tuple[str, ...]]) -> None:
    told = commands(FirewallFact("firewalld", tuple(line for block in blocks for line in block)))
    assert all(one.startswith("firewall-cmd ") for one in told)


name = st.sampled_from(["filter", "input", "FORWARD", "policy_drop", "mine"])
hook = st.sampled_from(["input", "forward", "output", "prerouting"])
chain = st.one_of(
    st.builds(
        "{{\n type filter hook {} priority {}; policy {};\n {}\n}}\n".format,
        hook, st.sampled_from(["0", "filter", "-10", "filter + 5"]), st.sampled_from(["drop", "accept"]),
        st.sampled_from(["", "accept", 'comment "policy drop;"', "tcp dport 22 accept"]),
    ),
    st.sampled_from(["{\n}\n", "{\n drop\n}\n"]),
)  # fmt: skip
tables = st.dictionaries(
    st.tuples(st.sampled_from(["ip", "ip6", "inet"]), st.sampled_from(["filter1", "mine", "firewalld", "docker2"])),
    st.dictionaries(name, chain, max_size=4),
    max_size=5,
)


def written(tables: dict[tuple[str, str], dict[str, str]]) -> str:
    """For `nft -f`."""
    lines = []
    for (family, name), chains in tables.items():
        lines += [f"table {family} {name} {{", *(f"chain {one} {body}" for one, body in chains.items()), "}"]
    return "\n".join(lines) + "\n"


SCRIPT = next(family.script for family in FAMILIES if family.name == "firewall")
ASK = """
T=$(printf '\\t')
fact() { :; }
each() { sed "s/^/$1$T/"; }
have() { [ "$1" = nft ]; }
ROOT=/nonexistent
nft -f - && . "$0" && ask_firewall && echo json && nft -j list chains
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="a network namespace needs root, and nft")
@fuzz(1 / 20)
@given(tables)
def test_no_table_makes_anything_but_the_chains_that_nft_itself_says_drop(
    tables: dict[tuple[str, str], dict[str, str]],
) -> None:
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", ASK, SCRIPT],
        input=written(tables),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    told, _, listed = done.stdout.partition("json\n")
    theirs = {
        DroppingChain(one["family"], one["table"], one["name"], one["hook"])
        for entry in json.loads(listed)["nftables"]
        if (one := entry.get("chain", {})).get("policy") == "drop" and one["hook"] in ("input", "forward")
    }
    assert set(read(parse_lines(told, {})).dropping_chains) == theirs
