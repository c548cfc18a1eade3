"""The operator's kubeconfig: what is merged in, what is others', and what goes again."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeup.model.errors import KubeupError
from kubeup.pki import kubeconfig
from kubeup.pki.kubeconfig import Access

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
    path.write_text(MINE)
    with pytest.raises(KubeupError, match="did not write") as caught:
        kubeconfig.merge(path, "work", ACCESS)
    assert "kubectl config rename-context work work-other" in caught.value.fix
    assert path.read_text() == MINE


def test_a_broken_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("{")
    with pytest.raises(KubeupError, match="cannot be read"):
        kubeconfig.merge(path, "demo", ACCESS)
    assert path.read_text() == "{"
