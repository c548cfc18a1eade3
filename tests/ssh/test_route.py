"""The way to a node: the user's SSH configuration, bastions, proxy commands."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from kubeup.model.cluster import HostKeys, Node, Role
from kubeup.model.errors import ConnectError
from kubeup.node.ssh.connector import shut
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import SshConnection
from tests.ssh.conftest import Operator, gets_in, refusal
from tests.ssh.machine import Daemon, Machine, free_port


def named(host: str, **settings: str) -> Node:
    return Node(host, frozenset({Role.CONTROL_PLANE}), **settings)  # type: ignore[arg-type]


@pytest.fixture
def web(operator: Operator, sshd: Daemon) -> str:
    """All that is known of the node stands in ~/.ssh/config."""
    operator.trust(sshd)
    return f"""
Host web
    HostName 127.0.0.1
    Port {sshd.port}
    User free
    IdentityFile {operator.key}
"""


def test_host_port_user_and_key_of_the_configuration(operator: Operator, web: str) -> None:
    operator.ssh_config.write_text(web)
    assert operator.connect(named("web")).call(Kind.PROBE, [b"echo $SUDO_USER"]).stdout == b"free\n"


def test_the_profile_wins_over_the_configuration(operator: Operator, web: str) -> None:
    operator.ssh_config.write_text(web)
    assert operator.connect(named("web", user="root")).call(Kind.PROBE, [b"echo $SUDO_USER"]).stdout == b"\n"


def test_included_files_count(operator: Operator, web: str) -> None:
    folder = operator.home / ".ssh/config.d"
    folder.mkdir()
    (folder / "10-web").write_text(web)
    operator.ssh_config.write_text("Include config.d/*\nHost *\n  User nobody\n")
    assert gets_in(operator, named("web"))


def test_a_configuration_that_includes_itself_is_told(operator: Operator) -> None:
    operator.ssh_config.write_text("Include config\n")
    error = refusal(operator, named("web"))
    assert error.title() == "all nodes: ssh configuration: ~/.ssh/config cannot be used"
    assert error.evidence[0] == "Too many recursive configuration includes"


def test_a_configuration_that_makes_no_sense_is_told(operator: Operator, tmp_path: Path) -> None:
    operator.config = str(tmp_path / "config")
    (tmp_path / "config").write_text("Host web\n  Port many\n")
    error = refusal(operator, named("web"))
    assert error.title() == f"all nodes: ssh configuration: {tmp_path}/config cannot be used"
    assert "many" in error.evidence[0]


def test_a_configuration_of_the_profile_replaces_the_users(operator: Operator, web: str, tmp_path: Path) -> None:
    operator.ssh_config.write_text("Host web\n  HostName 192.0.2.1\n")
    operator.config = str(tmp_path / "config")
    (tmp_path / "config").write_text(web)
    assert gets_in(operator, named("web"))


def test_a_configuration_that_is_not_there_is_told(operator: Operator) -> None:
    operator.config = "/no/such/config"
    assert refusal(operator, named("web")).evidence == (
        "Can't open user config file /no/such/config: No such file or directory",
    )


def test_settings_of_fabric_and_invoke_change_nothing(
    operator: Operator, web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.ssh_config.write_text(web)
    wrong = "port: 1\nuser: nobody\ngateway: nowhere\nconnect_kwargs: {password: x}\n"
    for name in (".fabric.yaml", ".invoke.yaml"):
        (operator.home / name).write_text(wrong)
    (tmp_path / "fabric.yaml").write_text(wrong)
    monkeypatch.chdir(tmp_path)
    for name in ("FABRIC_PORT", "FABRIC_USER", "INVOKE_PORT"):
        monkeypatch.setenv(name, "1")
    assert gets_in(operator, named("web"))


# Proxy commands


def test_a_proxy_command(operator: Operator, web: str, sshd: Daemon) -> None:
    config = web.replace("HostName 127.0.0.1", "HostName behind\n    HostKeyAlias known")
    operator.ssh_config.write_text(config + f"    ProxyCommand ssh -F none -i {operator.key} -W 127.0.0.1:%p "
    f"-o UserKnownHostsFile={operator.known_hosts} -p {sshd.port} root@127.0.0.1\n")  # fmt: skip
    operator.known_hosts.write_text(operator.known_hosts.read_text() + f"known {sshd.public()}\n")
    assert gets_in(operator, named("web"))


def test_a_proxy_command_is_given_the_profiles_port_and_user(operator: Operator, sshd: Daemon, tmp_path: Path) -> None:
    operator.ssh_config.write_text(f"Host *\n  ProxyCommand echo '%h %p %r 100%%' >{tmp_path}/seen\n")
    refusal(operator, operator.node(sshd, "free"))
    assert (tmp_path / "seen").read_text() == f"127.0.0.1 {sshd.port} free 100%\n"


def test_a_proxy_command_that_fails_says_why(operator: Operator, web: str) -> None:
    operator.ssh_config.write_text(web + "    ProxyCommand echo no route to the office >&2; exit 1\n")
    error = refusal(operator, named("web"))
    assert error.title() == (
        "web: proxy command: the ProxyCommand of the SSH configuration did not lead to an SSH server"
    )
    assert error.evidence[:2] == ("echo no route to the office >&2; exit 1", "no route to the office")
    assert error.fix.startswith("try it by hand: ssh -p ")


def test_a_proxy_command_none_is_none(operator: Operator, web: str) -> None:
    operator.ssh_config.write_text(web + "    ProxyCommand none\n    ProxyJump none\n")
    assert gets_in(operator, named("web"))


# Bastions


@pytest.fixture(scope="module")
def bastion(machine: Machine, key: Path) -> Daemon:
    return machine.sshd(fresh="bastion-")


def jump(operator: Operator, daemon: Daemon, name: str = "jump", extra: str = "") -> str:
    operator.trust(daemon)
    there = f"  HostName 127.0.0.1\n  Port {daemon.port}\n  User plain\n"
    return f"Host {name}\n{there}  IdentityFile {operator.key}\n{extra}\n"


def logins(daemon: Daemon, user: str) -> int:
    return daemon.said().count(f"Accepted publickey for {user} ")


def test_a_proxy_jump(operator: Operator, web: str, bastion: Daemon) -> None:
    before = logins(bastion, "plain")
    operator.ssh_config.write_text(jump(operator, bastion) + web + "    ProxyJump jump\n")
    assert gets_in(operator, named("web"))
    assert logins(bastion, "plain") == before + 1


def test_a_bastion_of_the_profile(operator: Operator, web: str, bastion: Daemon) -> None:
    before = logins(bastion, "root")
    operator.ssh_config.write_text(f"IdentityFile {operator.key}\n" + web)
    operator.trust(bastion)
    assert gets_in(operator, named("web", bastion=f"root@127.0.0.1:{bastion.port}"))
    assert logins(bastion, "root") == before + 1


def test_two_bastions_one_behind_the_other(operator: Operator, web: str, bastion: Daemon, machine: Machine) -> None:
    second = machine.sshd(fresh="second-")
    operator.ssh_config.write_text(jump(operator, bastion) + jump(operator, second, "inner") + web)
    assert gets_in(operator, named("web", bastion="jump,inner"))
    assert logins(second, "plain") == 1


def test_a_bastion_that_has_a_bastion_itself(operator: Operator, web: str, bastion: Daemon, machine: Machine) -> None:
    outer = machine.sshd(fresh="outer-")
    config = jump(operator, outer, "outer") + jump(operator, bastion, "jump", "  ProxyJump outer") + web
    operator.ssh_config.write_text(config)
    assert gets_in(operator, named("web", bastion="jump"))
    assert logins(outer, "plain") == 1


def test_a_proxy_jump_for_all_hosts_does_not_jump_over_itself(operator: Operator, web: str, bastion: Daemon) -> None:
    operator.ssh_config.write_text(jump(operator, bastion) + web + "Host *\n  ProxyJump jump\n")
    assert gets_in(operator, named("web"))


def test_bastions_that_need_each_other_are_told(operator: Operator, web: str) -> None:
    operator.ssh_config.write_text(web + "  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    assert refusal(operator, named("web")).evidence[0].startswith("too many jumps: ")


def test_many_nodes_share_one_connection_to_their_bastion(operator: Operator, web: str, bastion: Daemon) -> None:
    """The end of one node's connection, whatever is under way on it, is none of the others' concern."""
    before, said = logins(bastion, "plain"), len(bastion.said())
    operator.ssh_config.write_text(jump(operator, bastion) + web + "    ProxyJump jump\n")
    node = named("web")
    dialer = operator.dialer(node)

    def ask(_: int) -> bytes:
        connection = SshConnection(dialer, node)
        try:
            return connection.call(Kind.PROBE, [b"echo in"]).stdout
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(48))) == [b"in\n"] * 48
    assert logins(bastion, "plain") == before + 1
    assert "nonexistent channel" not in bastion.said()[said:]


@pytest.mark.parametrize("error", [EOFError(), OSError(), paramiko.SSHException()])
def test_what_is_gone_already_closes_quietly(error: Exception) -> None:
    """A connection behind a bastion that went first, say: paramiko still wants to send a farewell."""

    class Gone:
        asked = False

        def close(self) -> None:
            self.asked = True
            raise error

    gone = Gone()
    shut(gone)
    assert gone.asked


def test_a_bastion_that_is_down_is_named_and_tried_once_for_all_nodes(operator: Operator, web: str) -> None:
    port = free_port()
    operator.ssh_config.write_text(web)
    nodes = [named("web", name=name, bastion=f"root@127.0.0.1:{port}") for name in ("n1", "n2")]
    dialer = operator.dialer(*nodes)
    for node in nodes:
        with pytest.raises(ConnectError) as raised:
            SshConnection(dialer, node)
        where = f"{node.name}: bastion root@127.0.0.1:{port}: connecting"
        assert raised.value.title() == f"{where}: nothing listens on port {port} of 127.0.0.1"


def test_an_unknown_bastion_is_refused_like_any_host(operator: Operator, web: str, bastion: Daemon) -> None:
    operator.ssh_config.write_text(f"IdentityFile {operator.key}\n" + web)
    error = refusal(operator, named("web", bastion=f"root@127.0.0.1:{bastion.port}"))
    assert error.title() == (
        f"web: bastion root@127.0.0.1:{bastion.port}: host key: the host key of 127.0.0.1 is not known"
    )


def test_accept_new_holds_for_bastions_and_for_what_is_behind_them(
    operator: Operator, sshd: Daemon, bastion: Daemon
) -> None:
    operator.host_keys = HostKeys.ACCEPT_NEW
    operator.ssh_config.write_text(f"IdentityFile {operator.key}\nHashKnownHosts no\n")
    assert gets_in(operator, operator.node(sshd, bastion=f"root@127.0.0.1:{bastion.port}"))
    assert operator.known_hosts.read_text().count("[127.0.0.1]:") == 2


def test_a_bastion_that_forbids_forwarding(operator: Operator, web: str, machine: Machine) -> None:
    closed = machine.sshd("AllowTcpForwarding no")
    operator.ssh_config.write_text(jump(operator, closed) + web + "    ProxyJump jump\n")
    error = refusal(operator, named("web"))
    assert error.title() == f"web: bastion plain@127.0.0.1:{closed.port}: forwarding: the bastion forbids forwarding"
    assert "AllowTcpForwarding yes" in error.fix


def test_a_node_that_its_bastion_does_not_reach(operator: Operator, web: str, bastion: Daemon, sshd: Daemon) -> None:
    port = free_port()
    config = web.replace(f"Port {sshd.port}", f"Port {port}")
    operator.ssh_config.write_text(jump(operator, bastion) + config + "    ProxyJump jump\n")
    error = refusal(operator, named("web"))
    where = f"web: bastion plain@127.0.0.1:{bastion.port}: forwarding"
    assert error.title() == f"{where}: the bastion does not reach 127.0.0.1 port {port}"
    assert error.evidence == ("Connect failed",)


def test_large_bodies_pass_a_bastion(operator: Operator, web: str, bastion: Daemon) -> None:
    operator.ssh_config.write_text(jump(operator, bastion) + web + "    ProxyJump jump\n")
    chunk = memoryview(bytes(1 << 20))

    def body() -> Iterator[bytes | memoryview]:
        yield b"head -c 20000000 /dev/zero; cat >/dev/null"
        for _ in range(20):
            yield chunk

    assert operator.connect(named("web")).call(Kind.PROBE, body(), timeout=60).received == 20_000_000
