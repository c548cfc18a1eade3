"""api-balancer: the API on machines without an API server, where the cluster has several. haproxy of the distribution
on 127.0.0.1, with a unit and a file of kubeup's; nothing of the package's own service is touched.

Why haproxy: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubeup.components.base import PKI, WORKER, Component, Context, Template, http_body, http_ok
from kubeup.model.cluster import BALANCER_PORT, Value
from kubeup.model.facts import running

PROGRAM = "/usr/sbin/haproxy"
CONFIG = "/etc/kubeup/api-balancer.cfg"
STATUS_PORT = 7444
"""Plain http, on loopback only: whether it runs, and what it thinks of each API server."""


def values(_: Context) -> Mapping[str, Value]:
    return {"program": PROGRAM, "config": CONFIG, "port": BALANCER_PORT, "status_port": STATUS_PORT}


COMPONENT = Component(
    name="api-balancer",
    roles=WORKER,
    applies=lambda cluster, node: cluster.balances(node),
    templates=(Template("api-balancer.cfg", CONFIG),),
    certificates=(f"{PKI}/ca.crt",),
    # Connections that are open go on; what they go through ends after a minute, and they are made anew.
    reloads=(CONFIG, f"{PKI}/ca.crt"),
    values=values,
    questions=((running.BALANCER, http_body(STATUS_PORT, "/servers;csv;norefresh")),),
    ports=(BALANCER_PORT, STATUS_PORT),
    # Not whether a server answers: those that come up together wait for nobody.
    ready=lambda _: http_ok(STATUS_PORT, "/healthz"),
)
