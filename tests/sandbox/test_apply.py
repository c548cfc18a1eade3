"""The node's half of kubeup, run for real in a temporary root."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.model.cluster import Proxy
from kubeup.model.facts import FAMILIES
from kubeup.model.resources import Binary, File, ProbeRequest, sha256
from kubeup.node.agent.probe import probe_script
from kubeup.node.wire import payload
from kubeup.node.wire.payload import Payload, level_payload, stage_payload
from kubeup.node.wire.remote_commands import Kind
from kubeup.plan.steps import NodePlan
from kubeup.plan.waves import Gate
from kubeup.release.artifacts import Download
from tests.support.sandbox import Sandbox
from tests.support.sandbox_runs import BINARY, ask, done, down, inquiry, plan, up, wish


def test_up_puts_everything_in_place_and_a_second_one_has_nothing_to_do(sandbox: Sandbox, tmp_path: Path) -> None:
    assert done(up(sandbox, wish(), tmp_path))
    assert sandbox.read("/etc/default/thing") == "flag=1\n"
    assert (sandbox.root / "etc/thing/secret.key").stat().st_mode & 0o777 == 0o600
    assert (sandbox.root / "opt/thing/bin/thing").readlink() == Path(f"/var/lib/kubeup/store/{sha256(BINARY)}/thing")
    assert sandbox.read("/units/thing.service") == "active\n"
    found, _ = plan(sandbox, wish())
    assert found.empty, found.steps


def test_down_leaves_the_root_as_it_was_byte_for_byte(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write("/etc/default/thing", "mine=yes\n", 0o640)
    before = sandbox.tree()
    assert done(up(sandbox, wish(), tmp_path))
    assert sandbox.read("/etc/default/thing") == "flag=1\n"
    sandbox.write("/var/lib/thing/data", "x")
    assert done(down(sandbox))
    (sandbox.root / "undone").unlink()
    assert sandbox.tree() == before


def test_what_someone_edited_is_kept_beside(sandbox: Sandbox, tmp_path: Path) -> None:
    up(sandbox, wish(), tmp_path)
    sandbox.write("/etc/default/thing", "precious=1\n")
    lines = down(sandbox)
    assert "note\tsaved\t/etc/default/thing.kubeup-saved" in lines
    assert sandbox.read("/etc/default/thing.kubeup-saved") == "precious=1\n"
    assert not (sandbox.root / "etc/default/thing").exists()


def test_a_unit_that_does_not_get_ready_shows_its_journal_and_the_next_run_mends_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    lines = up(sandbox, wish(ready="false"), tmp_path)
    assert "failed\tthing.service did not become ready within 3 s" in lines
    assert "out\tthe unit said: no such flag" in lines
    found, _ = plan(sandbox, wish())
    assert [start.unit.name for start in found.starts] == ["thing.service"]
    assert done(up(sandbox, wish(), tmp_path))
    assert plan(sandbox, wish())[0].empty


def test_a_unit_that_comes_up_by_itself_meanwhile_is_left_to_it(sandbox: Sandbox, tmp_path: Path) -> None:
    """As after a reboot: the probe saw it starting, and by the time of the trip it runs."""
    assert done(up(sandbox, wish(), tmp_path))
    assert sandbox.read("/began") == "thing.service\n"
    sandbox.write("/units/thing.service", "activating\n")
    found, facts = plan(sandbox, wish())
    assert [start.why for start in found.starts] == [("it is not running",)]
    sandbox.write("/units/thing.service", "active\n")
    generation = facts.record.generation
    assert done(sandbox.carry_out(level_payload(found.levels[0], generation, generation + 1, "ann@laptop", {})))
    assert sandbox.read("/began") == "thing.service\n"
    assert plan(sandbox, wish())[0].empty
    # One that read something else is begun anew, whatever it does.
    sandbox.write("/units/thing.service", "activating\n")
    assert done(up(sandbox, wish("flag=2\n"), tmp_path))
    assert sandbox.read("/began") == "thing.service\n" * 2


def test_a_failed_action_is_told_with_its_output_and_tried_again(sandbox: Sandbox, tmp_path: Path) -> None:
    lines = up(sandbox, wish(action="echo why not; exit 3"), tmp_path)
    assert "out\twhy not" in lines
    assert "failed\tit did not succeed" in lines
    record = sandbox.probe(ProbeRequest()).record
    assert record.actions == ("act",)
    assert not record.did("act")
    assert done(up(sandbox, wish(), tmp_path))


def test_a_node_whose_gate_stays_shut_is_not_touched_and_says_what_is_in_the_way(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    assert done(up(sandbox, wish(), tmp_path))
    found, facts = plan(sandbox, wish("flag=2\n"))
    before, generation = touchable(sandbox), facts.record.generation
    gate = Gate(
        "waiting for two", "echo node4 is not healthy; false", "too few; nothing was touched", "mend", timeout=1
    )
    trip = level_payload(found.levels[0], generation, generation + 1, "ann@laptop", {}, (gate,))
    lines = sandbox.carry_out(trip)
    assert lines[-3:-1] == ["out\tnode4 is not healthy", "failed\ttoo few; nothing was touched"]
    assert "live\tnode4 is not healthy" in lines
    step = int(next(line for line in reversed(lines) if line.startswith("step")).split("\t")[1])
    assert (trip.titles[step - 1], trip.gates[step]) == ("waiting for two", gate)
    assert touchable(sandbox) == before


def test_an_action_that_says_nothing_for_long_gives_signs_of_life_and_leaves_nobody_who_does(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Who only follows a node does not wait for one that is silent; and who is done lets go of the connection."""
    lines = up(sandbox, wish(action="sleep 2.5"), tmp_path)
    assert done(lines)
    assert lines.count("wait") == 2


