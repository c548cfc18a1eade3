"""One small thing to be installed in a sandbox: wished for, planned, brought up and taken down."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from kubeup.model.facts import Facts
from kubeup.model.resources import Action, Binary, Desired, Directory, File, ProbeRequest, Unit, sha256
from kubeup.node.wire.payload import level_payload, stage_payload
from kubeup.plan.steps import ComponentOrder, NodePlan
from kubeup.planning.diff import diff
from kubeup.planning.removals import empty_diff
from tests.support.sandbox import Sandbox

BINARY = b"#!/bin/sh\necho hello\n" * 1000


ORDER = (ComponentOrder("thing", 0),)


def wish(content: str = "flag=1\n", ready: str = "true", action: str = "true", check: str = "true") -> Desired:
    digest = sha256(BINARY)
    return Desired(
        files=(
            File("/etc/default/thing", content.encode(), component="thing"),
            File("/etc/thing/secret.key", b"very secret", mode=0o600, secret=True, component="thing"),
            File("/etc/systemd/system/thing.service", b"[Service]\n", component="thing"),
        ),
        binaries=(Binary("thing", "1", digest, len(BINARY), "/opt/thing/bin/thing", "thing"),),
        directories=(Directory("/var/lib/thing", 0o700, owned_recursively=True, component="thing"),),
        units=(
            Unit(
                "thing.service",
                "thing",
                ("/etc/default/thing", "/etc/thing/secret.key", "/opt/thing/bin/thing"),
                ready,
                3,
            ),
        ),
        actions=(Action("act", "an action", "thing", check, action, undo='echo undone >"$KUBEUP_ROOT/undone"'),),
        meta=(("cluster", "demo"),),
    )


def inquiry(desired: Desired) -> ProbeRequest:
    files = tuple(file.path for file in desired.files)
    links = tuple(binary.link for binary in desired.binaries)
    folders = tuple(directory.path for directory in desired.directories)
    return ProbeRequest((*files, *links, *folders), files, (), folders=folders)


def ask(box: Sandbox, desired: Desired) -> Facts:
    """Facts as the probe tells them; units and checks, which need a real systemd, by the stub's own files."""
    from kubeup.model.facts import UnitFact

    facts = box.probe(inquiry(desired))
    running = {
        path.name: UnitFact(path.name, "loaded", path.read_text().strip()) for path in (box.root / "units").iterdir()
    }
    checks = {
        action.id: facts.record.did(action.id)
        and not subprocess.run(["sh", "-c", action.check], env=box.environment(), check=False).returncode
        for action in desired.actions
    }
    return replace(facts, units=running, checks=checks)


def plan(box: Sandbox, desired: Desired) -> tuple[NodePlan, Facts]:
    facts = ask(box, desired)
    return diff("sandbox", desired, facts, ORDER), facts


def up(box: Sandbox, desired: Desired, tmp: Path) -> list[str]:
    found, facts = plan(box, desired)
    source = tmp / "thing"
    source.write_bytes(BINARY)
    lines = box.carry_out(
        stage_payload(
            found, found.generation, found.generation + 1, "ann@laptop", {}, {sha256(BINARY): source}, facts.pieces
        )
    )
    if not any(line.startswith("done") for line in lines):
        return lines
    generation = found.generation + 1
    for level in found.levels:
        lines = box.carry_out(level_payload(level, generation, generation + 1, "ann@laptop", {}))
        generation += 1
    return lines


def down(box: Sandbox) -> list[str]:
    found = empty_diff("sandbox", box.probe(ProbeRequest()))
    if found.empty:
        return ["done\t0"]
    return box.carry_out(level_payload(found.levels[0], found.generation, found.generation + 1, "ann@laptop", {}))


def done(lines: list[str]) -> bool:
    return any(line.startswith("done\t") for line in lines)
