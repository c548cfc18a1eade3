"""The way back where others were at work meanwhile: their files, folders, sockets and settings stay."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeup.model.resources import Directory, File, SideEffect
from tests.support.sandbox import Sandbox
from tests.support.sandbox_runs import done, down, up, wish

STATE = "/run/kube-containerd"
TASKS = f"{STATE}/io.containerd.runtime.v2.task/k8s.io"


def saved(lines: list[str]) -> list[str]:
    return [line.split("\t")[2] for line in lines if line.startswith("note\tsaved\t")]


def left(lines: list[str]) -> list[str]:
    return [line.split("\t")[2] for line in lines if line.startswith("note\tleft\t")]


@dataclass(frozen=True)
class Theirs:
    """What stood where kubeup puts a file. target: of a link; else there is a file."""

    content: bytes
    mode: int
    target: str = ""


texts = st.sampled_from([b"", b"a=1", b"a=1\r\nb=2\r\n", b"\n\n", b"# mine\n\tb = 2", b"\xff\x00\n", b"'\"$x`y`\\\n"])
modes = st.sampled_from([0o644, 0o600, 0o640, 0o400, 0o755, 0o4711])
links = st.sampled_from(["/etc/hostname", "../hostname", "/nowhere/at all", "loop"])
standing = st.one_of(
    st.builds(Theirs, texts | st.binary(max_size=30), modes), st.builds(Theirs, st.just(b""), modes, links)
)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(standing, min_size=5, max_size=20), st.booleans())
def test_whatever_stood_where_kubeup_puts_a_file_is_there_again_after_down(
    sandbox: Sandbox, tmp_path: Path, them: list[Theirs], all_alike: bool
) -> None:
    """all_alike: kubeup wants the very bytes that are there already."""
    files = []
    for number, one in enumerate(them):
        path = sandbox.root / f"etc/theirs/{number} of them"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        if one.target:
            path.symlink_to(one.target)
        else:
            path.write_bytes(one.content)
            path.chmod(one.mode)
        wanted = one.content if all_alike and not one.target else b"kubeup's\n"
        files.append(File(f"/etc/theirs/{number} of them", wanted, component="thing"))
    before = sandbox.tree()
    assert done(up(sandbox, replace(wish(), files=(*wish().files, *files)), tmp_path))
    assert done(down(sandbox))
    (sandbox.root / "undone").unlink()
    assert sandbox.tree() == before
    shutil.rmtree(sandbox.root / "etc/theirs")


def test_a_file_saved_before_is_not_overwritten(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write("/etc/default/thing.kubeup-saved", "of last year\n")
    up(sandbox, wish(), tmp_path)
    sandbox.write("/etc/default/thing", "precious=1\n", 0o600)
    assert saved(down(sandbox)) == ["/etc/default/thing.kubeup-saved.2"]
    assert sandbox.read("/etc/default/thing.kubeup-saved") == "of last year\n"
    assert sandbox.read("/etc/default/thing.kubeup-saved.2") == "precious=1\n"
    assert (sandbox.root / "etc/default/thing.kubeup-saved.2").stat().st_mode & 0o777 == 0o600


def test_a_program_put_in_place_of_kubeup_s_link_is_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    up(sandbox, wish(), tmp_path)
    link = sandbox.root / "opt/thing/bin/thing"
    link.unlink()
    link.write_text("someone's own build\n")
    assert saved(down(sandbox)) == ["/opt/thing/bin/thing.kubeup-saved"]
    assert sandbox.read("/opt/thing/bin/thing.kubeup-saved") == "someone's own build\n"
    assert not link.exists()


def test_a_link_or_folder_put_in_place_of_a_file_is_kept_and_the_original_comes_back(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.write("/etc/default/thing", "mine=yes\n")
    up(sandbox, wish(), tmp_path)
    (sandbox.root / "etc/default/thing").unlink()
    (sandbox.root / "etc/default/thing").symlink_to("/etc/elsewhere")
    (sandbox.root / "etc/systemd/system/thing.service").unlink()
    sandbox.write("/etc/systemd/system/thing.service/x", "y")
    lines = down(sandbox)
    assert done(lines), lines
    assert sorted(saved(lines)) == [
        "/etc/default/thing.kubeup-saved",
        "/etc/systemd/system/thing.service.kubeup-saved",
    ]
    assert sandbox.read("/etc/default/thing") == "mine=yes\n"
    assert os.readlink(sandbox.root / "etc/default/thing.kubeup-saved") == "/etc/elsewhere"
    assert sandbox.read("/etc/systemd/system/thing.service.kubeup-saved/x") == "y"


def test_what_is_saved_in_a_folder_of_kubeup_s_stays_when_the_folder_goes(sandbox: Sandbox, tmp_path: Path) -> None:
    mine = Directory("/etc/kubeup", owned_recursively=True, component="thing")
    config = File("/etc/kubeup/thing.toml", b"a = 1\n", component="thing")
    other = File("/etc/kubeup/other.toml", b"b = 1\n", component="thing")
    wanted = replace(wish(), files=(*wish().files, config, other), directories=(*wish().directories, mine))
    up(sandbox, wanted, tmp_path)
    sandbox.write("/etc/kubeup/thing.toml", "a = 2\n")
    sandbox.write("/etc/kubeup/scratch/x", "y")
    lines = down(sandbox)
    assert done(lines), lines
    assert saved(lines) == ["/etc/kubeup/thing.toml.kubeup-saved"]
    assert [path.name for path in (sandbox.root / "etc/kubeup").iterdir()] == ["thing.toml.kubeup-saved"]


def test_what_a_killed_run_had_noted_and_not_yet_written_is_nobody_s_edit(sandbox: Sandbox, tmp_path: Path) -> None:
    before = sandbox.tree()
    up(sandbox, wish(), tmp_path)
    with open(sandbox.root / "var/lib/kubeup/record", "a") as record:
        record.write(f"own\t/etc/default/thing\tfile\t{'0' * 64}\tno\t-\n")
    lines = down(sandbox)
    assert saved(lines) == []
    (sandbox.root / "undone").unlink()
    assert sandbox.tree() == before


def test_what_someone_put_into_a_folder_that_kubeup_made_stays_and_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    up(sandbox, wish(), tmp_path)
    sandbox.write("/etc/thing/audit-policy.yaml", "rules: []\n")
    lines = down(sandbox)
    assert "/etc/thing is not empty: it stays" in left(lines)
    assert sandbox.read("/etc/thing/audit-policy.yaml") == "rules: []\n"


def test_only_our_shims_notes_leave_the_folder_they_share(sandbox: Sandbox, tmp_path: Path) -> None:
    folders = [SideEffect("folder", f"/run/containerd{end}") for end in ("/runc/k8s.io", "/runc", "/s", "")]
    up(
        sandbox,
        replace(wish(), side_effects=(SideEffect("shims", STATE), SideEffect("tree", STATE), *folders)),
        tmp_path,
    )
    sandbox.write(f"{TASKS}/abc/address", "unix:///run/containerd/s/0a1b")
    sandbox.write(f"{TASKS}/def/bootstrap.json", '{"version":2,"address":"unix:///run/containerd/s/2c3d","x":1}')
    for name in ("s/0a1b", "s/2c3d", "s/77", "runc/k8s.io/abc/state.json", "runc/moby/77/state.json"):
        sandbox.write(f"/run/containerd/{name}", "")
    assert done(down(sandbox))
    run = sandbox.root / "run"
    files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert files == {"containerd/s/77", "containerd/runc/moby/77/state.json"}
    assert not (run / "containerd/runc/k8s.io").exists()


def test_only_our_network_s_addresses_go(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write("/var/lib/cni/networks/podman/10.88.0.2", "x")
    before = sandbox.tree()
    folders = [SideEffect("folder", f"/var/lib/cni{end}") for end in ("/results", "/networks", "")]
    up(sandbox, replace(wish(), side_effects=(SideEffect("cni", "kubeup"), *folders)), tmp_path)
    for name in ("networks/kubeup/172.16.1.2", "results/kubeup-12ab-eth0", "results/cni-loopback-12ab-lo"):
        sandbox.write(f"/var/lib/cni/{name}", "x")
    assert done(down(sandbox))
    (sandbox.root / "undone").unlink()
    assert sandbox.tree() == before


def test_a_profile_that_the_runtime_loaded_is_taken_out_of_the_kernel(sandbox: Sandbox, tmp_path: Path) -> None:
    profiles = "/sys/kernel/security/apparmor/profiles"
    sandbox.write(profiles, "docker-default (enforce)\n")
    traces = (SideEffect("apparmor", "cri-containerd.apparmor.d"), SideEffect("apparmor", "docker-default"))
    up(sandbox, replace(wish(), side_effects=traces), tmp_path)
    sandbox.write(profiles, "docker-default (enforce)\ncri-containerd.apparmor.d (enforce)\n")
    assert done(down(sandbox))
    assert sandbox.read("/sys/kernel/security/apparmor/.remove") == "cri-containerd.apparmor.d"


@pytest.mark.parametrize(
    ("then", "now", "after"),
    [("262144", "ours", "262144"), ("262144", "500000", "500000"), ("262144", "262144", "262144")],
    ids=["kube-proxy's", "someone's", "untouched"],
)
def test_the_conntrack_table_is_as_large_as_before_unless_someone_changed_it(
    sandbox: Sandbox, tmp_path: Path, then: str, now: str, after: str
) -> None:
    path = "/proc/sys/net/netfilter/nf_conntrack_max"
    sandbox.write(path, f"{then}\n")
    up(sandbox, replace(wish(), side_effects=(SideEffect("sysctl", "net/netfilter/nf_conntrack_max"),)), tmp_path)
    ours = max(131072, 32768 * len(os.sched_getaffinity(0)))
    sandbox.write(path, f"{ours if now == 'ours' else now}\n")
    lines = down(sandbox)
    assert done(lines), lines
    assert sandbox.read(path) == f"{after}\n"
    assert bool(left(lines)) is (now == "500000")


# The routes into 172.16.0.0/16, one a line.
IP = """#!/bin/sh
case "$*" in
    "-4 route show root 172.16.0.0/16") cat "$KUBEUP_ROOT/routes" ;;
    "-4 route delete "*)
        shift 3
        grep -qxF "$*" "$KUBEUP_ROOT/routes" || exit 2
        { grep -vxF "$*" "$KUBEUP_ROOT/routes" || true; } >"$KUBEUP_ROOT/routes.new"
        mv "$KUBEUP_ROOT/routes.new" "$KUBEUP_ROOT/routes" ;;
