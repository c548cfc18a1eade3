"""The user's SSH configuration decides as it does for ssh itself: ssh is asked."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubeup.model.cluster import Node, Role
from kubeup.model.errors import ConnectError
from kubeup.node.ssh import configuration
from kubeup.node.ssh.sshconfig import Target
from tests.ssh.conftest import Operator, gets_in
from tests.ssh.machine import Daemon


def named(host: str, **settings: object) -> Node:
    return Node(host, frozenset({Role.CONTROL_PLANE}), **settings)  # type: ignore[arg-type]


def target(operator: Operator, config: str, node: Node | None = None) -> Target:
    """Where kubeup would go for `web`."""
    operator.ssh_config.write_text(config)
    node = node or named("web")
    return operator.dialer(node).target(node)


def told(operator: Operator, config: str) -> ConnectError:
    with pytest.raises(ConnectError) as raised:
        target(operator, config)
    return raised.value


def test_what_is_included_before_global_options_wins(operator: Operator) -> None:
    (operator.home / ".ssh/first").write_text("User first\n")
    assert target(operator, "Include first\nUser second\nPort 2222\n").user == "first"


def test_what_follows_an_include_in_a_host_block_is_of_that_block(operator: Operator) -> None:
    (operator.home / ".ssh/first").write_text("Host other\n  User other\n")
    assert target(operator, "Host web\n  Include first\n  Port 2222\nHost other\n  Port 1\n").port == 2222


def test_a_comment_behind_a_value_is_none_of_it(operator: Operator) -> None:
    found = target(operator, "HostName 192.0.2.1 # the new one\nPort 2222 # since May\n")
    assert (found.host, found.port) == ("192.0.2.1", 2222)


@pytest.mark.parametrize("criteria", ["localuser root", "originalhost web,db", "host web exec true", "final"])
def test_match_criteria_count(operator: Operator, criteria: str) -> None:
    assert target(operator, f"Match {criteria}\n  Port 2222\n").port == 2222


def test_match_user_sees_the_profiles_user(operator: Operator) -> None:
    config = "Match user admin\n  Port 2222\n"
    assert target(operator, config, named("web", user="admin")).port == 2222
    assert target(operator, config).port == 22


def test_the_profiles_user_port_and_key_win(operator: Operator) -> None:
    config = "User nobody\nPort 1\nIdentityFile ~/.ssh/other\n"
    found = target(operator, config, named("web", user="admin", port=2222, key="~/mine"))
    assert (found.user, found.port, found.keys) == ("admin", 2222, (operator.home / "mine",))


def test_a_user_and_a_port_of_a_bastion_win(operator: Operator) -> None:
    operator.ssh_config.write_text("Host gate\n  User nobody\n  Port 1\n")
    node = named("web", bastion="admin@gate:2222")
    assert operator.dialer(node).target(node).jumps == ("admin@gate:2222",)


def test_of_a_proxy_command_and_a_proxy_jump_the_first_counts(operator: Operator) -> None:
    found = target(operator, "ProxyCommand nc %h %p\nProxyJump gate\nHost gate\n  ProxyJump none\n")
    assert (found.proxy_command, found.jumps) == ("nc web 22", ())
    found = target(operator, "Host web\n  ProxyJump gate\n  ProxyCommand nc %h %p\n")
    assert (found.proxy_command, found.jumps) == ("", ("gate",))


def test_variables_and_tokens_in_paths(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "/keys")
    config = "IdentityFile ${PLACE}/%h\nIdentityFile %d/%r%%\nIdentityFile ~/k-%p-%n-%u\nIdentityAgent ${PLACE}/agent\n"
    found = target(operator, config + "HostName 192.0.2.1\nUser bob\nUserKnownHostsFile ${PLACE}/known %d/%h\n")
    assert found.keys == (Path("/keys/192.0.2.1"), operator.home / "bob%", operator.home / "k-22-web-root")
    assert found.agent == "/keys/agent"
    assert found.known_hosts[:2] == (Path("/keys/known"), operator.home / "192.0.2.1")


def test_an_agent_by_the_name_of_a_variable(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORK_AGENT", "/run/work")
    assert target(operator, "IdentityAgent $WORK_AGENT\n").agent == "/run/work"
    assert target(operator, "IdentityAgent none\n").agent == ""


def test_a_known_hosts_file_with_a_space_in_its_name(operator: Operator) -> None:
    (operator.home / "my hosts").write_text("")
    found = target(operator, 'UserKnownHostsFile "~/my hosts" ~/others\n')
    assert found.known_hosts[:2] == (operator.home / "my hosts", operator.home / "others")


def test_without_a_word_about_keys_the_usual_ones_come_after_the_agents(operator: Operator) -> None:
    found = target(operator, "Port 2222\n")
    assert found.keys == ()
    assert [path.name for path in found.default_keys] == ["id_ed25519", "id_ecdsa", "id_rsa"]
    assert found.default_keys[0].parent == operator.home / ".ssh"


def test_a_usual_key_that_is_named_is_tried_first_and_alone(operator: Operator) -> None:
    found = target(operator, "IdentityFile ~/.ssh/id_rsa\nIdentitiesOnly yes\n")
    assert (found.keys, found.default_keys) == ((operator.home / ".ssh/id_rsa",), ())
    assert found.identities_only


def test_no_key_at_all_can_be_named(operator: Operator) -> None:
    found = target(operator, "IdentityFile none\n")
    assert (found.keys, found.default_keys) == ((), ())


def test_a_name_is_made_canonical(operator: Operator) -> None:
    name = socket.gethostname()
    config = f"CanonicalizeHostname always\nCanonicalizeMaxDots 9\nMatch canonical originalhost {name}\n  Port 2222\n"
    assert target(operator, config, named(name)).port == 2222


def test_the_home_is_that_of_the_list_of_users_as_it_is_for_ssh(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HOME is somewhere else under `sudo -E`, or in a container of a CI."""
    monkeypatch.setenv("HOME", "/nowhere")
    found = target(operator, "User bob\nIdentityFile ~/.ssh/mine\n")
    assert (found.user, found.keys) == ("bob", (operator.home / ".ssh/mine",))


