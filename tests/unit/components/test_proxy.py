"""A runtime that asks registries by a proxy is not restarted for each node that joins."""

from __future__ import annotations

import pytest

from kubeup import profile
from kubeup.components import registries
from kubeup.model.cluster import Cluster
from tests.support.second_up import machine, plans, up

NOBODY: tuple[str, ...] = ()


def cluster(*hosts: str, more: str = "", proxy: str = "http://10.0.0.1:3128", runtime: str = "containerd") -> Cluster:
    roles = " ".join({"m0": "ai"}.get(host, "i") for host in hosts)
    head = f"nodes: [{', '.join(hosts)}]\nroles: {roles}\nruntime: {runtime}\naddons: []\n"
    return profile.load_text(f"{head}proxy: {{http: '{proxy}'}}\n{more}", "demo.yaml").cluster


CHANGES = {
    # nodes, further lines, the proxy -> who changes, of the nodes that were there
    "another order": (("m1", "m0"), "", "http://10.0.0.1:3128", NOBODY),
    "one that joins": (("m0", "m1", "m2"), "", "http://10.0.0.1:3128", NOBODY),
    "another proxy": (("m0", "m1"), "", "http://10.0.0.9:3128", ("m0", "m1")),
    # It is asked for images, and is no longer the proxy's business.
    "one that joins with a registry": (
        ("m0", "m1", "m2"),
        "insecure_registries: ['192.168.200.15:5000']\n",
        "http://10.0.0.1:3128",
        ("m0", "m1"),
    ),
}


@pytest.mark.parametrize("runtime", ["containerd", "docker"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_no_proxy_is_asked_for_changes_with_what_the_runtime_asks(change: str, runtime: str) -> None:
    hosts, more, proxy, changed = CHANGES[change]
    machines = {f"m{number}": machine(number) for number in range(3)}
    machines |= up(cluster("m0", "m1", runtime=runtime), machines)
    found = plans(cluster(*hosts, more=more, proxy=proxy, runtime=runtime), machines)
    path = {"containerd": registries.PROXY, "docker": "/etc/kubeup/docker-proxy.env"}[runtime]
    told = {plan.node.replace("machine", "m") for plan in found if path in {put.file.path for put in plan.files}}
    assert told - {"m2"} == set(changed)
    assert all(plan.starts for plan in found if plan.node.replace("machine", "m") in changed)
