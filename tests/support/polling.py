"""Waiting for what will be, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable


def settle(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll, with a limit."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.2)