def test_what_ssh_does_not_understand_is_told_in_its_words(operator: Operator) -> None:
    error = told(operator, "Port 22\nUserr bob\n")
    assert error.title() == "all nodes: ssh configuration: ~/.ssh/config cannot be used"
    assert error.evidence[0] == f"{operator.ssh_config}: line 2: Bad configuration option: userr"
    assert error.fix == "correct the file, or name another one in the profile under ssh: config:"


@pytest.mark.parametrize("left", ["sleep 60", "setsid sleep 60 & sleep 60"])
def test_a_match_that_does_not_end_holds_nobody_up_for_long(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    monkeypatch.setattr(configuration, "ANSWER_SECONDS", 0.5)
    begin = time.monotonic()
    error = told(operator, f'Match exec "{left}"\n  Port 2222\n')
    assert time.monotonic() - begin < 5
    assert error.title() == "web: ssh configuration: ~/.ssh/config cannot be used"
    assert error.evidence == ("`ssh -G -- web` did not end within 0 s",)
    assert error.fix == "does a `Match exec` of it wait for something? Type that command to see"


def test_what_a_match_leaves_running_holds_nobody_up(operator: Operator) -> None:
    begin = time.monotonic()
    assert target(operator, 'Match exec "setsid sleep 60 &"\n  Port 2222\n').port == 2222
    assert time.monotonic() - begin < 5


def test_ssh_is_asked_once_a_run_for_a_machine(operator: Operator, tmp_path: Path) -> None:
    operator.ssh_config.write_text(
        f'Match exec "echo %n >>{tmp_path}/asked"\n  Port 2222\nHost web*\n  ProxyJump gate\n'
    )
    nodes = [named(f"web{number % 2}") for number in range(8)]
    dialer = operator.dialer(*nodes)
    with ThreadPoolExecutor(8) as pool:
        assert {one.port for one in pool.map(dialer.target, nodes)} == {2222}
    assert sorted((tmp_path / "asked").read_text().split()) == ["gate", "web0", "web1"]


# Where there is no ssh


@pytest.fixture
def no_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")


@pytest.mark.usefixtures("no_ssh")
def test_a_plain_configuration_is_read_without_ssh(operator: Operator, sshd: Daemon) -> None:
    operator.trust(sshd)
    operator.ssh_config.write_text(
        f"Host web\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User free\n  IdentityFile {operator.key}\n"
    )
    assert gets_in(operator, named("web"))


@pytest.mark.usefixtures("no_ssh")
@pytest.mark.parametrize("line", ["Include other", "Match all", "Port 2222 # new", 'IdentityFile "~/my key"'])
def test_what_only_ssh_reads_right_asks_for_ssh(operator: Operator, line: str) -> None:
    error = told(operator, f"User bob\n{line}\n")
    assert error.title() == "all nodes: ssh configuration: ~/.ssh/config cannot be used"
    assert error.evidence == (f"{operator.ssh_config}:2: no ssh is installed here, and only it can read: {line}",)
    assert error.fix == "install OpenSSH's client, which kubeup asks then: apt-get install openssh-client"


def test_an_ssh_that_cannot_be_asked_is_none(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/ssh").write_text("#!/bin/sh\necho 'unknown option -- G' >&2; exit 255\n")
    (tmp_path / "other/ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/other:/bin")
    assert target(operator, "Host web\n  Port 2222\n").port == 2222