esac
"""


def test_routes_to_other_nodes_pods_go_and_one_that_was_there_stays(sandbox: Sandbox, tmp_path: Path) -> None:
    own = "172.16.200.0/24 via 192.168.200.1 dev eth0\n"
    sandbox.write("/bin/ip", IP, 0o755)
    sandbox.write("/routes", own)
    up(sandbox, replace(wish(), side_effects=(SideEffect("routes", "172.16.0.0/16"),)), tmp_path)
    sandbox.write("/routes", f"172.16.1.0/24 via 192.168.200.14 dev eth0\n{own}172.16.2.0/24 dev lo scope link\n")
    lines = down(sandbox)
    assert done(lines), lines
    assert sandbox.read("/routes") == own


CONF = "/proc/sys/net/ipv4/conf"


def forward(sandbox: Sandbox, general: str, redirects: str, **links: str) -> None:
    sandbox.write("/proc/sys/net/ipv4/ip_forward", f"{general}\n")
    sandbox.write(f"{CONF}/all/accept_redirects", f"{redirects}\n")
    for name, value in {"all": general, "default": general, **links}.items():
        sandbox.write(f"{CONF}/{name}/forwarding", f"{value}\n")


def test_forwarding_goes_back_link_by_link_and_what_someone_switched_off_stays_off(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """The kernel, which changes all links with the general one, is played by hand: both ways."""
    sandbox.write("/bin/ip", "#!/bin/sh\nexit 1\n", 0o755)
    forward(sandbox, "0", "0", vpn0="1", eth0="0", wg1="1")
    up(sandbox, replace(wish(), side_effects=(SideEffect("forwarding", "net/ipv4", "1"),)), tmp_path)
    forward(sandbox, "1", "0", vpn0="1", eth0="1", wg1="0", cni0="1")
    assert done(down(sandbox))
    assert sandbox.read("/proc/sys/net/ipv4/ip_forward") == "0\n"
    assert sandbox.read(f"{CONF}/all/accept_redirects") == "0\n"
    assert {name: sandbox.read(f"{CONF}/{name}/forwarding") for name in ("vpn0", "eth0", "wg1")} == {
        "vpn0": "1\n",
        "eth0": "0\n",
        "wg1": "0\n",
    }


def test_forwarding_stays_on_for_a_docker_that_came_meanwhile(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write("/bin/ip", "#!/bin/sh\nexit 1\n", 0o755)
    forward(sandbox, "0", "1", eth0="0")
    up(sandbox, replace(wish(), side_effects=(SideEffect("forwarding", "net/ipv4", "1"),)), tmp_path)
    forward(sandbox, "1", "0", eth0="1")
    sandbox.write("/bin/ip", "#!/bin/sh\nexit 0\n", 0o755)
    lines = down(sandbox)
    assert left(lines) == ["net.ipv4.ip_forward stays 1: Docker, which came meanwhile, needs it"]
    assert sandbox.read("/proc/sys/net/ipv4/ip_forward") == "1\n"
