"""A profile's wishes and a Docker's own options, merged: tables of facts in, files and conflicts out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kubeup.components import docker_daemon
from kubeup.model.cluster import Cluster
from kubeup.model.facts import DockerFact, Facts, FileFact, Owned, Record
from kubeup.model.resources import ORIGINAL, File, sha256
from tests.unit.components.dockers import CE, CLUSTER, DEBIAN, PROXY, facts, file, wishing


def merged(cluster: Cluster, about: Facts) -> dict[str, File]:
    found = docker_daemon.merge(cluster, about)
    assert [one for one in found.conflicts if one.severity == "error"] == []
    return {one.path: one for one in found.files}


def text(found: File) -> str:
    assert found.content is not None
    return found.content.decode()


@pytest.mark.parametrize("docker", [DEBIAN, CE])
def test_nothing_is_touched_where_nothing_is_wanted(docker: DockerFact) -> None:
    assert docker_daemon.merge(CLUSTER, facts(docker, '{"bip": "10.9.0.1/24"}', "DOCKER_OPTS=-D\n")).files == ()


def test_lists_are_added_behind_one_s_own_and_everything_else_stays() -> None:
    own = '{\n    "log-level": "warn",\n    "registry-mirrors": ["https://mine"]\n}\n'
    found = merged(wishing(("https://theirs", "https://mine/"), ("appstore:5000",)), facts(daemon=own))
    assert list(found) == [docker_daemon.DAEMON]
    assert json.loads(text(found[docker_daemon.DAEMON])) == {
        "log-level": "warn",
        "registry-mirrors": ["https://mine", "https://theirs"],
        "insecure-registries": ["appstore:5000"],
    }
    assert '\n    "log-level"' in text(found[docker_daemon.DAEMON]), "the indentation is the file's own"


def test_what_is_there_already_changes_nothing() -> None:
    own = '{"registry-mirrors": ["https://mine/"]}'
    assert merged(wishing(("https://mine",)), facts(daemon=own)) == {}


@pytest.mark.parametrize(
    ("docker", "defaults"),
    [
        (DEBIAN, 'DOCKER_OPTS="--registry-mirror=https://mine -H tcp://127.0.0.1:4243"\n'),
        (replace(CE, exec_start="/usr/bin/dockerd -H fd:// --registry-mirror https://mine"), None),
    ],
)
def test_an_option_of_the_command_line_gets_more_of_it_there(docker: DockerFact, defaults: str | None) -> None:
    found = merged(wishing(("https://theirs",)), facts(docker, None, defaults))
    assert list(found) == [docker_daemon.DROP_IN]
    lines = text(found[docker_daemon.DROP_IN]).split("\n")
    assert "ExecStart=" in lines
    assert f"ExecStart={docker.exec_start} --registry-mirror=https://theirs" in lines
    assert docker_daemon.restarts(list(found))


def test_a_dormant_defaults_file_is_not_brought_to_life() -> None:
    """docker-ce's unit does not read it."""
    found = merged(wishing(("https://theirs",)), facts(CE, None, 'DOCKER_OPTS="--registry-mirror=https://mine"\n'))
    assert json.loads(text(found[docker_daemon.DAEMON])) == {"registry-mirrors": ["https://theirs"]}
    assert not docker_daemon.restarts(list(found))


def test_an_option_in_both_places_is_refused() -> None:
    about = facts(daemon='{"hosts": ["fd://"], "registry-mirrors": []}')
    found = docker_daemon.merge(wishing(("https://theirs",)), about)
    assert [one.message for one in found.conflicts] == [
        "`hosts` is in /etc/docker/daemon.json and on Docker's command line (-H): Docker would not start again"
    ]


def test_a_daemon_json_that_is_none_is_refused() -> None:
    found = docker_daemon.merge(wishing(("https://theirs",)), facts(daemon="{,}"))
    assert found.conflicts[0].message.startswith("/etc/docker/daemon.json cannot be read: ")
    assert found.files == ()


def test_a_proxy_is_a_file_of_its_own_that_nobody_else_can_read() -> None:
    found = merged(wishing(proxy=PROXY), facts(daemon="{}"))
    assert sorted(found) == sorted([docker_daemon.DROP_IN, docker_daemon.PROXY])
    secret = found[docker_daemon.PROXY]
    assert (secret.mode, secret.secret) == (0o600, True)
    assert "HTTP_PROXY=http://u:secret@10.0.0.1:3128\n" in text(secret)
    assert "NO_PROXY=localhost,127.0.0.1,192.168.200.13,172.16.0.0/16,100.0.0.0/16,.svc,.cluster.local\n" in text(
        secret
    )
    assert "secret" not in text(found[docker_daemon.DROP_IN])
    assert "ExecStart" not in text(found[docker_daemon.DROP_IN])


