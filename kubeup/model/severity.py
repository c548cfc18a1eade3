"""How bad a problem is, said once for profiles, preflight and what a node's Docker already has."""

from __future__ import annotations

from typing import Literal

Severity = Literal["error", "warning"]
"""An error stops before anything is touched; a warning is told, and the work goes on."""
