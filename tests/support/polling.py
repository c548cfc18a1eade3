"""Waiting for what will be, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable


def settle(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Polls; fails the test where the condition does not hold after so many seconds. what: was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)