@pytest.mark.parametrize(
    ("docker", "daemon", "defaults", "place"),
    [
        (DEBIAN, '{"proxies": {"http-proxy": "http://other:1"}}', None, "`proxies` in /etc/docker/daemon.json"),
        (DEBIAN, None, "HTTP_PROXY=http://me:word@other:1\n", "its environment"),
        (replace(CE, environment=('"HTTPS_PROXY=http://other:1"',)), None, None, "its environment"),
        (replace(CE, exec_start="dockerd --http-proxy=http://other:1"), None, None, "its command line"),
    ],
)
def test_another_proxy_is_refused_and_its_password_not_told(
    docker: DockerFact, daemon: str | None, defaults: str | None, place: str
) -> None:
    found = docker_daemon.merge(wishing(proxy=PROXY), facts(docker, daemon, defaults))
    assert len(found.conflicts) == 1
    assert place in found.conflicts[0].message
    assert "word" not in repr(found.conflicts[0])
    assert "secret" not in repr(found.conflicts[0])


def test_the_same_proxy_is_left_where_it_is() -> None:
    own = f"HTTP_PROXY={PROXY.http}\nHTTPS_PROXY='{PROXY.https}'\n"
    assert merged(wishing(proxy=PROXY), facts(defaults=own)) == {}


def test_export_lines_are_kept_and_warned_about_without_their_value() -> None:
    found = docker_daemon.merge(CLUSTER, facts(defaults="# mine\nexport HTTP_PROXY=http://me:word@other:1\n"))
    assert found.files == ()
    assert [(one.severity, one.message, one.fix) for one in found.conflicts] == [
        (
            "warning",
            "/etc/default/docker:2: `export HTTP_PROXY=...` is read by no unit: systemd takes no `export`",
            "write HTTP_PROXY=... without it, if Docker is to see it",
        )
    ]


def merged_before(original: str | None, now: str, recorded: str) -> Facts:
    """A node where kubeup merged something once."""
    path = docker_daemon.DAEMON
    owned = Owned("file", path, sha256(recorded.encode()), original is not None)
    files = {path: file(path, now)}
    if original is not None:
        files[ORIGINAL + path] = file(ORIGINAL + path, original)
    return Facts(docker=DEBIAN, files=files, record=Record(meta={"generation": "1"}, owned={path: owned}))


def test_a_second_merge_starts_from_the_original() -> None:
    original, first = '{"debug": true}', '{\n  "debug": true,\n  "insecure-registries": [\n    "old:5000"\n  ]\n}\n'
    found = merged(wishing(insecure=("new:5000",)), merged_before(original, first, first))
    content = json.loads(text(found[docker_daemon.DAEMON]))
    assert content == {"debug": True, "insecure-registries": ["new:5000"]}


def test_someone_s_later_change_is_kept_and_no_reason_to_write() -> None:
    first = '{"insecure-registries": ["a:1"]}'
    edited = '{"insecure-registries": ["a:1"], "debug": true}'
    found = merged(wishing(insecure=("a:1",)), merged_before(None, edited, first))
    assert text(found[docker_daemon.DAEMON]) == edited


def test_two_later_changes_are_refused() -> None:
    first = '{"insecure-registries": ["a:1"]}'
    edited = '{"insecure-registries": ["a:1"], "debug": true}'
    found = docker_daemon.merge(wishing(insecure=("a:1", "b:2")), merged_before(None, edited, first))
    assert "was changed by someone since" in found.conflicts[0].message


@pytest.mark.parametrize(
    ("daemon", "defaults", "grow"),
    [
        (None, None, True),
        ('{"log-level": "warn"}', None, True),
        ('{"log-opts": {"max-size": "10m"}}', None, False),
        ('{"log-driver": "local"}', None, False),
        ('{"log-driver": "journald"}', None, False),
        ('{"log-driver": "json-file"}', None, True),
        (None, 'DOCKER_OPTS="--log-opt max-size=10m"\n', False),
        (None, 'DOCKER_OPTS="--log-opt=max-size=10m --log-opt=max-file=3"\n', False),
        (None, 'DOCKER_OPTS="--log-driver=journald"\n', False),
        ("{", None, False),
    ],
)
def test_a_docker_whose_logs_never_end_is_known(daemon: str | None, defaults: str | None, grow: bool) -> None:
    assert docker_daemon.logs_grow(facts(daemon=daemon, defaults=defaults)) is grow


def test_the_docker_that_kubeup_installed_ends_its_logs() -> None:
    owned = {docker_daemon.UNIT_PATH: Owned("file", docker_daemon.UNIT_PATH, "", False)}
    assert docker_daemon.logs_grow(replace(facts(), record=Record(owned=owned))) is False
    assert docker_daemon.logs_grow(Facts()) is False


def test_a_daemon_json_that_is_a_link_is_not_replaced_by_one_without_its_options() -> None:
    link = FileFact(docker_daemon.DAEMON, "link", 0o777, "root:root", target="/srv/docker.json")
    about = replace(facts(), files={docker_daemon.DAEMON: link})
    found = docker_daemon.merge(wishing(("https://theirs",)), about)
    assert found.files == ()
    assert [(one.message, one.fix) for one in found.conflicts] == [
        (
            "/etc/docker/daemon.json is a link, and kubeup merges the profile into files only",
            "put the file itself there: "
            'cp --remove-destination "$(readlink -f /etc/docker/daemon.json)" /etc/docker/daemon.json',
        )
    ]
    assert docker_daemon.merge(CLUSTER, about).conflicts == ()
