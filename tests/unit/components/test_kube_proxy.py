"""What kube-proxy's unit does before kube-proxy itself starts."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from kubeup.model.resources import SideEffect
from tests.support.plans import desired, two_nodes

UNIT = "/etc/systemd/system/kube-proxy.service"
# It knows a way to a Service or not, and notes which routes it is to add.
IP = """#!/bin/sh
case "$*" in
    "-4 route get 100.0.0.1") exit {} ;;
    "-4 route add "*) echo "$*" >>"$0.added" ;;
esac
"""


def before_start(node: int) -> list[list[str]]:
    """The commands, as words, without systemd's dash."""
    cluster = two_nodes()
    (unit,) = (file for file in desired(cluster, cluster.nodes[node]).files if file.path == UNIT)
    text = (unit.content or b"").decode().replace("\\\n", "")
    lines = [line.partition("=")[2] for line in text.split("\n") if line.startswith("ExecStartPre=")]
    return [shlex.split(line.lstrip("-")) for line in lines]


@pytest.mark.parametrize(("status", "added"), [(0, []), (2, ["100.0.0.0/16", "dev", "lo", "src", "192.168.200.14"])])
def test_where_no_route_leads_to_a_service_one_to_the_machine_itself_does(
    tmp_path: Path, status: int, added: list[str]
) -> None:
    ip = tmp_path / "ip"
    ip.write_text(IP.format(status))
    ip.chmod(0o755)
    (command,) = (words for words in before_start(1) if "ip -4" in words[-1])
    subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, timeout=10)
    noted = tmp_path / "ip.added"
    assert (noted.read_text().split()[3:] if noted.exists() else []) == added


def test_routes_to_services_and_pods_go_with_the_cluster() -> None:
    cluster = two_nodes()
    effects = desired(cluster, cluster.nodes[1]).side_effects
    assert {SideEffect("routes", "100.0.0.0/16"), SideEffect("routes", "172.16.0.0/16")} <= set(effects)