def touchable(sandbox: Sandbox) -> dict[str, tuple[int, str]]:
    """All but what a trip brings along, and who held the lock last."""
    passing = ("var/lib/kubeup/incoming", "var/lib/kubeup/lock")
    return {path: what for path, what in sandbox.tree().items() if not path.startswith(passing)}


def test_a_gate_that_opens_after_a_moment_lets_the_node_go_on(sandbox: Sandbox, tmp_path: Path) -> None:
    assert done(up(sandbox, wish(), tmp_path))
    found, facts = plan(sandbox, wish("flag=2\n"))
    counted = tmp_path / "asked"
    gate = Gate("waiting", f"echo x >>{counted}; test $(wc -l <{counted}) -ge 3", "never", "mend")
    staged = stage_payload(found, facts.record.generation, 8, "ann@laptop", {}, {}, {})
    assert done(sandbox.carry_out(staged))
    assert done(sandbox.carry_out(level_payload(found.levels[0], 8, 9, "ann@laptop", {}, (gate,))))
    assert counted.read_text() == "x\n" * 3
    assert plan(sandbox, wish("flag=2\n"))[0].empty


def test_a_plan_of_yesterday_is_refused_with_who_changed_the_node_since(sandbox: Sandbox, tmp_path: Path) -> None:
    stale, facts = plan(sandbox, wish())
    assert done(up(sandbox, wish(), tmp_path))
    source = tmp_path / "thing"
    lines = sandbox.carry_out(stage_payload(stale, 0, 1, "bob@desk", {}, {sha256(BINARY): source}, facts.pieces))
    refused = next(line for line in lines if line.startswith("failed"))
    assert "changed meanwhile by ann@laptop at 20" in refused


