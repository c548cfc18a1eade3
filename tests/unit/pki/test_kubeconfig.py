"""The operator's kubeconfig: what is merged in, what is others', and what goes again."""

from __future__ import annotations

import base64
import datetime
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kubeup.model.errors import KubeupError
from kubeup.pki import issue, kubeconfig, kubeconfig_file, specs
from kubeup.pki.kubeconfig import Access
from kubeup.pki.kubeconfig_file import FileLocked

ACCESS = Access("https://10.0.0.1:6443", b"ca", b"cert", b"key")


MINE = """# my clusters
apiVersion: v1
kind: Config
current-context: work
clusters:
- name: work   # the office
  cluster: {server: "https://work:6443"}
users:
- name: me
  user: {token: abc}
contexts:
- name: work
  context: {cluster: work, user: me}
"""


def test_merge_keeps_what_is_there_and_remove_gives_it_back_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(MINE)
    merged = kubeconfig.merge(path, "demo", ACCESS)
    assert merged.backup
    assert merged.backup.read_text() == MINE
    text = path.read_text()
    assert "# the office" in text
    assert "current-context: demo" in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert kubeconfig.has(path, "demo", ACCESS.server)
    assert not kubeconfig.merge(path, "demo", ACCESS).changed
    assert kubeconfig.remove(path, "demo")
    assert path.read_text() == MINE
    assert not merged.backup.exists()


def test_what_changed_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(MINE)
    kubeconfig.merge(path, "demo", ACCESS)
    path.write_text(path.read_text().replace("https://work:6443", "https://moved:6443"))
    kubeconfig.remove(path, "demo")
    text = path.read_text()
    assert "https://moved:6443" in text
    assert "demo" not in text
    assert "current-context: work" in text


def test_a_file_that_was_not_there_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "kube" / "config"
    assert kubeconfig.merge(path, "demo", ACCESS).backup is None
    assert kubeconfig.remove(path, "demo")
    assert not path.exists()


def test_a_context_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config"
    mine = MINE.replace("- name: work   #", "- name: office   #").replace("cluster: work", "cluster: office")
    path.write_text(mine)
    with pytest.raises(KubeupError, match="did not write") as caught:
        kubeconfig.merge(path, "work", ACCESS)
    assert "kubectl config rename-context work work-other" in caught.value.fix
    assert path.read_text() == mine


def test_a_broken_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("{")
    with pytest.raises(KubeupError, match="cannot be read"):
        kubeconfig.merge(path, "demo", ACCESS)
    assert path.read_text() == "{"


