"""Getting in: keys, the agent, passphrases, passwords, and what is told when nothing worked."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeup.model.cluster import Node
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import SshConnection
from tests.ssh.conftest import Operator, gets_in, refusal
from tests.ssh.machine import CODE, PASSWORD, Daemon, Machine, make_key


@pytest.fixture
def agent(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An agent of the operator's, empty."""
    told = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    values = dict(line.split(";")[0].split("=") for line in told.split("\n") if "=" in line)
    monkeypatch.setenv("SSH_AUTH_SOCK", values["SSH_AUTH_SOCK"])
    yield
    os.kill(int(values["SSH_AGENT_PID"]), signal.SIGTERM)


def add_key(path: Path) -> None:
    subprocess.run(["ssh-add", "-q", str(path)], check=True)


def locked(operator: Operator, folder: Path, kind: str = "ed25519") -> Path:
    """The operator's key again, encrypted: the passphrase is "open sesame"."""
    path = folder / "locked"
    path.write_bytes(operator.key.read_bytes())
    path.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(path)], check=True)
    return path


def test_the_profiles_key(operator: Operator, node: Node) -> None:
    assert gets_in(operator, node)


def test_the_usual_key_in_the_home(operator: Operator, sshd: Daemon) -> None:
    operator.trust(sshd)
    (operator.home / ".ssh/id_ed25519").write_bytes(operator.key.read_bytes())
    assert gets_in(operator, operator.node(sshd, key=""))


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys(operator: Operator, node: Node, machine: Machine, tmp_path: Path, kind: str) -> None:
    mine = make_key(tmp_path / kind, kind)
    machine.run(
        "cp /etc/ssh/test-keys /tmp/kept-keys; cat >>/etc/ssh/test-keys", input=Path(f"{mine}.pub").read_bytes()
    )
    try:
        assert gets_in(operator, operator.node(Daemon(node.port or 22, {}, None, tmp_path), key=str(mine)))  # type: ignore[arg-type]
    finally:
        machine.run("cp /tmp/kept-keys /etc/ssh/test-keys")


@pytest.mark.usefixtures("agent")
def test_a_key_that_only_the_agent_has(operator: Operator, sshd: Daemon) -> None:
    operator.trust(sshd)
    add_key(operator.key)
    assert gets_in(operator, operator.node(sshd, key=""))