def test_bytes_that_arrived_are_not_sent_again(sandbox: Sandbox, tmp_path: Path) -> None:
    found, facts = plan(sandbox, wish())
    source = tmp_path / "thing"
    source.write_bytes(BINARY)
    paths = {sha256(BINARY): source}
    whole = b"".join(bytes(c) for c in payload.stream(stage_payload(found, 0, 1, "a", {}, paths, facts.pieces)))
    reply = sandbox.send(Kind.APPLY, whole[: len(whole) - len(BINARY) // 2 - 1024])
    assert b"failed\tunpacking" in reply.stdout
    arrived = ask(sandbox, wish()).pieces[sha256(BINARY)]
    assert 0 < arrived < len(BINARY)
    trip = stage_payload(found, 0, 1, "a", {}, paths, {sha256(BINARY): arrived})
    assert payload.size_of(trip) < len(BINARY) - arrived + 1000
    assert done(sandbox.carry_out(trip))


def test_bytes_that_arrived_whole_and_were_not_taken_in_yet_are_not_sent_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    source = tmp_path / "thing"
    source.write_bytes(BINARY)
    sandbox.write(f"/var/lib/kubeup/incoming/piece/{sha256(BINARY)}.000000000000", BINARY.decode())
    found, facts = plan(sandbox, wish())
    trip = stage_payload(found, 0, 1, "a", {}, {sha256(BINARY): source}, facts.pieces)
    assert payload.size_of(trip) < 1000
    assert BINARY[:1000] not in b"".join(bytes(chunk) for chunk in payload.stream(trip))
    assert done(sandbox.carry_out(trip))
    assert not plan(sandbox, wish())[0].binaries


def test_bytes_that_are_not_what_they_should_be_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    found, facts = plan(sandbox, wish())
    source = tmp_path / "thing"
    source.write_bytes(b"x" * len(BINARY))
    lines = sandbox.carry_out(stage_payload(found, 0, 1, "a", {}, {sha256(BINARY): source}, facts.pieces))
    refused = next(line for line in lines if line.startswith("failed"))
    assert sha256(b"x" * len(BINARY)) in refused
    assert sha256(BINARY) in refused
    assert not list((sandbox.root / "var/lib/kubeup/store").glob("*/thing"))


def test_the_probe_touches_nothing_and_survives_odd_names(sandbox: Sandbox) -> None:
    odd = '/etc/it\'s a "file" with $HOME `x`'
    sandbox.write(odd, "content\n")
    before = sandbox.tree()
    facts = sandbox.probe(ProbeRequest(files=(odd, "/etc/none"), contents=(odd,)))
    assert sandbox.tree() == before
    assert facts.file(odd).content == b"content\n"
    assert facts.file(odd).sha256 == sha256(b"content\n")
    assert not facts.file("/etc/none").exists
    assert facts.hostname
    sandbox.write("/var/lib/any", "")
    facts = sandbox.probe(ProbeRequest())
    disk = shutil.disk_usage(sandbox.root)
    assert facts.inotify_limit == int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    found = facts.disk("/var/lib/kubeup")
    assert found.size == disk.total
    assert found.free == pytest.approx(disk.free, rel=0.1)
    assert set(facts.disks) == {"/var/lib/kubeup", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/docker"}
    assert set(facts.mounted) == {"/etc", "/opt", "/var/lib/kubeup"}


def test_every_line_that_the_probe_prints_is_one_that_a_family_of_facts_reads(sandbox: Sandbox, tmp_path: Path) -> None:
    assert done(up(sandbox, wish(), tmp_path))
    asks = (("b", "echo x; echo y >&2"),)
    request = replace(inquiry(wish()), checks=(("a", "true"),), asks=asks, units=("thing.service",), ports=(22, 6443))
    text = sandbox.send(Kind.PROBE, probe_script(request)).stdout.partition(b"\ntar\n")[0].decode()
    printed = {line.partition("\t")[0] for line in text.partition("kubeup-probe 1\n")[2].split("\n")}
    scripts = "\n".join(family.script.read_text() for family in FAMILIES)
    assert len(printed) > 15
    assert [kind for kind in printed if not re.search(rf"\b(fact|each) {kind}\b", scripts)] == []


@pytest.mark.parametrize(
    ("late", "told"),
    [
        (
            'sleep 0.5; echo failed >"$1/units/$2"; echo new >"$1/invocations/$2"',
            "thing.service did not become ready within 3 s",
        ),
        ("true", "thing.service was not restarted within 3 s: the process of before still runs"),
    ],
    ids=["the new one fails", "the old one stays"],
)
def test_the_answers_of_the_process_of_before_are_not_those_of_the_one_that_was_started(
    sandbox: Sandbox, tmp_path: Path, late: str, told: str
) -> None:
    """It is asked to end and ready all the while; what is new on the disk it has not read."""
    assert done(up(sandbox, wish(), tmp_path))
    sandbox.write("/late", late)
    lines = up(sandbox, wish(content="flag=2\n"), tmp_path)
    assert f"failed\t{told}" in lines
    found, _ = plan(sandbox, wish(content="flag=2\n"))
    assert [start.unit.name for start in found.starts] == ["thing.service"]


def test_a_second_operator_waits_for_a_moment(sandbox: Sandbox) -> None:
    """As long as the first one only looks, or is about to end."""
    lock = sandbox.root / "var/lib/kubeup/lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("ann@laptop since 2026-11-23T20:00:00Z\n")
    holder = subprocess.Popen(
        ["flock", "--shared", str(lock), "sh", "-c", "echo held; sleep 1"], stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        assert done(sandbox.carry_out(Payload((), ())))


def test_a_second_operator_is_told_who_is_at_work(sandbox: Sandbox) -> None:
    sandbox.write("bin/flock", '#!/bin/sh\n[ "$1" != -w ] || set -- -w 1 "$3"\nexec /usr/bin/flock "$@"\n', 0o755)
    lock = sandbox.root / "var/lib/kubeup/lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("ann@laptop since 2026-11-23T20:00:00Z\n")
    with subprocess.Popen(["flock", str(lock), "cat"], stdin=subprocess.PIPE) as holder:
        while (
            b"flock" not in Path(f"/proc/{holder.pid}/cmdline").read_bytes() or not sandbox.probe(ProbeRequest()).busy
        ):
            pass
        assert sandbox.probe(ProbeRequest()).busy == "ann@laptop since 2026-11-23T20:00:00Z"
        lines = sandbox.carry_out(Payload((), ()))
        assert lines[1] == "kubeup-busy ann@laptop since 2026-11-23T20:00:00Z"
        assert holder.stdin
        holder.stdin.close()


def test_a_login_shell_that_talks_does_not_disturb_the_probe(sandbox: Sandbox) -> None:
    from kubeup.node.agent.probe import parse, probe_script

    reply = sandbox.send(Kind.PROBE, probe_script(ProbeRequest()))
    noisy = b"Welcome!\ntar\n" + reply.stdout
    assert parse(noisy, sent_at=0, received_at=0, node="n", root=str(sandbox.root)).hostname


def test_a_node_downloads_by_itself_and_notes_what_it_cannot_reach(sandbox: Sandbox, tmp_path: Path) -> None:
    import http.server
    import threading
    from functools import partial

    from kubeup.node.wire.payload import download_payload

    (tmp_path / "site").mkdir()
    (tmp_path / "site/thing").write_bytes(BINARY)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found, _ = plan(sandbox, wish())
    digest = sha256(BINARY)
    try:
        nowhere = {digest: Download("http://127.0.0.1:9/thing", digest)}
        lines = sandbox.carry_out(download_payload(found, 0, 1, "a", nowhere, Proxy()))
        assert done(lines)
        assert any(line.startswith(f"note\tmissing\t{digest}") for line in lines)
        here = {digest: Download(f"http://127.0.0.1:{server.server_port}/thing", digest)}
        lines = sandbox.carry_out(download_payload(found, 1, 2, "a", here, Proxy()))
        assert f"note\tdownloaded\t{digest}" in lines
    finally:
        server.shutdown()
        server.server_close()
    assert plan(sandbox, wish())[0].binaries == ()


def offer(sandbox: Sandbox, members: Mapping[str, bytes]) -> str:
    """An archive that every download brings; its sha256."""
    with tarfile.open(sandbox.root / "site.tgz", "w:gz") as tar:
        for member, content in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    bring = '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\ncp "$KUBEUP_ROOT/site.tgz" "$2"\n'
    sandbox.write("/bin/curl", bring, 0o755)
    return sha256((sandbox.root / "site.tgz").read_bytes())


def test_an_archive_is_gone_through_once_for_all_that_is_wanted_of_it_and_then_goes(sandbox: Sandbox) -> None:
    wanted = {f"./bin/{name}": f"the program {name}\n".encode() for name in ("one", "two", "three")}
    archive = offer(sandbox, {**wanted, "./bin/unwanted": b"of no use\n"})
    sandbox.write("/bin/gzip", '#!/bin/sh\necho x >>"$KUBEUP_ROOT/passes"\nexec /usr/bin/gzip "$@"\n', 0o755)
    binaries = tuple(Binary(member[6:], "1", sha256(content), len(content)) for member, content in wanted.items())
    url = "https://example.com/site.tgz"
    places = {sha256(content): Download(url, archive, member) for member, content in wanted.items()}
    lines = sandbox.carry_out(payload.download_payload(NodePlan("n", 0, binaries), 0, 1, "a", places, Proxy()))
    assert done(lines), lines
    for content in wanted.values():
        (stored,) = (sandbox.root / "var/lib/kubeup/store" / sha256(content)).iterdir()
        assert stored.read_bytes() == content
    assert sandbox.read("/passes") == "x\n"
    left = [path for path in (sandbox.root / "var/lib/kubeup/incoming").rglob("*") if path.is_file()]
    assert [path for path in left if path.name == archive or b"of no use" in path.read_bytes()] == []


def test_a_member_that_an_archive_lacks_is_named_and_the_archive_stays_for_the_next_try(sandbox: Sandbox) -> None:
    archive, digest = offer(sandbox, {"bin/there": BINARY}), sha256(BINARY)
    line = "download-binary\t{0}\t{1}\thttps://example.com/site.tgz\t{2}\tbin/{1}"
    steps = (line.format(digest, "there", archive), line.format("0" * 64, "gone", archive))
    lines = sandbox.carry_out(Payload(steps, ("there", "gone")))
    assert f"note\tdownloaded\t{digest}" in lines
    assert "failed\thttps://example.com/site.tgz has no member bin/gone" in lines
    assert (sandbox.root / "var/lib/kubeup/incoming/download" / archive).exists()


def test_an_action_that_failed_half_way_is_undone_by_down(sandbox: Sandbox, tmp_path: Path) -> None:
    """Nobody knows how far it came: it stays in the record, with its undo."""
    before = sandbox.tree()
    assert not done(up(sandbox, wish(action='mkdir "$KUBEUP_ROOT/half"; exit 3'), tmp_path))
    assert done(down(sandbox))
    assert sandbox.read("/undone") == "undone\n"
    for name, remove in (("undone", Path.unlink), ("half", Path.rmdir)):
        remove(sandbox.root / name)
    assert sandbox.tree() == before


def test_a_wait_is_not_cut_short_by_a_clock_that_is_set(sandbox: Sandbox, tmp_path: Path) -> None:
    """kubeup itself advises to set the clock, and that may be done while a unit is waited for."""
    jumping = (
        '#!/bin/sh\ncase $* in +%s) ;; *) exec /usr/bin/date "$@" ;; esac\n'
        'echo x >>"$KUBEUP_ROOT/jumps"; echo "$(wc -l <"$KUBEUP_ROOT/jumps")000"\n'
    )
    sandbox.write("/bin/date", jumping, 0o755)
    ready = 'echo x >>"$KUBEUP_ROOT/tries"; test "$(wc -l <"$KUBEUP_ROOT/tries")" -gt 3'
    assert done(up(sandbox, wish(ready=ready), tmp_path))


def test_a_full_disk_while_a_download_is_unpacked_is_told_as_such(sandbox: Sandbox) -> None:
    """What is cut off by a full disk is no download that was tampered with."""
    sandbox.write("/bin/curl", '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho archive >"$2"\n', 0o755)
    full = 'echo half; echo "tar: No space left on device" >&2; exit 2'
    sandbox.write("/bin/tar", f'#!/bin/sh\ncase $2 in download/*) {full} ;; esac\nexec /usr/bin/tar "$@"\n', 0o755)
    digest = sha256(BINARY)
    archive = sha256(b"archive\n")
    line = f"download-binary\t{digest}\tthing\thttps://example.com/thing.tgz\t{archive}\tbin/thing"
    lines = sandbox.carry_out(Payload((line,), ("downloading thing",)))
    assert "out\ttar: No space left on device" in lines
    assert "failed\tcannot unpack bin/thing of https://example.com/thing.tgz (is the disk full?)" in lines, lines
    assert not list((sandbox.root / "var/lib/kubeup/incoming/piece").iterdir())


def test_a_file_comes_where_kubeup_had_a_link_and_goes_with_the_rest(sandbox: Sandbox, tmp_path: Path) -> None:
    """As kubectl on PATH did, which was a link into the store."""
    linked = wish()
    assert done(up(sandbox, linked, tmp_path))
    script = File("/opt/thing/bin/thing", b"#!/bin/sh\n", mode=0o755, component="thing")
    wanted = replace(linked, binaries=(), files=(*linked.files, script))
    assert done(up(sandbox, wanted, tmp_path))
    path = sandbox.root / "opt/thing/bin/thing"
    assert not path.is_symlink()
    assert path.read_bytes() == b"#!/bin/sh\n"
    assert plan(sandbox, wanted)[0].empty
    assert done(down(sandbox))
    assert not path.exists()
