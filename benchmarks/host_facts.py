"""What the figures are taken on: two lab nodes of their own, plain ssh, a clock."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from kubeup.lab import life, model

# Another run of tests or benchmarks beside this one takes a name and a subnet of its own.
NAME = f"{os.environ.get('KUBEUP_TEST_LAB', '')}bench"
SUBNET = ipaddress.IPv4Network(f"192.168.{int(os.environ.get('KUBEUP_TEST_NET', '200')) + 4}.0/24")
LIMIT = 600.0
"""Seconds for one command on a node."""
NODES = ("node3", "node4")
KEPT = "etc/kubernetes etc/kubeup etc/default etc/systemd/system opt/kubeup usr/local/bin/kubectl var/lib/kubeup/store"
HTTP = (
    "bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port} && "
    'printf "GET {path} HTTP/1.0\\r\\n\\r\\n" >&3 && grep -q " 200" <&3\''
)
WAIT = "until {check} >/dev/null 2>&1; do sleep 0.05; done"
ADMIN = "/opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf"
READY = (
    "/opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/kubelet.conf get node {node} "
    "-o jsonpath='{{.status.conditions[?(@.type==\"Ready\")].status}}' | grep -q True"
)


def ssh(node: str, script: str, stdin: int | None = subprocess.DEVNULL) -> None:
    argv = ["ssh", "-F", str(life.ssh_config(NAME)), node, script]
    subprocess.run(argv, stdin=stdin, check=True, capture_output=True, timeout=LIMIT)


def timed(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def everywhere(work: Callable[[str], object], nodes: Sequence[str] = NODES) -> None:
    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(work, nodes))


def bare() -> None:
    life.down(NAME, lambda _: None)
    life.up(model.Lab(NAME, SUBNET, len(NODES)), lambda _: None)