@pytest.mark.usefixtures("agent")
def test_an_encrypted_key_that_the_agent_has_is_not_asked_for(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    operator.trust(sshd)
    add_key(operator.key)
    assert gets_in(operator, operator.node(sshd, key=str(locked(operator, tmp_path))))
    assert operator.asked == []


@pytest.mark.usefixtures("agent")
def test_the_right_key_comes_before_an_agent_full_of_others(operator: Operator, node: Node, tmp_path: Path) -> None:
    """sshd hangs up after six tries."""
    for number in range(8):
        add_key(make_key(tmp_path / f"other{number}"))
    assert gets_in(operator, node)


@pytest.mark.usefixtures("agent")
def test_an_agent_full_of_other_keys(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    operator.trust(sshd)
    for number in range(8):
        add_key(make_key(tmp_path / f"other{number}"))
    error = refusal(operator, operator.node(sshd, key=""))
    assert error.title() == f"127.0.0.1: login: root@127.0.0.1:{sshd.port} hung up during the login"
    assert error.evidence[0].startswith("tried the agent's other0 (SHA256:")
    assert error.fix == (
        "too many keys in the agent? name the right one: key: in the profile, or IdentityFile with "
        "IdentitiesOnly yes in ~/.ssh/config"
    )


@pytest.mark.usefixtures("agent")
def test_identities_only_leaves_the_agents_other_keys_alone(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    operator.trust(sshd)
    for number in range(8):
        add_key(make_key(tmp_path / f"other{number}"))
    operator.ssh_config.write_text(f"Host *\n  IdentitiesOnly yes\n  IdentityFile {operator.key}\n")
    assert gets_in(operator, operator.node(sshd, key=""))


def test_a_passphrase_is_asked_once_for_all_nodes(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    operator.trust(sshd)
    operator.answers["passphrase"] = "open sesame"
    path = locked(operator, tmp_path)
    node = operator.node(sshd, key=str(path))
    dialer = operator.dialer(node)
    for _ in range(3):
        SshConnection(dialer, node).close()
    assert operator.asked == [f"passphrase of {path}: "]


def test_an_encrypted_key_and_nobody_to_ask(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    operator.trust(sshd)
    path = locked(operator, tmp_path)
    error = refusal(operator, operator.node(sshd, key=str(path)))
    where = f"root@127.0.0.1:{sshd.port}"
    assert error.title() == f"127.0.0.1: login: {where} did not let kubeup in, and a key could not be decrypted"
    assert error.evidence == (
        f"tried {path}: it is encrypted, and no passphrase was given",
        "the server takes: publickey",
    )
    assert error.fix == f"type: ssh-add {path}; or set KUBEUP_KEY_PASSPHRASE; or run kubeup on a terminal"


def test_a_wrong_passphrase(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    operator.trust(sshd)
    operator.environment["KUBEUP_KEY_PASSPHRASE"] = "close sesame"
    path = locked(operator, tmp_path)
    error = refusal(operator, operator.node(sshd, key=str(path)))
    assert error.evidence[0] == f"tried {path}: it is encrypted, and the passphrase is wrong"


def test_a_refused_login_names_every_key_that_was_tried(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    operator.trust(sshd)
    wrong, missing = make_key(tmp_path / "wrong"), tmp_path / "missing"
    operator.ssh_config.write_text(f"Host *\n  IdentityFile {wrong}\n  IdentityFile {missing}\n")
    error = refusal(operator, operator.node(sshd, key=""))
    where = f"root@127.0.0.1:{sshd.port}"
    assert error.title() == f"127.0.0.1: login: {where} did not let kubeup in"
    assert error.evidence == (
        f"tried {wrong}: refused",
        f"tried {missing}: No such file or directory",
        "the server takes: publickey",
    )
    assert error.fix == (
        f"put your key there: ssh-copy-id -p {sshd.port} root@127.0.0.1; or correct user and key in the profile"
    )


def test_no_key_at_all(operator: Operator, sshd: Daemon) -> None:
    operator.trust(sshd)
    error = refusal(operator, operator.node(sshd, key=""))
    assert error.evidence[0] == "there was no key to try: no agent, no key file"


def test_a_key_file_that_is_none(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    operator.trust(sshd)
    (tmp_path / "key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n")
    error = refusal(operator, operator.node(sshd, key=str(tmp_path / "key")))
    assert error.evidence[0].startswith(f"tried {tmp_path}/key: ")


@pytest.fixture(params=["PasswordAuthentication yes", "KbdInteractiveAuthentication yes"])
def password_sshd(machine: Machine, key: Path, request: pytest.FixtureRequest) -> Daemon:
    return machine.sshd(str(request.param))


def test_a_login_password_is_asked_once_for_all_nodes(operator: Operator, password_sshd: Daemon) -> None:
    operator.trust(password_sshd)
    operator.answers["password of free"] = PASSWORD
    node = operator.node(password_sshd, "free", key="")
    dialer = operator.dialer(node)
    for _ in range(2):
        connection = SshConnection(dialer, node)
        assert connection.call(Kind.PROBE, [b"id -un"]).stdout == b"root\n"
        connection.close()
    assert operator.asked == [f"password of free@127.0.0.1:{password_sshd.port}: "]


def test_a_wrong_login_password(operator: Operator, password_sshd: Daemon) -> None:
    operator.trust(password_sshd)
    operator.environment["KUBEUP_SSH_PASSWORD"] = "wrong"
    error = refusal(operator, operator.node(password_sshd, "free", key=""))
    assert error.message == f"free@127.0.0.1:{password_sshd.port} did not let kubeup in"
    assert "tried password: refused" in error.evidence
    assert "wrong" not in repr(error) + " ".join(error.evidence)


def test_a_password_is_not_asked_where_keys_suffice(operator: Operator, password_sshd: Daemon) -> None:
    operator.trust(password_sshd)
    assert gets_in(operator, operator.node(password_sshd))
    assert operator.asked == []


def test_a_key_and_a_password_both(operator: Operator, machine: Machine) -> None:
    daemon = machine.sshd("PasswordAuthentication yes", "AuthenticationMethods publickey,password")
    operator.trust(daemon)
    operator.answers["password of free"] = PASSWORD
    assert gets_in(operator, operator.node(daemon, "free"))


def test_a_certificate_beside_the_key(operator: Operator, machine: Machine, tmp_path: Path) -> None:
    authority, mine = make_key(tmp_path / "ca"), make_key(tmp_path / "mine")
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", "root", f"{mine}.pub"], check=True)
    machine.write("/etc/ssh/test-ca", Path(f"{authority}.pub").read_text())
    daemon = machine.sshd("TrustedUserCAKeys /etc/ssh/test-ca")
    operator.trust(daemon)
    assert gets_in(operator, operator.node(daemon, key=str(mine)))


def test_a_certificate_that_the_configuration_names(operator: Operator, machine: Machine, tmp_path: Path) -> None:
    authority, mine, other = (make_key(tmp_path / name) for name in ("ca2", "mine2", "other2"))
    for key in (mine, other):
        sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", "root", f"{key}.pub"]
        subprocess.run(sign, check=True)
        Path(f"{key}-cert.pub").rename(tmp_path / f"for-{key.name}")
    machine.write("/etc/ssh/test-ca2", Path(f"{authority}.pub").read_text())
    daemon = machine.sshd("TrustedUserCAKeys /etc/ssh/test-ca2")
    operator.trust(daemon)
    operator.ssh_config.write_text(f"CertificateFile {tmp_path}/for-other2\nCertificateFile {tmp_path}/for-mine2\n")
    assert gets_in(operator, operator.node(daemon, key=str(mine)))


# More secrets than one


EMAIL = "Guest login ok, send your complete e-mail address as password."


@pytest.fixture(scope="module")
def asking(machine: Machine, key: Path) -> Daemon:
    """A key, the account's password, and then a code."""
    return machine.sshd("KbdInteractiveAuthentication yes", "AuthenticationMethods publickey,keyboard-interactive")


def test_each_question_of_a_server_is_shown_in_its_own_words_and_answered_by_itself(
    operator: Operator, asking: Daemon
) -> None:
    operator.trust(asking)
    operator.answers = {"password of coded": PASSWORD, EMAIL: CODE}
    assert gets_in(operator, operator.node(asking, "coded"))
    where = f"coded@127.0.0.1:{asking.port}"
    assert operator.asked == [f"password of {where}: ", f"{where}: {EMAIL} "]


def test_a_code_is_asked_for_each_node_and_a_password_once(operator: Operator, asking: Daemon) -> None:
    operator.trust(asking)
    operator.answers = {"password of coded": PASSWORD, EMAIL: CODE}
    node = operator.node(asking, "coded")
    dialer = operator.dialer(node)
    for _ in range(2):
        SshConnection(dialer, node).close()
    where = f"coded@127.0.0.1:{asking.port}"
    assert operator.asked == [f"password of {where}: ", f"{where}: {EMAIL} ", f"{where}: {EMAIL} "]


def test_a_question_without_a_terminal_is_told_with_a_way_out(operator: Operator, asking: Daemon) -> None:
    operator.trust(asking)
    operator.environment["KUBEUP_SSH_PASSWORD"] = PASSWORD
    error = refusal(operator, operator.node(asking, "coded"))
    assert error.title() == (
        f"127.0.0.1: login: coded@127.0.0.1:{asking.port} asks at the login, and there is nobody to answer"
    )
    assert error.evidence == (f"it asks: {EMAIL}",)
    assert error.fix == (
        "run kubeup on a terminal; or let a key do for coded: AuthenticationMethods publickey in the sshd_config of "
        "127.0.0.1"
    )


def test_a_password_without_a_terminal_is_told_with_the_variable(operator: Operator, asking: Daemon) -> None:
    operator.trust(asking)
    error = refusal(operator, operator.node(asking, "coded"))
    assert error.evidence == ("it asks: Password:",)
    assert error.fix == (
        "run kubeup on a terminal, or set KUBEUP_SSH_PASSWORD or KUBEUP_SSH_PASSWORD_FILE; "
        f"or put your key there: ssh-copy-id -p {asking.port} coded@127.0.0.1"
    )


def test_a_wrong_code_is_told_without_the_code(operator: Operator, asking: Daemon) -> None:
    operator.trust(asking)
    operator.answers = {"password of coded": PASSWORD, EMAIL: "131313"}
    error = refusal(operator, operator.node(asking, "coded"))
    assert error.message == f"coded@127.0.0.1:{asking.port} did not let kubeup in by what was answered"
    assert error.evidence == (
        f"answered `Password:`, `{EMAIL}`: refused",
        "the server takes: keyboard-interactive",
    )
    assert error.fix == (
        "run the same command again, with the right answers and before the server's LoginGraceTime is over"
    )
    assert "131313" not in repr(error) + " ".join(error.evidence)


def test_a_password_first_and_then_a_key(operator: Operator, machine: Machine) -> None:
    daemon = machine.sshd("PasswordAuthentication yes", "AuthenticationMethods password,publickey")
    operator.trust(daemon)
    operator.answers["password of free"] = PASSWORD
    assert gets_in(operator, operator.node(daemon, "free"))


def test_two_keys_that_are_both_wanted(operator: Operator, machine: Machine, tmp_path: Path) -> None:
    daemon = machine.sshd("AuthenticationMethods publickey,publickey", "AuthorizedKeysFile /etc/ssh/two-keys")
    operator.trust(daemon)
    second = make_key(tmp_path / "second")
    both = "".join(path.with_suffix(".pub").read_text() for path in (operator.key, second))
    machine.write("/etc/ssh/two-keys", both)
    operator.ssh_config.write_text(f"IdentityFile {operator.key}\nIdentityFile {second}\n")
    assert gets_in(operator, operator.node(daemon, key=""))


def test_the_password_of_a_bastion_is_not_given_to_what_is_behind_it(
    operator: Operator, password_sshd: Daemon, machine: Machine
) -> None:
    bastion = machine.sshd("PasswordAuthentication yes", fresh="asked-bastion-")
    operator.trust(password_sshd)
    operator.trust(bastion)
    where = f"free@127.0.0.1:{bastion.port}"
    operator.answers = {f"password of {where}": PASSWORD, f"password of free@127.0.0.1:{password_sshd.port}": PASSWORD}
    assert gets_in(operator, operator.node(password_sshd, "free", key="", bastion=where))
    assert operator.asked == [f"password of {where}: ", f"password of free@127.0.0.1:{password_sshd.port}: "]
