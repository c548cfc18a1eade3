"""The same for scripts: JSON on stdout."""

from __future__ import annotations

import json
from collections.abc import Mapping

from kubeup.execution.job import Outcome
from kubeup.plan.steps import Plan
from kubeup.report.plan import words
from kubeup.validate.checks import Health


def plan(value: Plan) -> str:
    """``changed``; per node files, units, steps and bytes, none where it has not ``answered``; in ``waves`` which nodes
    go through a level together; in ``kubeup`` which version of it comes after which; in ``offers`` newer versions that
    are there for the asking; in ``leaving`` nodes that are to be removed."""
    nodes = [
        {
            "name": node.node,
            "answered": node.node not in value.absent,
            "changed": not node.empty,
            "files": [put.file.path for put in node.files],
            "units": [start.unit.name for start in node.starts],
            "steps": [line for line in map(words, node.steps) if line],
            "bytes": node.bytes_to_send,
        }
        for node in value.nodes
    ]
    waves = [
        {
            "level": wave.level,
            "nodes": list(wave.nodes),
            "restarts": list(wave.restarts),
            "before": [gate.title for gate in wave.before],
            "after": list(wave.after),
        }
        for wave in value.waves
    ]
    offers = [{"program": one.program, "has": one.has, "newer": one.newer} for one in value.offers]
    more = {"kubeup": value.kubeup, "offers": offers, "leaving": [one.name for one in value.leaving]}
    return _dump({"cluster": value.cluster, "changed": not value.empty, "nodes": nodes, "waves": waves, **more})


def outcome(value: Outcome, health: Health | None) -> str:
    """``changed``, per node what it cost, and the health where it was looked at."""
    nodes = [
        {
            "name": node.name,
            "round_trips": node.round_trips,
            "bytes": node.bytes,
            "files": list(node.files),
            "units": list(node.units),
        }
        for node in value.nodes
    ]
    told: dict[str, object] = {"changed": value.changed, "seconds": dict(value.seconds), "nodes": nodes}
    if health is not None:
        told["health"] = _health(health)
    return _dump(told)


def health(value: Health) -> str:
    """``healthy``, ``components``, ``nodes``, ``checks``."""
    return _dump(_health(value))


def _health(value: Health) -> Mapping[str, object]:
    return {
        "cluster": value.cluster,
        "healthy": value.healthy,
        "server": value.server,
        "components": [
            {
                "node": one.master,
                "name": one.name,
                "status": "Healthy" if one.healthy else "Unhealthy",
                "message": one.message,
                "api_server_says": one.said,
            }
            for one in value.components
        ],
        "nodes": [
            {
                "name": node.name,
                "ready": node.ready,
                "version": node.version,
                "runtime": node.runtime,
                "address": node.address,
            }
            for node in value.nodes
        ],
        "checks": [
            {
                "id": check.id,
                "status": check.status.value,
                "message": check.message,
                "fix": check.fix,
                "evidence": list(check.evidence),
            }
            for check in value.checks
        ],
    }


def _dump(value: object) -> str:
    return json.dumps(value, indent=2)
