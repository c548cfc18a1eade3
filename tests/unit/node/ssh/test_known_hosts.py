"""known_hosts as ssh reads it, whatever stands in the file: `ssh-keygen -F` is asked about the same lines."""

from __future__ import annotations

import base64
import hmac
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from kubeup.node.ssh import hostkeys
from tests.support.fuzzing import fuzz

NAMES = ("web", "web1.example.com", "[web]:2222", "192.0.2.1", "2001:db8::1")


def written(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, form).decode()


ED25519 = written(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)))
BLOB = ED25519.split()[1]
KEYS = (
    ED25519,
    written(ec.generate_private_key(ec.SECP256R1())),
    written(rsa.generate_private_key(65537, 2048)),
)
BROKEN = (
    "ssh-ed25519",
    "ssh-ed25519 AAAA",
    "ssh-ed25519 \u00fc",
    f"ssh-rsa {BLOB}",
    f"ssh-ed25519 {BLOB[:-4]}",
    f"ssh-ed25519 {BLOB}AAAA",
    f"ssh-ed25519 ?{BLOB}",
    f"no-such-type {BLOB}",
    "256 3 12345",
    "# ssh-ed25519",
    "",
)


def hashed(name: str) -> str:
    salt = bytes(range(20))
    digest = hmac.new(salt, name.encode(), "sha1").digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


pattern = st.one_of(
    st.sampled_from([*NAMES, *(name.upper() for name in NAMES)]),
    st.sampled_from(["*", "w?b", "[*]:2222", "*.example.com", "[web]", "[w"]),
    st.text("web?*![]:,.|1-\u00fc", max_size=6),
)
hosts = st.one_of(
    st.lists(st.one_of(pattern, pattern.map("!{}".format)), min_size=1, max_size=3).map(",".join),
    st.sampled_from(NAMES).map(hashed),
    st.sampled_from(
        ["|1|", "|1|x|y", "|1||", "|1|\u00fc|\u00fc", "|2|a|b", hashed("web")[:-3], f"{hashed('web')},web"]
    ),
)
key = st.sampled_from([*KEYS * 8, *BROKEN])
space = st.sampled_from([*[" "] * 12, "\t", "  ", " \t ", "\x0c", "\u00a0", ""])
before = st.sampled_from(
    [*[""] * 12, "@revoked ", "@cert-authority ", "@revoked\t", "@revoked @revoked ", "@other ", "@ ", " ", "#", "\t# "]
)
after = st.sampled_from(["", "", " a comment", "\r", " \r", "\t#", "\u2028", "\x85"])
plain = st.builds("{} {}".format, st.sampled_from([*NAMES, *(name.upper() for name in NAMES)]), st.sampled_from(KEYS))
line = st.one_of(
    plain,
    st.tuples(before, hosts, space, key, after).map("".join),
    st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=20),
)
file = st.lists(line, min_size=1, max_size=20).map("\n".join)


def by_ssh(path: Path, name: str) -> dict[int, str]:
    """Number of each line that speaks of the name, and its marker."""
    # With -l it reads the keys, too.
    words = ["ssh-keygen", "-l", "-F", name, "-f", str(path)]
    told = subprocess.run(words, capture_output=True, check=False, timeout=20).stdout
    rows = [row.split() for row in told.decode("utf-8", "replace").split("\n") if row.startswith(f"# Host {name} ")]
    markers = {"CA": "@cert-authority", "REVOKED": "@revoked", "": ""}
    return {int(words[5]): markers["".join(words[6:])] for words in rows}


def by_kubeup(path: Path, name: str) -> dict[int, str]:
    return {known.line: known.marker for known in hostkeys.find([path], [name])}


@fuzz(1 / 5)
@given(file, st.sampled_from(NAMES))
def test_no_known_hosts_makes_anything_but_what_ssh_finds_in_it(
    tmp_path_factory: pytest.TempPathFactory, text: str, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "known_hosts"
    path.write_text(text, newline="")
    assert by_kubeup(path, name) == by_ssh(path, name)


@fuzz()
@given(st.binary(max_size=60), st.sampled_from(NAMES))
def test_no_bytes_in_known_hosts_makes_anything_but_lines(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "known_hosts"
    path.write_bytes(content + b"\n" + f"{name} {ED25519}\n".encode())
    assert content.count(b"\n") + 2 in by_kubeup(path, name)


@fuzz()
@given(st.binary(max_size=60) | file.map(str.encode), st.sampled_from(NAMES), st.booleans())
def test_no_key_that_is_kept_makes_anything_but_a_line_more(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str, hashed: bool
) -> None:
    """What is there stays to the byte, the file's mode and the link to it, too; and it is kept once."""
    path, link = (tmp_path_factory.getbasetemp() / one for one in ("kept", "kept-link"))
    path.write_bytes(content)
    path.chmod(0o640)
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    key = hostkeys.HostKey("ssh-ed25519", base64.b64decode(BLOB))
    known = hostkeys.accepted(hostkeys.find([path], [name]), key)
    for _ in range(2):
        hostkeys.remember(link, name, key, hashed=hashed)
    after = path.read_bytes()
    added = after.removeprefix(content).removeprefix(b"\n")
    assert after.startswith(content)
    assert added.count(b"\n") == (0 if known else 1) or hostkeys.revoked(hostkeys.find([path], [name]), key)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640


FOUND = {
    "a key with a letter that is in no key": (f"web ssh-ed25519 {BLOB[:-1]}\u00fc", {}),
    "a hash with a letter that is in none": ("|1|\u00fc|\u00fc " + ED25519, {}),
    "a key that is cut off": (f"web ssh-ed25519 {BLOB[:-4]}", {}),
    "a key of another kind than it says": (f"web ssh-rsa {BLOB}", {}),
    "a marker that ssh does not know": (f"@other web {ED25519}", {}),
    "a carriage return that ends no line": (f"# old\rweb {ED25519}\nweb {ED25519}", {2: ""}),
    "line ends of Windows": (f"web {ED25519}\r\n@revoked web {ED25519}\r\n", {1: "", 2: "@revoked"}),
    "a form feed, which parts nothing": (f"web\x0c{ED25519}", {}),
}


@pytest.mark.parametrize(("text", "lines"), FOUND.values(), ids=FOUND)
def test_what_fuzzing_found(tmp_path: Path, text: str, lines: dict[int, str]) -> None:
    (tmp_path / "known_hosts").write_text(text, newline="")
    assert by_kubeup(tmp_path / "known_hosts", "web") == lines == by_ssh(tmp_path / "known_hosts", "web")
