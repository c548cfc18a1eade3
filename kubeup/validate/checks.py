"""Findings as values: what a check looked at, how it stands, and what to do; and what checks are called."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from kubeup.model.node import Node

API = "api"
QUORUM = "etcd-quorum"
LOAD_BALANCER = "load-balancer"
NETWORK_POLICY = "network-policy"
WORKLOADS_SEEN = "workloads-seen"
SERVICE_SEEN = "service-seen"
PODS_CREATED, PODS_HELD, PODS_REMOVED = "pods-created", "pods-held", "pods-removed"
"""Ids of checks that a cluster has one of; pods.sh says the first of the last three, too."""


def node_answers_id(node: str) -> str:
    return f"node-answers/{node}"


def unit_id(node: str, unit: str) -> str:
    return f"unit/{node}/{unit}"


def certificates_id(node: str) -> str:
    return f"certificates/{node}"


def kept_id(node: str, what: str) -> str:
    """what: the id of the check that rode in the probe."""
    return f"kept/{node}/{what}"


def balancer_id(node: str, master: str = "") -> str:
    """What a machine's balancer thinks of an API server; or that it did not say."""
    return f"balancer/{node}/{master}" if master else f"balancer/{node}"


def component_id(component: str, node: str) -> str:
    """What a component says of itself."""
    return f"{component}/{node}"


def component_status_id(node: str, component: str = "") -> str:
    """What the node's API server says of a component; or of none at all."""
    return f"componentstatus/{component}/{node}" if component else f"componentstatus/{node}"


def node_ready_id(node: str) -> str:
    return f"node-ready/{node}"


def version_id(node: str) -> str:
    return f"version/{node}"


def pod_id(node: str) -> str:
    """The probe pod on a node."""
    return f"pod/{node}"


def kubelet_id(kind: str, node: str) -> str:
    """kind: exec or logs."""
    return f"{kind}/{node}"


def pod_reached_id(node: str, other: str) -> str:
    """other: the node whose pod it is."""
    return f"pod-reached/{node}/{other}"


def cluster_ip_id(node: str) -> str:
    return f"cluster-ip/{node}"


def node_port_id(node: str, other: str) -> str:
    """other: the node whose port it is."""
    return f"node-port/{node}/{other}"


def reached_id(node: str) -> str:
    """Whether a node said at all what it reaches."""
    return f"reached/{node}"


def image_id(image: str) -> str:
    return f"image/{image}"


def pod_runs_id(pod: str) -> str:
    """pod: NAMESPACE/NAME."""
    return f"pod-runs/{pod}"


def pod_placed_id(pod: str) -> str:
    """pod: NAMESPACE/NAME."""
    return f"pod-placed/{pod}"


def journal(node: Node, unit: str, lines: int = 50) -> str:
    """What to type for a unit's last words."""
    return f"ssh {node.host} journalctl -u {unit} -n {lines}"


class Status(enum.Enum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """id: stable, out of the functions and names above. message: one sentence. fix: what to type; empty where all is
    well."""

    id: str
    status: Status
    message: str
    fix: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComponentStatus:
    """A line of ``kubectl get componentstatuses``. said: what that node's API server says of it, if it does."""

    master: str
    name: str
    healthy: bool
    message: str
    said: bool | None


@dataclass(frozen=True)
class NodeStatus:
    name: str
    ready: bool
    version: str
    runtime: str
    address: str
    message: str


@dataclass(frozen=True)
class ServiceStatus:
    name: str
    address: str
    ports: str


@dataclass(frozen=True)
class Health:
    """The truth about a cluster."""

    cluster: str
    server: str
    components: tuple[ComponentStatus, ...]
    nodes: tuple[NodeStatus, ...]
    services: tuple[ServiceStatus, ...]
    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        return all(check.status is not Status.FAILED for check in self.checks)
