"""A console as wide as pages are, which keeps what is shown on it; and a cluster that is well."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from kubeup.validate.checks import Check, ComponentStatus, Health, NodeStatus, ServiceStatus, Status

Shown = Callable[..., str]
HEALTHY = Health(
    "demo",
    "https://10.0.0.1:6443",
    (
        ComponentStatus("node3", "scheduler", healthy=True, message="ok", said=True),
        ComponentStatus("node3", "etcd-0", healthy=True, message='{"health":"true"}', said=True),
    ),
    (NodeStatus("node3", ready=True, version="v1.37.2", runtime="containerd://2.1", address="10.0.0.1", message=""),),
    (ServiceStatus("default/kubernetes", "100.0.0.1", "443/TCP"),),
    (Check("api", Status.OK, "the API answers"),),
)


@pytest.fixture
def shown() -> Shown:
    """shown(function, ...): the text that the function shows on a console, without blanks at the ends of lines."""

    def shown(show: Callable[..., None], *arguments: object, **options: object) -> str:
        console = Console(file=io.StringIO(), width=120, color_system=None)
        show(console, *arguments, **options)
        assert isinstance(console.file, io.StringIO)
        return "\n".join(line.rstrip() for line in console.file.getvalue().split("\n")).strip("\n")

    return shown
