"""Host keys against real servers: strict, accept-new, pinned, changed, revoked."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from kubeup.model.cluster import HostKeys
from kubeup.node.wire.transport import SshConnection
from tests.ssh.conftest import Operator, gets_in, refusal
from tests.ssh.machine import Daemon, Machine, make_key


def fingerprint(daemon: Daemon, kind: str = "ed25519") -> str:
    told = subprocess.run(
        ["ssh-keygen", "-lf", str(daemon.host_keys[kind])], capture_output=True, text=True, check=True
    ).stdout
    return told.split()[1]


@pytest.fixture(scope="module")
def other(machine: Machine, key: Path) -> Daemon:
    """A machine that was installed again: other host keys."""
    return machine.sshd(fresh="other-")


def test_an_unknown_key_is_refused_with_what_to_compare_and_type(operator: Operator, sshd: Daemon) -> None:
    error = refusal(operator, operator.node(sshd))
    assert error.title() == "127.0.0.1: host key: the host key of 127.0.0.1 is not known"
    assert error.evidence == (f"offered: ssh-ed25519 {fingerprint(sshd)}",)
    assert error.fix == (
        "compare it with what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints on the machine's console; "
        f"then type: ssh -p {sshd.port} root@127.0.0.1 true, and answer yes. "
        "Or say host_keys: accept-new in the profile under ssh:"
    )
    assert not operator.known_hosts.exists()


def test_accept_new_remembers_the_key_privately_and_holds_it_from_then_on(
    operator: Operator, sshd: Daemon, other: Daemon
) -> None:
    operator.host_keys = HostKeys.ACCEPT_NEW
    operator.ssh_config.write_text("HashKnownHosts no\n")
    assert gets_in(operator, operator.node(sshd))
    assert operator.known_hosts.read_text() == f"[127.0.0.1]:{sshd.port} {sshd.public()}\n"
    assert operator.known_hosts.stat().st_mode & 0o777 == 0o600
    operator.host_keys = HostKeys.STRICT
    assert gets_in(operator, operator.node(sshd))


def test_accept_new_adds_one_line_however_many_ask_at_once(operator: Operator, sshd: Daemon) -> None:
    operator.host_keys = HostKeys.ACCEPT_NEW
    operator.ssh_config.write_text("HashKnownHosts no\n")
    operator.known_hosts.write_text("# no line break at the end")
    dialer = operator.dialer()
    threads = [threading.Thread(target=lambda: SshConnection(dialer, operator.node(sshd)).close()) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    lines = operator.known_hosts.read_text().split("\n")
    assert lines == ["# no line break at the end", f"[127.0.0.1]:{sshd.port} {sshd.public()}", ""]


def test_accept_new_hashes_names_where_the_configuration_wants_it(operator: Operator, sshd: Daemon) -> None:
    operator.host_keys = HostKeys.ACCEPT_NEW
    operator.ssh_config.write_text("HashKnownHosts yes\n")
    assert gets_in(operator, operator.node(sshd))
    assert operator.known_hosts.read_text().startswith("|1|")
    operator.host_keys = HostKeys.STRICT
    assert gets_in(operator, operator.node(sshd))


def test_openssh_agrees_with_what_was_remembered(operator: Operator, sshd: Daemon) -> None:
    operator.host_keys = HostKeys.ACCEPT_NEW
    operator.ssh_config.write_text("HashKnownHosts yes\n")
    gets_in(operator, operator.node(sshd))
    name = f"[127.0.0.1]:{sshd.port}"
    words = ["ssh-keygen", "-F", name, "-f", str(operator.known_hosts)]
    assert sshd.public() in subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("policy", list(HostKeys))
def test_a_changed_key_is_refused_with_both_fingerprints(
    operator: Operator, sshd: Daemon, other: Daemon, policy: HostKeys
) -> None:
    operator.host_keys = policy
    operator.known_hosts.write_text(f"[127.0.0.1]:{other.port} {sshd.public()}\n")
    error = refusal(operator, operator.node(other))
    assert error.title() == "127.0.0.1: host key: the host key of 127.0.0.1 has CHANGED"
    assert error.evidence == (
        f"offered: ssh-ed25519 {fingerprint(other)}",
        f"known:   ssh-ed25519 {fingerprint(sshd)} ({operator.known_hosts}:1)",
    )
    assert error.fix.endswith(f"type: ssh-keygen -f {operator.known_hosts} -R '[127.0.0.1]:{other.port}'")


def test_a_key_of_another_kind_counts_as_changed(operator: Operator, sshd: Daemon, machine: Machine) -> None:
    """Else whoever is in between need only offer a kind we do not know yet."""
    operator.host_keys = HostKeys.ACCEPT_NEW
    only_rsa = machine.sshd(keys=("rsa",))
    operator.trust(only_rsa, kind="rsa")
    operator.known_hosts.write_text(f"[127.0.0.1]:{only_rsa.port} {sshd.public('ed25519')}\n")
    assert "has CHANGED" in refusal(operator, operator.node(only_rsa)).message


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_the_server_is_asked_for_the_kind_that_is_known(operator: Operator, sshd: Daemon, kind: str) -> None:
    operator.trust(sshd, kind=kind)
    assert gets_in(operator, operator.node(sshd))


@pytest.mark.parametrize("form", ["whole", "fingerprint"])
def test_a_pinned_key_needs_no_known_hosts(operator: Operator, sshd: Daemon, other: Daemon, form: str) -> None:
    pinned = sshd.public() if form == "whole" else fingerprint(sshd)
    assert gets_in(operator, operator.node(sshd, host_key=pinned))
    error = refusal(operator, operator.node(other, host_key=pinned))
    assert error.title() == "127.0.0.1: host key: the host key of 127.0.0.1 is not the one the profile pins"
    assert error.evidence == (f"offered: ssh-ed25519 {fingerprint(other)}", f"pinned:  {pinned}")


def test_a_pinned_rsa_key_is_asked_for(operator: Operator, sshd: Daemon) -> None:
    assert gets_in(operator, operator.node(sshd, host_key=sshd.public("rsa")))


def test_a_revoked_key_is_refused(operator: Operator, sshd: Daemon) -> None:
    operator.trust(sshd)
    with operator.known_hosts.open("a") as file:
        file.write(f"@revoked * {sshd.public()}\n")
    assert refusal(operator, operator.node(sshd)).message == "the host key of 127.0.0.1 is revoked"


def test_a_machine_known_by_its_authority_is_refused_with_a_way_that_works(
    operator: Operator, machine: Machine, tmp_path: Path
) -> None:
    """To log in once by hand, as for other unknown keys, notes nothing where ssh trusts an authority."""
    authority = make_key(tmp_path / "authority")
    (tmp_path / "certified.pub").write_text(machine.sshd(fresh="certified-").public())
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "it", "-h", "-n", "127.0.0.1", str(tmp_path / "certified")]
    subprocess.run(sign, check=True)
    machine.write("/etc/ssh/certified-cert.pub", (tmp_path / "certified-cert.pub").read_text())
    daemon = machine.sshd("HostCertificate /etc/ssh/certified-cert.pub", fresh="certified-")
    machine.write("/etc/ssh/ssh_host_ed25519_key.pub", daemon.public() + " root@node\n")
    operator.known_hosts.write_text(f"@cert-authority [127.0.0.1]:* {authority.with_suffix('.pub').read_text()}")
    error = refusal(operator, operator.node(daemon))
    assert error.title() == (
        "127.0.0.1: host key: the host key of 127.0.0.1 is known by a certificate only, and kubeup looks at keys"
    )
    assert error.evidence[0] == f"offered: ssh-ed25519 {fingerprint(daemon)}"
    assert error.evidence[1].endswith(f"({operator.known_hosts}:1)")
    way, command = error.fix.split(": ", 1)
    assert way == "let ssh, which verifies the certificate, fetch the key"
    operator.ssh_config.write_text(f"IdentityFile {operator.key}\nStrictHostKeyChecking yes\n")
    subprocess.run(["sh", "-c", command], check=True, timeout=30)
    assert gets_in(operator, operator.node(daemon))


@pytest.mark.parametrize(
    "pattern", ["[127.0.0.*]:{port}", "nobody,[127.0.0.1]:{port}", "[127.0.0.?]:*", "127.0.0.1", "*"]
)
def test_every_way_known_hosts_may_name_a_host(operator: Operator, sshd: Daemon, pattern: str) -> None:
    operator.known_hosts.write_text(f"{pattern.format(port=sshd.port)} {sshd.public()} a comment\n")
    assert gets_in(operator, operator.node(sshd))


def test_a_negated_name_is_no_match(operator: Operator, sshd: Daemon) -> None:
    operator.known_hosts.write_text(f"*,![127.0.0.1]:{sshd.port},!127.0.0.1 {sshd.public()}\n")
    assert "is not known" in refusal(operator, operator.node(sshd)).message


def test_names_hashed_by_openssh(operator: Operator, sshd: Daemon) -> None:
    operator.trust(sshd)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(operator.known_hosts)], check=True, capture_output=True)
    assert "127.0.0.1" not in operator.known_hosts.read_text()
    assert gets_in(operator, operator.node(sshd))


def test_a_host_key_alias(operator: Operator, sshd: Daemon) -> None:
    operator.ssh_config.write_text("Host *\n  HostKeyAlias Web1\n")
    operator.known_hosts.write_text(f"web1 {sshd.public()}\n")
    assert gets_in(operator, operator.node(sshd))


def test_known_hosts_files_of_the_configuration(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    mine, ours = tmp_path / "mine", tmp_path / "ours"
    operator.ssh_config.write_text(f"UserKnownHostsFile {mine}\nGlobalKnownHostsFile {ours}\n")
    ours.write_text(f"[127.0.0.1]:{sshd.port} {sshd.public()}\n")
    assert gets_in(operator, operator.node(sshd))
    ours.unlink()
    operator.host_keys = HostKeys.ACCEPT_NEW
    assert gets_in(operator, operator.node(sshd))
    assert sshd.public() in mine.read_text()
    assert not operator.known_hosts.exists()


def test_a_key_that_cannot_be_remembered_is_refused(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    operator.host_keys = HostKeys.ACCEPT_NEW
    operator.ssh_config.write_text(f"UserKnownHostsFile {tmp_path}\n")
    error = refusal(operator, operator.node(sshd))
    assert error.message == "known_hosts cannot be read or written"
