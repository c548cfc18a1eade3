"""Folders of data: on a disk of their own, behind a link, or with something in them already."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.model.resources import Directory
from tests.support.sandbox import Sandbox
from tests.support.sandbox_runs import ask, done, down, plan, up, wish

DATA = "/var/lib/thing"


@pytest.fixture
def mounted(sandbox: Sandbox) -> Iterator[Sandbox]:
    """With a disk at DATA/disk, in a mount namespace of its own."""
    disk = sandbox.root / "var/lib/thing/disk"
    disk.mkdir(parents=True)
    script = f"mount -t tmpfs none '{disk}' && echo precious >'{disk}/file' && echo ready && cat"
    begin = ["unshare", "--map-root-user", "--mount", "sh", "-c", script]
    with subprocess.Popen(begin, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin
        assert holder.stdout
        if holder.stdout.readline() != b"ready\n":
            pytest.skip("this machine lets nobody mount anything in a namespace of its own")
        sandbox.inside = ("nsenter", "--user", "--mount", "--preserve-credentials", "--target", str(holder.pid))
        yield sandbox
        holder.stdin.close()


def run(box: Sandbox, command: str) -> str:
    return subprocess.run([*box.inside, "sh", "-c", command], capture_output=True, text=True, check=True).stdout


def test_a_disk_of_its_own_may_have_lost_and_found_and_disks_mounted_in_it(mounted: Sandbox, tmp_path: Path) -> None:
    (mounted.root / "var/lib/thing/lost+found").mkdir()
    assert ask(mounted, wish()).inside == {}
    lines = up(mounted, wish(), tmp_path)
    assert done(lines), lines
    assert plan(mounted, wish())[0].empty
    mounted.write(f"{DATA}/member/wal/0.wal", "data")
    mounted.write(f"{DATA}/.hidden", "data")
    assert done(down(mounted))
    assert sorted(path.name for path in (mounted.root / "var/lib/thing").iterdir()) == ["disk", "lost+found"]
    assert run(mounted, f"cat '{mounted.root}/var/lib/thing/disk/file'") == "precious\n", "it is still mounted"


def test_what_is_mounted_by_what_ran_goes(mounted: Sandbox, tmp_path: Path) -> None:
    assert done(up(mounted, wish(), tmp_path))
    pod = mounted.root / "var/lib/thing/pods/volume"
    pod.mkdir(parents=True)
    run(mounted, f"mount -t tmpfs none '{pod}'")
    assert done(down(mounted))
    assert [path.name for path in (mounted.root / "var/lib/thing").iterdir()] == ["disk"]


def test_what_else_lies_there_is_seen_before_anything_is_touched_and_refused_by_the_node_too(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.write(f"{DATA}/precious", "x")
    sandbox.write(f"{DATA}/.hidden", "x")
    (sandbox.root / "var/lib/thing/lost+found").mkdir()
    assert ask(sandbox, wish()).inside == {DATA: (".hidden", "precious")}
    lines = up(sandbox, wish(), tmp_path)
    assert "failed\t/var/lib/thing is not empty, and what is in it is not kubeup's" in lines
    down(sandbox)
    assert sandbox.read(f"{DATA}/precious") == "x"


def test_a_folder_may_be_a_link_to_where_there_is_room(sandbox: Sandbox, tmp_path: Path) -> None:
    link, real = sandbox.root / "var/lib/thing", sandbox.root / "data/thing"
    real.mkdir(parents=True)
    link.symlink_to(real)
    assert done(up(sandbox, wish(), tmp_path))
    assert plan(sandbox, wish())[0].empty
    sandbox.write(f"{DATA}/pods/token", "secret")
    assert done(down(sandbox))
    assert link.is_symlink()
    assert list(real.iterdir()) == []


def test_mounts_behind_a_link_are_found(mounted: Sandbox, tmp_path: Path) -> None:
    link, real = mounted.root / "var/lib/thing", mounted.root / "data/thing"
    (mounted.root / "data").mkdir()
    run(mounted, f"umount '{link}/disk' && rmdir '{link}/disk' && mv '{link}' '{real}' && ln -s '{real}' '{link}'")
    assert done(up(mounted, wish(), tmp_path))
    (real / "pods").mkdir()
    run(mounted, f"mount -t tmpfs none '{real}/pods' && touch '{real}/pods/token'")
    assert done(down(mounted))
    assert link.is_symlink()
    assert list(real.iterdir()) == []


def test_a_folder_that_was_moved_and_became_a_link_meanwhile_is_emptied_too(sandbox: Sandbox, tmp_path: Path) -> None:
    assert done(up(sandbox, wish(), tmp_path))
    link, real = sandbox.root / "var/lib/thing", sandbox.root / "data/thing"
    real.parent.mkdir()
    link.rename(real)
    link.symlink_to(real)
    sandbox.write(f"{DATA}/token", "secret")
    assert done(down(sandbox))
    assert list(real.iterdir()) == []


def test_a_link_to_nowhere_is_no_folder(sandbox: Sandbox) -> None:
    (sandbox.root / "var/lib/thing").symlink_to("/nowhere")
    assert not ask(sandbox, wish()).file(DATA).is_folder


def test_a_disk_that_was_mounted_in_kubeup_s_own_folder_stays(mounted: Sandbox, tmp_path: Path) -> None:
    """As a dataset of ZFS for containerd's images is."""
    disk = mounted.root / "var/lib/kubeup/containerd/images"
    disk.mkdir(parents=True)
    run(mounted, f"mount -t tmpfs none '{disk}' && echo x >'{disk}/file'")
    root = Directory("/var/lib/kubeup/containerd", owned_recursively=True, component="thing")
    wanted = replace(wish(), directories=(root,))
    assert done(up(mounted, wanted, tmp_path))
    mounted.write("/var/lib/kubeup/containerd/metadata/db", "x")
    assert done(down(mounted))
    assert run(mounted, f"cd '{mounted.root}/var/lib/kubeup' && find . -type f") == "./containerd/images/file\n"


def test_kubeup_s_own_folder_may_be_a_link_and_a_disk_with_lost_and_found(sandbox: Sandbox, tmp_path: Path) -> None:
    link, real = sandbox.root / "var/lib/kubeup", sandbox.root / "data/kubeup"
    (real / "lost+found").mkdir(parents=True)
    link.symlink_to(real)
    assert not ask(sandbox, wish()).home
    assert done(up(sandbox, wish(), tmp_path))
    assert plan(sandbox, wish())[0].empty
    assert done(down(sandbox))
    assert [path.name for path in real.iterdir()] == ["lost+found"]
    assert not ask(sandbox, wish()).home


def test_a_disk_that_lets_nothing_run_is_seen_also_where_it_is_mounted_over_another(mounted: Sandbox) -> None:
    """Both are known to mount at the same place; the last one is what a program would meet."""
    store = mounted.root / "var/lib/kubeup"
    store.mkdir(parents=True)
    run(mounted, f"mount -t tmpfs none '{store}' && mount -t tmpfs -o noexec,size=3m none '{store}'")
    facts = ask(mounted, wish())
    mount, options = facts.mounted["/var/lib/kubeup"]
    assert mount == "/var/lib/kubeup"
    assert "noexec" in options
    assert facts.disk("/var/lib/kubeup").size == 3 << 20
    assert "noexec" not in facts.mounted["/etc"][1]