USER = "users: [{name: demo, user: {token: abc}}]\n"
CLUSTER = "clusters: [{name: demo, cluster: {server: https://work:6443}}]\n"
REFUSED = {
    "a cluster of that name": (CLUSTER, "has a cluster demo that kubeup did not write"),
    "a user of that name": (USER, "has a user demo that kubeup did not write"),
    "both": (CLUSTER + USER, "has a cluster and user demo that kubeup did not write"),
    "no yaml": ("{", "cannot be read"),
    "no text": (b"\xff\xfe", "cannot be read"),
    "no mapping": ("[]", "is no mapping"),
    "entries that are none": ("clusters: yes\n", "is not as kubectl writes one"),
    "an entry that holds none": ("users: [{name: demo, user: me}]\n", "is not as kubectl writes one"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_merged_is_known_beforehand_and_left_alone(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    path = tmp_path / "config"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    refusal = kubeconfig.refusal({"KUBECONFIG": str(path)}, "demo")
    assert refusal
    assert words in refusal.message
    assert refusal.exit_code == 2
    assert refusal.fix
    with pytest.raises(KubeupError, match=re.escape(words)):
        kubeconfig.merge(path, "demo", ACCESS)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["folder", "file/config", "file/kube/config"])
def test_a_file_that_cannot_be_there_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    refusal = kubeconfig.refusal({"KUBECONFIG": str(tmp_path / name)}, "demo")
    assert refusal
    with pytest.raises(KubeupError, match="cannot be"):
        kubeconfig.merge(tmp_path / name, "demo", ACCESS)


@pytest.mark.parametrize("name", ["config", "kube/deeper/config"])
def test_a_file_that_can_be_made_is_not_refused_and_not_made_yet(tmp_path: Path, name: str) -> None:
    assert kubeconfig.refusal({"KUBECONFIG": str(tmp_path / name)}, "demo") is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("value", "path"), {":/x": "/x", "/a:/b": "/a", "::/x:": "/x"}.items())
def test_the_file_is_the_first_that_kubectl_reads(value: str, path: str) -> None:
    assert kubeconfig.default_path({"KUBECONFIG": value}) == Path(path)


def test_a_variable_that_names_no_file_is_wrong_use() -> None:
    refusal = kubeconfig.refusal({"KUBECONFIG": ":"}, "demo")
    assert refusal
    assert refusal.message == "KUBECONFIG=: names no file"
    assert kubeconfig.default_path({"KUBECONFIG": ""}) == Path.home() / ".kube/config"


def test_a_user_that_somebody_changed_is_neither_overwritten_nor_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(MINE)
    kubeconfig.merge(path, "demo", ACCESS)
    path.write_text(path.read_text().replace("client-key-data: a2V5", "token: mine"))
    with pytest.raises(KubeupError, match="has a user demo that kubeup did not write"):
        kubeconfig.merge(path, "demo", ACCESS)
    assert kubeconfig.remove(path, "demo")
    left = path.read_text()
    assert "token: mine" in left
    assert "10.0.0.1" not in left
    assert "current-context: work" in left


def test_a_namespace_chosen_for_the_context_outlives_a_renewal(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfig.merge(path, "demo", ACCESS)
    path.write_text(path.read_text().replace("    user: demo", "    user: demo\n    namespace: shop"))
    kubeconfig.merge(path, "demo", replace(ACCESS, cert=b"renewed"))
    assert "namespace: shop" in path.read_text()
    assert base64.b64encode(b"renewed").decode() in path.read_text()


NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
CA, OTHER_CA = (issue.authority(specs.CERTIFICATE_AUTHORITIES[0], NOW) for _ in range(2))
SIGNED = issue.certificate(specs.admin(), CA, NOW)
GOOD = Access(ACCESS.server, CA.cert_pem, SIGNED.cert_pem, SIGNED.key_pem)
STALE = {
    "another server": (replace(GOOD, server="https://10.0.0.9:6443"), 0),
    "another authority": (replace(GOOD, ca=OTHER_CA.cert_pem), 0),
    "a certificate that another authority signed": (
        replace(GOOD, cert=issue.certificate(specs.admin(), OTHER_CA, NOW).cert_pem),
        0,
    ),
    "no certificate": (replace(GOOD, cert=b"cert"), 0),
    "a certificate that runs out": (GOOD, specs.admin().lifetime_days - 30),
    "an expired certificate": (GOOD, specs.admin().lifetime_days + 1),
}


@pytest.mark.parametrize(("access", "days"), STALE.values(), ids=STALE)
def test_an_entry_of_kubeup_s_own_that_is_stale_is_not_taken_for_current(
    tmp_path: Path, access: Access, days: int
) -> None:
    def current() -> bool:
        later = NOW + datetime.timedelta(days=days)
        return kubeconfig.is_current(path, "demo", GOOD.server, GOOD.ca, specs.admin(), later)

    path = tmp_path / "config"
    kubeconfig.merge(path, "demo", access)
    assert not current()
    renewed = issue.certificate(specs.admin(), CA, NOW + datetime.timedelta(days=days))
    kubeconfig.merge(path, "demo", replace(GOOD, cert=renewed.cert_pem, key=renewed.key_pem))
    assert current()


@pytest.mark.parametrize("name", ["2024", "yes", "no", "y", "null", "1e3"])
def test_a_name_that_yaml_reads_as_something_else_is_a_word_for_kubectl(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config"
    path.write_text(MINE.replace(": work", ': "on"'))
    kubeconfig.merge(path, name, ACCESS)
    text = path.read_text()
    lines = [line for line in text.split("\n") if re.search(rf"\b{name}\b", line)]
    assert len(lines) == 6, text
    assert all(re.search(rf"(['\"]){name}\1", line) for line in lines), text
    assert len(re.findall('"on"', text)) == 4, "what others quoted stays so, and so does what comes back"
    assert kubeconfig.has(path, name, ACCESS.server)
    assert kubeconfig.remove(path, name)
    assert path.read_text() == MINE.replace(": work", ': "on"')


def test_what_is_so_already_is_not_written_anew(tmp_path: Path) -> None:
    """Also where kubectl wrote the file meanwhile, in its own order and form."""
    path = tmp_path / "config"
    path.write_text(MINE)
    kubeconfig.merge(path, "demo", ACCESS)
    by_kubectl = json.dumps(YAML(typ="safe").load(path.read_text()))
    path.write_text(by_kubectl)
    before = path.stat().st_mtime_ns
    assert not kubeconfig.merge(path, "demo", ACCESS).changed
    assert (path.read_text(), path.stat().st_mtime_ns) == (by_kubectl, before)


@pytest.mark.parametrize(("mode", "becomes"), [(0o600, 0o600), (0o640, 0o640), (0o400, 0o400), (0o644, 0o600)], ids=oct)
def test_a_file_stays_for_whom_it_is_but_is_not_for_everybody(tmp_path: Path, mode: int, becomes: int) -> None:
    path = tmp_path / "config"
    path.write_text(MINE)
    path.chmod(mode)
    merged = kubeconfig.merge(path, "demo", ACCESS)
    assert merged.backup
    for one in (path, merged.backup):
        assert one.stat().st_mode & 0o777 == becomes
    kubeconfig.remove(path, "demo")
    assert path.stat().st_mode & 0o777 == becomes


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    path, real = tmp_path / "config", tmp_path / "dotfiles/kubeconfig"
    real.write_text(MINE)
    path.symlink_to("dotfiles/kubeconfig")
    kubeconfig.merge(path, "demo", ACCESS)
    assert os.readlink(path) == "dotfiles/kubeconfig"
    assert "current-context: demo" in real.read_text()
    kubeconfig.remove(path, "demo")
    assert os.readlink(path) == "dotfiles/kubeconfig"
    assert real.read_text() == MINE


def test_nothing_is_written_while_kubectl_writes(tmp_path: Path) -> None:
    path, lock = tmp_path / "config", tmp_path / "config.lock"
    path.write_text(MINE)
    kubeconfig.merge(path, "demo", ACCESS)
    assert not lock.exists()
    text = path.read_text()
    lock.touch(mode=0)
    refusal = kubeconfig.refusal({"KUBECONFIG": str(path)}, "demo")
    assert refusal
    assert refusal.message == f"the kubeconfig {path} is being written by another program"
    assert refusal.fix.endswith(f"it was left behind: rm -f {lock}")
    with pytest.raises(FileLocked):
        kubeconfig.merge(path, "demo", GOOD)
    with pytest.raises(FileLocked):
        kubeconfig.remove(path, "demo")
    assert path.read_text() == text
    assert lock.exists(), "it is kubectl's"


def test_kubectl_does_not_write_while_kubeup_does(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config"
    with kubeconfig_file.locked(path), pytest.raises(FileExistsError):
        os.open(f"{path}.lock", os.O_CREAT | os.O_EXCL, 0)
    assert not os.path.lexists(f"{path}.lock")


def environment(*paths: Path) -> dict[str, str]:
    return {"KUBECONFIG": os.pathsep.join(map(str, paths))}


def test_of_several_files_the_one_that_has_the_cluster_is_renewed(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    second.write_text(MINE)
    every = environment(first, second, third)
    assert kubeconfig.default_path(every, "demo") == second, "kubectl writes into the first one that is there"
    third.write_text(MINE.replace("work", "home"))
    kubeconfig.merge(third, "demo", ACCESS)
    assert kubeconfig.default_path(every, "demo") == third
    assert kubeconfig.default_path(every, "other") == second
    assert kubeconfig.refusal(every, "demo") is None


def test_an_entry_of_somebody_else_in_any_of_several_files_is_not_hidden(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(MINE)
    second.write_text(USER)
    refusal = kubeconfig.refusal(environment(first, second), "demo")
    assert refusal
    assert refusal.message == f"{second} has a user demo that kubeup did not write"


def test_a_file_of_somebody_s_that_is_called_like_a_backup_stays(
    tmp_path: Path,
) -> None:
    path, theirs = tmp_path / "config", tmp_path / "config.before-demo"
    path.write_text(MINE)
    theirs.write_text("mine, too\n")
    merged = kubeconfig.merge(path, "demo", ACCESS)
    assert merged.backup == tmp_path / "config.before-demo.2"
    kubeconfig.merge(path, "demo", replace(ACCESS, cert=b"renewed"))
    kubeconfig.remove(path, "demo")
    assert path.read_text() == MINE
    assert sorted(one.name for one in tmp_path.iterdir()) == ["config", "config.before-demo"]
    assert theirs.read_text() == "mine, too\n"


def test_a_backup_with_what_the_file_has_no_more_stays(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(MINE)
    kubeconfig.merge(path, "demo", ACCESS)
    document = YAML(typ="safe").load(path.read_text())
    document["users"] = [one for one in document["users"] if one["name"] != "me"]
    path.write_text(json.dumps(document))
    kubeconfig.remove(path, "demo")
    assert (tmp_path / "config.before-demo").read_text() == MINE


def test_preferences_alone_keep_a_file(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfig.merge(path, "demo", ACCESS)
    path.write_text(path.read_text() + "preferences: {colors: true}\n")
    kubeconfig.remove(path, "demo")
    assert YAML(typ="safe").load(path.read_text())["preferences"] == {"colors": True}
