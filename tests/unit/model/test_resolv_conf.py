"""Name servers out of any resolv.conf: those that glibc takes from the same file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeup.model.facts import FAMILIES, Facts, read
from kubeup.model.facts.answer import parse_lines
from tests.support.fuzzing import fuzz

GLIBC = Path(__file__).with_name("glibc_nameservers.py")
SCRIPT = next(family.script for family in FAMILIES if family.name == "network")
ASK = """
T=$(printf '\\t')
fact() { kind=$1; shift; printf '%s\\t%s\\n' "$kind" "$*"; }
each() { sed "s/^/$1$T/"; }
ip() { :; }
PORTS=
. "$0"
for ROOT; do echo case; ask_network; done
"""


def asked(files: list[bytes]) -> tuple[list[Facts], list[list[str]]]:
    """What kubeup reads of each file, and what glibc does."""
    with tempfile.TemporaryDirectory() as folder:
        roots = [Path(folder) / str(number) for number in range(len(files))]
        for root, content in zip(roots, files, strict=True):
            (root / "etc").mkdir(parents=True)
            (root / "etc/resolv.conf").write_bytes(content)
        ours = subprocess.run(["sh", "-c", ASK, SCRIPT, *roots], capture_output=True, check=True, timeout=60).stdout
        paths = [str(root / "etc/resolv.conf") for root in roots]
        words = ["unshare", "--mount", sys.executable, str(GLIBC), *paths]
        theirs = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
    cases = ours.decode("utf-8", "replace").split("case\n")[1:]
    return [read(parse_lines(case, {})) for case in cases], json.loads(theirs)


def as_glibc_says(servers: tuple[str, ...]) -> list[str]:
    """It knows three, and asks the machine itself where none is named."""
    return ["v6" if ":" in server else server for server in servers[:3]] or ["127.0.0.1"]


address = st.sampled_from(
    [
        "1.1.1.1",
        "10.0.0.53",
        "127.0.0.1",
        "2001:db8::53",
        "::1",
        "fe80::1%lo",
        "300.1.1.1",
        "1.1.1.1.1",
        "dns",
        "::x",
        "",
    ]
)
keyword = st.sampled_from(
    ["nameserver", "nameserver", "nameserver", "nameservers", "Nameserver", "search", "options", "#"]
)
space = st.sampled_from([" ", " ", "\t", "  ", " \t", "", "=", "\x0b"])
end = st.sampled_from(["", "", "", " # mine", "#mine", ";mine", " ; mine", " 8.8.8.8", "\t", " "])
line = st.one_of(
    st.tuples(st.sampled_from(["", "", "", " ", "#", ";"]), keyword, space, address, end).map("".join),
    st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=12),
)
resolv_conf = st.builds(
    lambda lines, last: ("\n".join(lines) + last).encode(), st.lists(line, max_size=6), st.sampled_from(["\n", ""])
)


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root")
@fuzz(1 / 20)
@given(st.lists(resolv_conf, min_size=1, max_size=30))
def test_no_resolv_conf_makes_anything_but_the_servers_that_glibc_asks(files: list[bytes]) -> None:
    ours, theirs = asked(files)
    for content, facts, servers in zip(files, ours, theirs, strict=True):
        assert as_glibc_says(facts.nameservers) == servers, content


FOUND = {
    "no end of the last line": ("nameserver 1.1.1.1\nsearch example.com\nnameserver 8.8.8.8", ("1.1.1.1", "8.8.8.8")),
    "a comment at an address": ("nameserver 1.1.1.1#mine\nnameserver 8.8.8.8 # mine\n", ("8.8.8.8",)),
    "a word that begins alike": ("nameservers 1.1.1.1\nnameserver=1.1.1.1\nnameserver1.1.1.1\n", ()),
    "what is no address": ("nameserver dns\nnameserver 300.1.1.1\nnameserver 8.8.8.8\n", ("8.8.8.8",)),
}


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root")
@pytest.mark.parametrize(("content", "servers"), FOUND.values(), ids=FOUND)
def test_what_no_resolver_asks_is_no_server(content: str, servers: tuple[str, ...]) -> None:
    (facts,), (glibc,) = asked([content.encode()])
    assert facts.nameservers == servers
    assert as_glibc_says(servers) == glibc


def test_a_server_that_is_the_machine_itself_is_none_for_pods() -> None:
    lines = "".join(f"nameserver\t{server}\n" for server in ("127.0.0.1", "0.0.0.0", "::1", "::", "10.0.0.53"))
    assert read(parse_lines(lines, {})).real_nameservers == ("10.0.0.53",)
