"""Findings as values: what a check looked at, how it stands, and what to do."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Status(enum.Enum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """id: stable, KIND or KIND/NODE. message: one sentence. fix: what to type; empty where all is well."""

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
